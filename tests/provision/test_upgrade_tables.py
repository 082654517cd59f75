"""What an upgrade decides without looking at anything: versions, URLs, manifests, checksums, plans, refusals."""

import itertools
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx import built
from aimx.effects.running import Running
from aimx.errors import Failed, Refused
from aimx.provision.upgrade import manifest, plan, refusal, semver, sums
from aimx.provision.upgrade.plan import Service, Wanted
from tests import releases

# SemVer 2.0.0 section 11, and what is beside it.
ORDER = (
    "0.0.1", "0.1.0", "0.9.9", "0.10.0", "1.0.0-0", "1.0.0-2", "1.0.0-10", "1.0.0-12-gabcdef1-dirty", "1.0.0-alpha",
    "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc", "1.0.0-rc.9",
    "1.0.0-rc.10", "1.0.0-rc.10.0", "1.0.0-rc10", "1.0.0-rc9", "1.0.0", "1.0.1-rc.1", "2.0.0", "10.0.0",
)  # fmt: skip
NO_TAGS = (
    "", "1", "1.0", "1.0.0.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0-a..b", "1.0.0+", "1.0.0 ", "1.0.0\n",
    "../1.0.0", "1.0.0/..", "0.3.0.dev0", "dev", "1.0.0-ü", "1.0.0-" + "a" * 100, "٣.0.0",
)  # fmt: skip
GITHUB = "https://api.github.com/repos/uzyn/aimx/releases/latest"


def found(tag):
    """The version; it is one."""
    version = semver.version(tag)
    assert version is not None, tag
    return version


def test_precedence():
    for earlier, later in itertools.combinations(ORDER, 2):
        assert found(earlier) < found(later), (earlier, later)
        assert not found(later) < found(earlier), (earlier, later)
        assert found(earlier) != found(later), (earlier, later)


@pytest.mark.parametrize("tag", NO_TAGS)
def test_no_tag(tag):
    assert semver.version(tag) is None


def test_build_metadata_has_no_precedence():
    assert found("1.0.0+a") == found("1.0.0+b.1") == found("1.0.0")
    assert found("1.0.0-rc.1+7") < found("1.0.0")


@pytest.mark.parametrize(
    ("given", "tag"), [("v1.2.3", "1.2.3"), ("V1.2.3", "1.2.3"), ("1.2.3", "1.2.3"), ("vim", "vim"), ("", "")]
)
def test_a_v_before_a_digit_goes(given, tag):
    assert semver.bare(given) == tag


_NUMBERS = st.integers(0, 30).map(str)
_WORDS = st.one_of(_NUMBERS, st.sampled_from(["rc", "alpha", "a-b", "0a", "-"]))
_TAGS = st.builds(
    lambda numbers, words: ".".join(numbers) + (f"-{'.'.join(words)}" if words else ""),
    st.lists(_NUMBERS, min_size=3, max_size=3), st.lists(_WORDS, max_size=3),
)  # fmt: skip


@given(st.lists(_TAGS, min_size=3, max_size=3))
def test_precedence_is_an_order(tags):
    one, two, three = sorted(found(tag) for tag in tags)
    assert one <= two <= three
    assert one <= three
    assert (one < two) + (one == two) + (two < one) == 1


URLS = {
    "https": ("https://example.test/a?b=c", True),
    "https port": ("https://example.test:8443/a", True),
    "file": ("file:///srv/aimx/latest.json", True),
    "file with a blank": ("file:///srv/a%20b", True),
    "loopback": ("http://127.0.0.1:8000/latest.json", True),
    "loopback 127.9.9.9": ("http://127.9.9.9/latest.json", True),
    "loopback 6": ("http://[::1]:80/latest.json", True),
    "http": ("http://example.test/latest.json", False),
    "http localhost": ("http://localhost/latest.json", False),
    "http private": ("http://10.0.0.1/latest.json", False),
    "http 127 in a name": ("http://127.0.0.1.example.test/", False),
    "http user": ("http://127.0.0.1@example.test/", False),
    "https user": ("https://user@example.test/", False),
    "file of a host": ("file://example.test/a", False),
    "file relative": ("file:a", False),
    "file nothing": ("file://", False),
    "file nul": ("file:///a%00b", False),
    "file bracket": ("file://[", False),
    "ftp": ("ftp://example.test/a", False),
    "blank": ("https://example.test/a b", False),
    "line": ("https://example.test/a\r\nX: y", False),
    "empty": ("", False),
}


@pytest.mark.parametrize(("url", "allowed"), URLS.values(), ids=URLS)
def test_urls(url, allowed):
    if allowed:
        manifest.where(url)
    else:
        with pytest.raises(Refused, match="refusing non-HTTPS release URL"):
            manifest.where(url)


WITHIN = {
    ("https://a.test/", "https://b.test/"): True,
    ("https://a.test/", "http://127.0.0.1/"): False,
    ("https://a.test/", "file:///etc/shadow"): False,
    ("http://127.0.0.1/", "file:///etc/shadow"): False,
    ("http://127.0.0.1/", "http://127.0.0.1:81/"): True,
    ("http://127.0.0.1/", "https://b.test/"): True,
    ("file:///a", "file:///b"): True,
    ("file:///a", "http://127.0.0.1/"): True,
    ("file:///a", "http://b.test/"): False,
}


@pytest.mark.parametrize(("source", "url"), WITHIN)
def test_urls_told_of_by_others(source, url):
    within = manifest.where(source)
    if WITHIN[source, url]:
        manifest.where(url, within)
    else:
        with pytest.raises(Refused):
            manifest.where(url, within)


def test_where_a_tag_is_told_of():
    assert manifest.of_tag(GITHUB, None) == GITHUB
    assert manifest.of_tag(GITHUB, "1.2.3") == "https://api.github.com/repos/uzyn/aimx/releases/tags/1.2.3"
    assert manifest.of_tag("file:///srv/latest.json", "1.2.3") == "file:///srv/tag-1.2.3.json"
    with pytest.raises(Refused, match=r"neither in /latest nor in latest.json"):
        manifest.of_tag("https://a.test/releases", "1.2.3")


def test_names_of_files():
    assert manifest.tarball("1.2.3", "aarch64-unknown-linux-musl") == "aimx-1.2.3-aarch64-linux-musl.tar.gz"


GOOD = {
    "tag_name": "1.2.3",
    "assets": [{"name": "a", "browser_download_url": "u"}, {"name": "b", "browser_download_url": "v"}],
}
BAD = {
    "no JSON": b"<html>",
    "no object": b"[]",
    "deep": b"[" * 100_000,
    "no tag": json.dumps({"assets": []}).encode(),
    "no assets": json.dumps({"tag_name": "1.2.3"}).encode(),
    "odd tag": json.dumps({"tag_name": "../../etc", "assets": []}).encode(),
    "tag that is no text": json.dumps({"tag_name": 1, "assets": []}).encode(),
    "odd asset": json.dumps({"tag_name": "1.2.3", "assets": ["a"]}).encode(),
    "asset without URL": json.dumps({"tag_name": "1.2.3", "assets": [{"name": "a"}]}).encode(),
    "octets": b"\xff\xfe",
}  # fmt: skip


def test_a_manifest():
    told = manifest.parse(json.dumps(GOOD | {"tag_name": "v1.2.3"}).encode(), "here")
    assert (told.tag, told.url("b")) == ("1.2.3", "v")
    with pytest.raises(Failed, match=r"release 1.2.3 has no c"):
        told.url("c")
    twice = manifest.parse(json.dumps(GOOD | {"assets": GOOD["assets"] * 2}).encode(), "here")
    with pytest.raises(Failed, match=r"release 1.2.3 has more than one a"):
        twice.url("a")


@pytest.mark.parametrize("octets", BAD.values(), ids=BAD)
def test_no_manifest(octets):
    with pytest.raises(Failed, match=r"^here: "):
        manifest.parse(octets, "here")


@pytest.fixture(scope="module")
def key():
    """Signs releases."""
    return releases.Key()


LIST = b"a" * 64 + b"  one.tar.gz\n" + b"b" * 64 + b" *two\n"


def test_a_signed_list(key):
    found = sums.check(LIST, key.sign(LIST), (releases.Key().public, key.public))
    assert found == {"one.tar.gz": "a" * 64, "two": "b" * 64}
    assert sums.of(found, "two") == "b" * 64
    with pytest.raises(Failed, match=r"SHA256SUMS does not name aimx-9.9.9.tar.gz"):
        sums.of(found, "aimx-9.9.9.tar.gz")


@pytest.mark.parametrize(
    "octets", [LIST[:-1], LIST + b"\n", b"c" + LIST[1:], b""], ids=["short", "long", "other", "empty"]
)
def test_a_list_that_was_changed(key, octets):
    with pytest.raises(Failed, match="not by a key of aimx"):
        sums.check(octets, key.sign(LIST), (key.public,))


@pytest.mark.parametrize("signature", [b"", b"x", b"\0" * 384, b"\xff" * 384, b"\0" * 10_000], ids=len)
def test_no_signature(key, signature):
    with pytest.raises(Failed, match="not by a key of aimx"):
        sums.check(LIST, signature, (key.public,))


def test_nobody_to_believe(key):
    with pytest.raises(Refused, match="no release"):
        sums.check(LIST, key.sign(LIST), ())
    with pytest.raises(Failed, match="a key that is none"):
        sums.check(LIST, key.sign(LIST), ("-----BEGIN PUBLIC KEY-----",))


ODD_LISTS = (
    b"x\n",
    b"a" * 64 + b" one\n",
    b"a" * 64 + b"  ../one\n",
    b"A" * 64 + b"  one\n",
    LIST + LIST,
    b"\xff\n",
    b"a" * 64 + b"  \n",
)


@pytest.mark.parametrize("octets", ODD_LISTS, ids=range(len(ODD_LISTS)))
def test_a_list_that_is_none(key, octets):
    with pytest.raises(Failed, match=r"line [0-9] is no checksum"):
        sums.check(octets, key.sign(octets), (key.public,))


KINDS = {
    ("1.0.0", "1.0.0", None, False): "none",
    ("1.0.0", "1.0.0", "1.0.0", False): "none",
    ("1.0.0", "1.0.0", None, True): "repair",
    ("1.0.0", "1.1.0", None, False): "upgrade",
    ("1.0.0", "1.1.0", None, True): "upgrade",
    ("1.0.0-rc.9", "1.0.0-rc.10", None, False): "upgrade",
    ("1.1.0", "1.0.0", "1.0.0", False): "downgrade",
    ("1.1.0", "1.0.0", None, False): Refused,
    ("1.1.0", "1.0.0", None, True): Refused,
    ("1.0.0", "1.0.0-rc.1", None, False): Refused,
    ("1.0.0+a", "1.0.0+b", None, False): "upgrade",
    ("0.3.0.dev0", "0.1.0", None, False): "upgrade",
}


@pytest.mark.parametrize(("current", "target", "named", "force"), KINDS)
def test_what_there_is_to_do(current, target, named, force):
    expected = KINDS[current, target, named, force]
    if expected is Refused:
        with pytest.raises(Refused, match=rf"sudo aimx upgrade --version {target}"):
            plan.kind(current, target, Wanted(named, force))
    else:
        assert plan.kind(current, target, Wanted(named, force)) == expected


@pytest.mark.parametrize("state", ["stopped", "other", "none"])
def test_a_service_that_does_not_run_is_left_alone(state):
    assert plan.steps(Service(state)) == ("preserve old binary", "install new binary")


def test_the_steps_of_a_service_that_runs():
    made = plan.Plan("upgrade", "1.0.0", "1.1.0", Path("/usr/local/bin/aimx"), plan.steps(Service("runs")))
    assert made.actions == "stop aimx → swap binary → start aimx"
    assert made.restarts


NOTES = {
    "runs": (Service("runs"), (), ()),
    "stopped": (Service("stopped", "sudo systemctl start aimx"), (), ("sudo systemctl start aimx",)),
    "other": (Service("other", other="/opt/aimx"), (), ("/opt/aimx, another program file",)),
    "none": (Service("none"), (), ("restart the daemon yourself",)),
    "by hand": (Service("none"), (7,), ("process 7",)),
    "by hand beside": (Service("runs"), (7, 8), ("process 7", "process 8")),
}


@pytest.mark.parametrize(("service", "strays", "said"), NOTES.values(), ids=NOTES)
def test_what_is_left_to_the_operator(service, strays, said):
    notes = plan.notes(service, strays)
    assert len(notes) == len(said)
    assert all(text in note for text, note in zip(said, notes, strict=True))


def test_a_program_that_is_no_release(monkeypatch):
    bundle = Running("bundle", ("/usr/local/bin/aimx",), ())
    with pytest.raises(Refused, match="no release"):
        refusal.check(bundle)
    monkeypatch.setattr(built, "TAG", "1.0.0")
    monkeypatch.setattr(built, "KEYS", ("key",))
    refusal.check(bundle)
    with pytest.raises(Refused, match=r"aimx.prev is the program of before"):
        refusal.check(Running("bundle", ("/usr/local/bin/aimx.prev",), ()))


def test_programs_of_others(monkeypatch, tmp_path):
    with pytest.raises(Refused, match=r"a Debian package: .*sudo apt install \./aimx_<version>_\w+\.deb"):
        refusal.check(Running("deb", ("/usr/bin/aimx",), ()))
    with pytest.raises(Refused, match=r"from a checkout: .*git -C .* pull"):
        refusal.check(Running("venv", (sys.executable,), ()))
    monkeypatch.setattr(built, "__file__", str(tmp_path / "site-packages/aimx/built.py"))
    for kind, words in (("venv", "pip"), ("system", "-m pip install --upgrade aimx")):
        with pytest.raises(Refused, match=rf"installed by pip in .*{words}"):
            refusal.check(Running(kind, (sys.executable,), ()))
    for mark, words in (("pipx_metadata.json", "pipx upgrade aimx"), ("uv-receipt.toml", "uv tool upgrade aimx")):
        monkeypatch.setattr(sys, "prefix", str(tmp_path / mark))
        (tmp_path / mark).mkdir()
        (tmp_path / mark / mark).touch()
        with pytest.raises(Refused, match=words):
            refusal.check(Running("venv", (sys.executable,), ()))
