"""Releases over HTTPS: certificates count, and what begins with TLS stays with it."""

import os
import shutil
import ssl
import subprocess

import pytest

from tests import releases
from tests.install.box import PATIENCE_S

STORE = "/etc/ssl/certs/ca-certificates.crt"  # of Debian, of which every program here makes use


@pytest.fixture
def certificate(place):
    """Of 127.0.0.1, signed by itself."""
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", place / "tls.key",
            "-out", place / "tls.pem"]  # fmt: skip
    subprocess.run(argv, check=True, capture_output=True, timeout=PATIENCE_S)
    return place / "tls.pem"


@pytest.fixture
def secure(place, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, place / "tls.key")
    with releases.Server(place / "secure", context) as server:
        yield server


@pytest.fixture(params=["curl", "wget"])
def trusting(request, box, secure, certificate):
    """A machine that trusts the server; downloads by one program."""
    if shutil.which(request.param) is None or not os.path.exists(STORE):
        pytest.skip(f"{request.param} or {STORE} is not installed")
    if request.param == "wget":
        box.take("curl")
        box.give("wget", "wget")
    secure.publish("9.9.1", box.make("9.9.1"), box.key)
    box.env["AIMX_RELEASE_MANIFEST_URL"] = secure.manifest
    box.mounts.append(f"mount --bind {certificate} {STORE}")
    return box


def test_a_release_comes_over_https(trusting):
    run = trusting.run()
    assert run.status == 0, run.text
    assert trusting.works("9.9.1")


def test_a_certificate_that_nobody_knows_ends_it(trusting, secure):
    trusting.mounts.clear()
    run = trusting.run()
    assert run.status == 1
    assert "the release could not be fetched: https://127.0.0.1:" in run.text
    assert (secure.asked, list(trusting.bin.iterdir())) == ([], [])


@pytest.mark.parametrize("name", ["latest.json", "SHA256SUMS", "*.tar.gz"])
def test_a_redirect_never_leaves_tls(trusting, secure, name):
    trusting.publish("9.9.1")
    secure.faults[f"*/{name}"] = f"redirect {trusting.server.base}/9.9.1/x"
    run = trusting.run()
    assert run.status == 1
    assert f"refusing a redirect to a non-HTTPS URL: {trusting.server.base}" in run.text
    assert trusting.server.asked == []


def test_neither_do_artefacts_of_a_manifest(trusting, secure):
    directory = trusting.publish("9.9.1")
    told = releases.manifest("9.9.1", directory, f"{trusting.server.base}/9.9.1")
    secure.tell("9.9.1", assets=told["assets"])
    run = trusting.run()
    assert run.status == 1
    assert f"refusing non-HTTPS URL: {trusting.server.base}/9.9.1/SHA256SUMS" in run.text
    assert trusting.server.asked == []


def test_what_comes_over_the_network_names_no_file(box):
    directory = box.publish("9.9.1")
    told = releases.manifest("9.9.1", directory, directory.as_uri())
    box.server.tell("9.9.1", assets=told["assets"])
    run = box.run()
    assert run.status == 1
    assert f"refusing non-HTTPS URL: {directory.as_uri()}/SHA256SUMS" in run.text
