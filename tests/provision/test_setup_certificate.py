"""The certificate: what is recognised, what is made, and that no moment has a pair that does not fit."""

import datetime
import os
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aimx import limits
from aimx.daemon.certificate import server_context
from aimx.provision.setup import certificate

NOW = time.time()
DOMAIN = "agent.example.test"


def put(directory, domain=DOMAIN, now=NOW):
    fd = os.open(directory, os.O_RDONLY)
    try:
        certificate.replace(fd, certificate.make(directory, domain, now))
    finally:
        os.close(fd)


def signed_by_another(directory):
    """As an authority would."""
    key = ec.generate_private_key(ec.SECP256R1())

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    begin = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name(DOMAIN)).issuer_name(name("An authority"))
        .public_key(key.public_key()).serial_number(1).not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=9)).sign(key, hashes.SHA256())
    )  # fmt: skip
    form = serialization.Encoding.PEM
    (directory / "cert.pem").write_bytes(made.public_bytes(form))
    private = serialization.PrivateFormat.PKCS8
    (directory / "key.pem").write_bytes(key.private_bytes(form, private, serialization.NoEncryption()))


def test_ours_is_for_its_domain_and_the_daemon_loads_it(tmp_path):
    put(tmp_path, "Agent.Example.Test")
    server_context(tmp_path / "cert.pem", tmp_path / "key.pem")
    seen = certificate.look(tmp_path, NOW)
    assert (seen.state, seen.names) == ("good", (DOMAIN,))
    assert seen.serves("AGENT.example.test")
    assert not seen.serves("other.test")
    assert oct((tmp_path / "key.pem").stat().st_mode & 0o777) == "0o600"
    made = x509.load_pem_x509_certificate((tmp_path / "cert.pem").read_bytes())
    assert isinstance(made.public_key(), ec.EllipticCurvePublicKey)
    assert (made.not_valid_after_utc - made.not_valid_before_utc).days == limits.CERTIFICATE_DAYS
    assert made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False


def test_a_name_longer_than_a_common_name_may_be(tmp_path):
    domain = f"{'a' * 63}.{'b' * 63}.test"
    put(tmp_path, domain)
    assert certificate.look(tmp_path, NOW).serves(domain)


def test_another_one_goes_on_with_the_key(tmp_path):
    put(tmp_path)
    key = (tmp_path / "key.pem").read_bytes()
    put(tmp_path, "other.test")
    assert (tmp_path / "key.pem").read_bytes() == key
    assert certificate.look(tmp_path, NOW).serves("other.test")


@pytest.mark.parametrize("spoil", ["0644", "rubbish", "link"])
def test_a_key_that_others_saw_or_that_is_none_is_not_kept(tmp_path, spoil):
    put(tmp_path)
    path = tmp_path / "key.pem"
    before = path.read_bytes()
    if spoil == "0644":
        path.chmod(0o644)
    elif spoil == "link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.write_text("no key")
    put(tmp_path)
    assert path.read_bytes() != before
    assert not path.is_symlink()
    assert certificate.look(tmp_path, NOW).state == "good"


DAY = 86_400
STATES = {
    "nothing": (lambda _: None, "missing"),
    "good": (put, "good"),
    "expired": (lambda place: put(place, now=NOW - 900 * DAY), "ending"),
    "ends soon": (lambda place: put(place, now=NOW - 800 * DAY), "ending"),
    "no key": (lambda place: (put(place), (place / "key.pem").unlink()), "broken"),
    "another key": (
        lambda place: (put(place), signed_by_another(place / "x"), (place / "x/key.pem").rename(place / "key.pem")),
        "broken",
    ),
    "rubbish": (lambda place: (place / "cert.pem").write_text("rubbish"), "foreign-broken"),
    "a directory": (lambda place: (place / "cert.pem").mkdir(), "foreign-broken"),
    "a key that is rubbish": (lambda place: (put(place), (place / "key.pem").write_text("rubbish")), "broken"),
    "an authority's": (signed_by_another, "foreign"),
    "an authority's without key": (
        lambda place: (signed_by_another(place), (place / "key.pem").unlink()), "foreign-broken",
    ),
    "a link to a good one": (
        lambda place: (put(place / "x"), [(place / n).symlink_to(place / "x" / n) for n in ("cert.pem", "key.pem")]),
        "foreign",
    ),
    "a link to nothing": (lambda place: (place / "cert.pem").symlink_to("/nowhere"), "foreign-broken"),
}  # fmt: skip


@pytest.mark.parametrize("case", STATES.values(), ids=STATES)
def test_what_is_there_is_recognised(tmp_path, case):
    prepare, state = case
    (tmp_path / "x").mkdir()
    prepare(tmp_path)
    seen = certificate.look(tmp_path, NOW)
    assert seen.state == state
    assert bool(seen.why) == (state not in ("missing", "good", "foreign"))


def test_what_was_there_is_put_back(tmp_path):
    put(tmp_path)
    before = certificate.present(tmp_path)
    (tmp_path / "key.pem").chmod(0o644)
    put(tmp_path, "other.test")
    fd = os.open(tmp_path, os.O_RDONLY)
    certificate.put_back(fd, before)
    os.close(fd)
    assert certificate.present(tmp_path) == before
    assert certificate.look(tmp_path, NOW).serves(DOMAIN)
