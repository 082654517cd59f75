"""A release directory: names, checksums, signature, manifests, installers; and a second build is equal."""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from aimx import built
from install.release import version

ROOT = Path(__file__).parents[2]
BUILD_S = 900


@pytest.fixture(scope="module")
def again(release, tag, tmp_path_factory):
    """The same commit, built elsewhere: another path, umask, time zone and locale, later."""
    place = tmp_path_factory.mktemp("elsewhere") / "a rather long name of a directory"
    subprocess.run(["git", "clone", "-q", "--no-checkout", str(ROOT), str(place)], check=True)
    subprocess.run(["git", "-C", str(place), "read-tree", "HEAD"], check=True)
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=True).stdout
    for name in filter(None, os.fsdecode(listed).split("\0")):
        if os.path.lexists(ROOT / name):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place / name, follow_symlinks=False)
    argv = [sys.executable, "-m", "install.release", *shlex.split(os.environ["AIMX_RELEASE_OPTIONS"])]
    argv += ["--tag", tag, "--out", str(place / "made")]
    script = 'umask 077; cd "$1"; shift; exec "$@"'
    env = {**os.environ, "TZ": "Asia/Kathmandu", "LC_ALL": "C", "LANG": "C", "PYTHONHASHSEED": "7"}
    subprocess.run(["sh", "-c", script, "sh", str(place), *argv], check=True, timeout=BUILD_S, env=env)
    return place / "made" / tag


def public(release):
    """The key that the installer has."""
    text = (release / "install.sh").read_text()
    begin, end = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
    return text[text.index(begin) : text.index(end) + len(end)].encode() + b"\n"


def test_every_artefact_is_there_and_summed(release, tag):
    names = {path.name for path in release.iterdir()}
    this = version.version(tag)
    bundle = f"aimx-{tag}-x86_64-linux-gnu.tar.gz"
    debian = f"aimx_{this.debian.replace('~', '.')}_amd64.deb"
    artefacts = {
        bundle, f"{bundle}.sha256", debian, f"aimx-{this.python}.tar.gz", f"aimx-{this.python}-py3-none-any.whl",
        "install.sh", "portcheck.sh",
    }  # fmt: skip
    assert names == artefacts | {"SHA256SUMS", "SHA256SUMS.sig", "NOTES.md", "latest.json", f"tag-{tag}.json"}
    lines = (release / "SHA256SUMS").read_text().splitlines()
    assert {line.split("  ")[1] for line in lines} == artefacts
    subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=release, check=True, capture_output=True)
    subprocess.run(["sha256sum", "--strict", "-c", f"{bundle}.sha256"], cwd=release, check=True, capture_output=True)


def test_the_signature_is_by_the_key_of_the_installer(release, tmp_path):
    (tmp_path / "key.pem").write_bytes(public(release))
    sums, signature = release / "SHA256SUMS", release / "SHA256SUMS.sig"
    argv = ["openssl", "dgst", "-sha256", "-verify", str(tmp_path / "key.pem"), "-signature", str(signature), str(sums)]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "Verified OK\n"
    key = serialization.load_pem_public_key(public(release))
    key.verify(signature.read_bytes(), sums.read_bytes(), padding.PKCS1v15(), hashes.SHA256())
    assert key.key_size >= 3072


def test_the_manifest_names_every_file(release, tag):
    manifest = json.loads((release / "latest.json").read_text())
    assert manifest == json.loads((release / f"tag-{tag}.json").read_text())
    assert manifest["tag_name"] == tag
    files = {path.name for path in release.iterdir() if path.suffix != ".json"}
    assert {asset["name"] for asset in manifest["assets"]} == files
    for asset in manifest["assets"]:
        assert asset["browser_download_url"].endswith(f"/{tag}/{asset['name']}")


def test_the_installer_knows_where_and_who(release):
    text = (release / "install.sh").read_text()
    assert f"MANIFEST_URL='{built.MANIFEST}'\n" in text and "MINIMUM_GLIBC='2.36'\n" in text
    for name in ("install.sh", "portcheck.sh"):
        subprocess.run(["dash", "-n", str(release / name)], check=True)


def test_the_tarball_is_as_the_guide_has_it(release, tag):
    stem = f"aimx-{tag}-x86_64-linux-gnu"
    with tarfile.open(release / f"{stem}.tar.gz") as opened:
        members = opened.getmembers()
    names = {member.name for member in members}
    assert {stem, f"{stem}/aimx", f"{stem}/LICENSE", f"{stem}/README.md", f"{stem}/book"} <= names
    assert {name.split("/")[0] for name in names} == {stem}
    assert f"{stem}/book/README.md" in names
    assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "")}
    assert {member.mode for member in members} == {0o755, 0o644}


def test_wheel_and_source_know_their_release(release, tag):
    this = version.version(tag)
    with zipfile.ZipFile(release / f"aimx-{this.python}-py3-none-any.whl") as wheel:
        built_as = wheel.read("aimx/built.py").decode()
        names = wheel.namelist()
    assert f"TAG = {tag!r}" in built_as and f"COMMIT = {this.commit!r}" in built_as and "TARGET = ''" in built_as
    assert any(name.startswith("aimx/integrations/bundles/") for name in names)
    assert any(name.endswith(".tcss") for name in names)
    with tarfile.open(release / f"aimx-{this.python}.tar.gz") as source:
        held = source.getnames()
    assert {f"aimx-{this.python}/{name}" for name in ("PKG-INFO", "pyproject.toml", "agents", "tests")} <= set(held)


def test_no_path_of_the_builder_is_inside(program):
    octets = program.read_bytes()
    payload = octets[int(octets.split(b"octet ", 1)[1].split(b" ", 1)[0]) - 1 :]
    assert hashlib.sha256(payload).hexdigest().encode() in octets[: -len(payload)]
    unpacked = subprocess.run(["gzip", "-dc"], input=payload, capture_output=True, check=True).stdout
    for wanted in (b"aimx-release-", str(ROOT).encode()):
        assert wanted not in unpacked


def test_a_second_build_elsewhere_is_the_same_in_every_octet(release, again):
    first = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in release.iterdir()}
    second = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in again.iterdir()}
    assert second == first
