"""Releases that are fetched over loopback or from a directory, with everything that can be wrong with them."""

import os
import re
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aimx import limits
from aimx.effects import lock
from aimx.effects.build import build
from aimx.errors import AimxError
from aimx.provision.upgrade import fetch, manifest
from aimx.provision.upgrade.plan import Wanted
from aimx.provision.upgrade.story import Own, Screen, Upgrade
from tests import releases, upgrades

NEW = "1.1.0"
NAME = manifest.tarball(NEW, releases.TARGET)


class World:
    """A machine on 1.0.0, its key, a server with 1.1.0."""

    def __init__(self, tree):
        self.key, self.machine = releases.Key(), upgrades.Machine(tree / "m")
        self.machine.install("1.0.0")
        self.program = self.machine.light(tree / "new", NEW)
        self.server = releases.Server(tree / "releases")
        self.server.publish(NEW, self.program, self.key)
        self.picture = self.look()

    def look(self):
        return {
            path: path.read_bytes()
            for path in self.machine.tree.rglob("*")
            if path.is_file() and path.suffix != ".lock"
        }

    def upgrade(self, version=None, url=None, how="look", tag="1.0.0"):
        own = Own(tag, releases.TARGET, (self.key.public,))
        said = []
        run = Upgrade(self.machine.site, own, url or self.server.manifest, Screen(said.append, lambda *_: None))
        return trio.run(getattr(run, how), Wanted(version))

    def refused(self, **how):
        """Why; nothing has changed."""
        with pytest.raises(AimxError) as error:
            self.upgrade(**how)
        assert self.look() == self.picture
        return error.value.reason


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        world = World(tmp_path_factory.mktemp("world"))
        patch.setenv("PATH", world.machine.path)
        with world.server:
            yield world


@pytest.fixture
def world(made, monkeypatch):
    """Whatever a test does to the release is undone."""
    yield made
    made.server.faults.clear()
    made.server.asked.clear()
    made.server.publish(NEW, made.program, made.key)


def test_what_is_asked_for_and_by_whom(world):
    assert world.upgrade().target == NEW
    assert world.server.asked == ["/latest.json", f"/{NEW}/SHA256SUMS", f"/{NEW}/SHA256SUMS.sig", f"/{NEW}/{NAME}"]
    assert world.server.agents == {f"aimx/{build().tag}"}
    assert world.look() == world.picture


@pytest.mark.parametrize("place", ["latest.json", "releases/latest"])
def test_by_tag(world, place):
    url = f"{world.server.base}/{place}"
    plan = world.upgrade(NEW, url)
    assert (plan.current, plan.target, plan.source) == ("1.0.0", NEW, NAME)
    assert world.server.asked[0] in (f"/tag-{NEW}.json", f"/releases/tags/{NEW}")


def test_from_a_directory(world):
    assert world.upgrade(url=world.server.files).target == NEW
    assert world.upgrade(NEW, world.server.files).target == NEW
    assert world.server.asked == []


def test_up_to_date_fetches_nothing_more(world):
    assert world.upgrade(tag=NEW).kind == "none"
    assert world.server.asked == ["/latest.json"]


# The fault, where, and what is told. Each leaves the machine as it is.
FAULTS = {
    "no manifest": ("404", "/latest.json", "resolve manifest: .*there is no such thing .HTTP 404"),
    "too many asked": ("403", "/latest.json", "resolve manifest: .*too many asked.*HTTP 403"),
    "manifest broken": ("500", "/latest.json", "resolve manifest: .*HTTP 500"),
    "manifest cut": ("truncated", "/latest.json", "resolve manifest: "),
    "manifest empty": ("empty", "/latest.json", "resolve manifest: .*no JSON"),
    "manifest in circles": ("loop", "/latest.json", "resolve manifest: .*redirects again and again"),
    "manifest elsewhere": ("redirect http://example.test/", "/latest.json", "refusing non-HTTPS release URL: http://ex"),
    "manifest is a file": ("redirect file:///etc/passwd", "/latest.json", "refusing non-HTTPS release URL: file:"),
    "manifest without end": ("endless", "/latest.json", "resolve manifest: .*larger than"),
    "no list": ("404", "*/SHA256SUMS", "fetch tarball: .*HTTP 404"),
    "no signature": ("404", "*.sig", "fetch tarball: .*HTTP 404"),
    "list changed": ("tampered", "*/SHA256SUMS", "verify tarball: SHA256SUMS.sig is not by a key of aimx"),
    "list cut": ("truncated", "*/SHA256SUMS", "fetch tarball: "),
    "list empty": ("empty", "*/SHA256SUMS", "verify tarball: .*not by a key"),
    "list without end": ("endless", "*/SHA256SUMS", "fetch tarball: .*larger than 65536 octets"),
    "signature changed": ("tampered", "*.sig", "verify tarball: SHA256SUMS.sig is not by a key of aimx"),
    "no tarball": ("404", "*.tar.gz", "fetch tarball: .*HTTP 404"),
    "tarball changed": ("tampered", "*.tar.gz", "verify tarball: .*its checksum is another one"),
    "tarball cut": ("truncated", "*.tar.gz", "fetch tarball: "),
    "tarball empty": ("empty", "*.tar.gz", "verify tarball: .*its checksum is another one"),
    "tarball elsewhere": ("redirect http://10.1.2.3/x", "*.tar.gz", "refusing non-HTTPS release URL: http://10.1.2.3/x"),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "where", "told"), FAULTS.values(), ids=FAULTS)
def test_a_server_that_fails(world, fault, where, told):
    world.server.faults[where] = fault
    reason = world.refused(how="run")
    assert re.search(told, reason), reason


@pytest.mark.parametrize("fault", ["redirect", "no length"])
def test_a_server_that_is_only_odd(world, fault):
    world.server.faults["*"] = fault
    if fault == "redirect":
        world.server.faults = dict.fromkeys(("/latest.json", f"/{NEW}/*"), fault)
    assert world.upgrade().target == NEW


def test_a_server_that_stalls(world, monkeypatch):
    monkeypatch.setattr(limits, "RELEASE_STALL_S", 0.2)
    world.server.faults["*.tar.gz"] = "stalled"
    assert "nothing comes for 0 s" in world.refused()


def test_a_server_that_takes_too_long(world, monkeypatch):
    monkeypatch.setattr(fetch, "TARBALL", fetch.Bounds(limits.RELEASE_TARBALL_OCTETS, 0.2))
    world.server.faults["*.tar.gz"] = "stalled"
    assert "not here within" in world.refused()


def test_a_tarball_that_is_too_large(world, monkeypatch):
    monkeypatch.setattr(fetch, "TARBALL", fetch.Bounds(100, 60.0))
    assert "larger than 100 octets" in world.refused()


def test_nobody_there(world):
    assert "resolve manifest: " in world.refused(url="http://127.0.0.1:1/latest.json")
    assert "No such file" in world.refused(url="file:///nonexistent/latest.json")


def test_another_release_than_the_one_that_was_asked_for(world):
    world.server.publish("1.0.5", world.program, world.key)
    os.replace(world.server.root / "tag-1.0.5.json", world.server.root / "tag-1.0.9.json")
    assert "is about 1.0.5, not about 1.0.9" in world.refused(version="1.0.9")


def test_an_old_release_cannot_be_passed_off_as_a_new_one(world):
    """Everything in it is signed; only what announces it, which is not, calls it newer than it is."""
    old = world.server.root / "0.9.0"
    releases.release(old, "0.9.0", world.program, world.key)
    name = manifest.tarball("9.0.0", releases.TARGET)
    assets = [
        {"name": one, "browser_download_url": f"{world.server.base}/0.9.0/{other}"}
        for one, other in (
            ("SHA256SUMS", "SHA256SUMS"), ("SHA256SUMS.sig", "SHA256SUMS.sig"),
            (name, manifest.tarball("0.9.0", releases.TARGET)),
        )
    ]  # fmt: skip
    world.server.tell(NEW, tag_name="9.0.0", assets=assets)
    assert f"verify tarball: SHA256SUMS does not name {name}" in world.refused(how="run")


def test_a_program_that_says_it_is_another(world):
    """A mistake of who made the release: the archive is called 1.1.0, the program in it is not."""
    world.server.publish(NEW, world.machine.light(world.machine.tree.parent / "odd", "1.0.7"), world.key)
    assert "the program in it says that it is 1.0.7" in world.refused(how="run")


def test_a_release_of_somebody_else(world):
    world.server.publish(NEW, world.program, releases.Key())
    assert "not by a key of aimx" in world.refused(how="run")


def test_no_tarball_for_this_machine(world):
    world.server.publish("1.2.0", world.program, world.key, target="s390x-unknown-linux-gnu")
    assert f"release 1.2.0 has no aimx-1.2.0-{releases.short()}.tar.gz" in world.refused()


@pytest.mark.parametrize(
    ("left_out", "told"), [("SHA256SUMS", "has no SHA256SUMS"), ("SHA256SUMS.sig", "has no SHA256SUMS.sig")]
)
def test_a_release_without(world, left_out, told):
    directory = world.server.root / NEW
    rows = manifest_rows(world, lambda name: name != left_out)
    world.server.tell(NEW, assets=rows)
    assert directory.exists()
    assert told in world.refused()


def manifest_rows(world, wanted):
    """The assets whose names are wanted."""
    rows = releases.manifest(NEW, world.server.root / NEW, f"{world.server.base}/{NEW}")["assets"]
    return [row for row in rows if wanted(row["name"])]


ODD = {
    "no archive": (b"hello", "no archive of a release"),
    "no gzip in it": (b"\x1f\x8b\x08\0\0\0\0\0\0\3hello", "no archive of a release"),
    "no program": (releases.tarball(b"", NEW, members={"aimx": b"x"}), "there is no aimx-1.1.0"),
    "nothing": (releases.tarball(b"", NEW, members={}), "there is no aimx-1.1.0"),
}


@pytest.mark.parametrize(("octets", "told"), ODD.values(), ids=ODD)
def test_a_tarball_that_is_none(world, octets, told):
    (world.server.root / NEW / NAME).write_bytes(octets)
    releases.seal(world.server.root / NEW, world.key)
    world.server.tell(NEW)
    assert told in world.refused(how="run")


def test_two_at_once(world):
    with lock.sole(world.machine.tree / "run/aimx-upgrade.lock", "`aimx upgrade`"):
        world.picture = world.look()
        assert f"another `aimx upgrade` is at work on this machine (process {os.getpid()})" in world.refused(how="run")
        assert world.upgrade().target == NEW, "a look disturbs nobody"


@pytest.fixture
def secure(world, tmp_path):
    """The same over HTTPS, with a certificate of nobody's, and where that is."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "releases")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1)).add_extension(address, False)
        .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    )  # fmt: skip
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = tmp_path / "pem"
    pem.write_bytes(
        made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *form)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with releases.Server(tmp_path / "releases", context) as server:
        server.publish(NEW, world.program, world.key)
        yield server, pem


def test_https(world, secure, monkeypatch):
    server, pem = secure
    assert "certificate verify failed: self-signed" in world.refused(url=server.manifest)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    assert world.upgrade(url=server.manifest).target == NEW
    server.faults["/latest.json"] = f"redirect {world.server.manifest}"
    assert "refusing non-HTTPS release URL: http://127.0.0.1" in world.refused(url=server.manifest)
    assert world.server.asked == []
