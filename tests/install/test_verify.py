"""What has not been signed and checked is never installed, and nothing is touched before."""

import gzip
import re
import shutil

import pytest

from tests import releases

ARCHIVE = f"aimx-9.9.1-{releases.short()}.tar.gz"


def _tampered(box, directory):
    packed = bytearray((directory / ARCHIVE).read_bytes())
    packed[-9] ^= 1
    (directory / ARCHIVE).write_bytes(packed)


def _signed_by_another(box, directory):
    releases.seal(directory, releases.Key())


def _sums_changed(box, directory):
    other = (directory / "SHA256SUMS").read_text().replace("0", "1")
    (directory / "SHA256SUMS").write_text(other)


def _sums_of_another(box, directory):
    """A genuine release, but not this one: its sums say nothing of the archive."""
    other = releases.release(box.path / "other", "9.9.0", box.make("9.9.0"), box.key)
    for name in ("SHA256SUMS", "SHA256SUMS.sig"):
        shutil.copy(other / name, directory / name)


def _missing(name):
    def remove(box, directory):
        (directory / name).unlink()
        box.server.tell("9.9.1")

    return remove


def _gone(name):
    def fault(box, directory):
        box.server.faults[f"*/{name}"] = "404"

    return fault


def _resealed(change):
    def changed(box, directory):
        change(directory)
        releases.seal(directory, box.key)

    return changed


def _holds(**members):
    def change(directory):
        named = {f"aimx-9.9.1-{releases.short()}/{name}": content for name, content in members.items()}
        (directory / ARCHIVE).write_bytes(releases.tarball(b"", "9.9.1", members=named))

    return _resealed(change)


def _no_archive(directory):
    (directory / ARCHIVE).write_bytes(gzip.compress(b"this is no archive"))


def _another_version(box, directory):
    made = box.make("9.9.0").read_bytes()
    (directory / ARCHIVE).write_bytes(releases.tarball(made, "9.9.1"))
    releases.seal(directory, box.key)


def _does_not_run(box, directory):
    made = box.make("9.9.1", broken="not at all").read_bytes()
    (directory / ARCHIVE).write_bytes(releases.tarball(made, "9.9.1"))
    releases.seal(directory, box.key)


REFUSED = {
    "tampered": (_tampered, f"{ARCHIVE} has another checksum than SHA256SUMS states"),
    "another key": (_signed_by_another, "SHA256SUMS of release 9.9.1 is not signed by the key of AIMX"),
    "sums changed": (_sums_changed, "is not signed by the key of AIMX"),
    "sums of another release": (_sums_of_another, f"SHA256SUMS of release 9.9.1 does not name {ARCHIVE}"),
    "no sums": (_missing("SHA256SUMS"), "release 9.9.1 has no SHA256SUMS: it cannot be verified"),
    "no signature": (_missing("SHA256SUMS.sig"), "release 9.9.1 has no SHA256SUMS.sig: it cannot be verified"),
    "no build": (_missing(ARCHIVE), f"release 9.9.1 has no build for {releases.TARGET}; it has: none at all"),
    "sums not there": (_gone("SHA256SUMS"), "SHA256SUMS is not there"),
    "signature not there": (_gone("SHA256SUMS.sig"), "SHA256SUMS.sig is not there"),
    "archive not there": (_gone(ARCHIVE), f"{ARCHIVE} is not there"),
    "no program inside": (_holds(README=b"nothing"), f"{ARCHIVE} cannot be unpacked"),
    "no archive": (_resealed(_no_archive), f"{ARCHIVE} cannot be unpacked"),
    "another version inside": (_another_version, "the program of release 9.9.1 says that it is 9.9.0"),
    "does not run": (_does_not_run, "the program of release 9.9.1 does not run here: no interpreter"),
}  # fmt: skip


@pytest.mark.parametrize("installed", [False, True], ids=["fresh", "upgrade"])
@pytest.mark.parametrize(("spoil", "said"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_and_the_old_one_stays(box, spoil, said, installed):
    spoil(box, box.publish("9.9.1"))
    before = box.installed("9.9.0") if installed else None
    run = box.run()
    assert run.status == 1, run.text
    assert f"[error] {said}" in run.text or (said in run.text and "[error]" in run.text)
    assert (box.program.read_bytes() if installed else None) == before
    assert sorted(path.name for path in box.bin.iterdir()) == (["aimx"] if installed else [])
    assert (box.log, box.left()) == ("", [])


def test_an_archive_that_nobody_signed_for_is_not_fetched(box):
    _sums_of_another(box, box.publish("9.9.1"))
    assert box.run().status == 1
    assert any(path.endswith("/SHA256SUMS") for path in box.server.asked)
    assert not any(path.endswith(".tar.gz") for path in box.server.asked)


@pytest.mark.parametrize("tool", ["sha256sum", "openssl", "shasum"])
def test_any_program_that_computes_sha_256_will_do(box, tool):
    _tampered(box, box.publish("9.9.1"))
    box.take("sha256sum")
    if tool == "shasum":
        box.take("openssl")
    box.give(tool, "sha256sum" if tool == "sha256sum" else tool)
    assert "has another checksum than SHA256SUMS states" in box.run().text
    box.publish("9.9.1", shell="[ x$1 = xrelease-check ] && exit 0")
    run = box.run()
    assert run.status == 0, run.text


def test_none_of_them_is_a_refusal(box):
    box.publish("9.9.1")
    box.take("sha256sum", "openssl")
    run = box.run()
    assert run.status == 1
    assert "sha256sum is needed to verify what is downloaded" in run.text
    assert box.server.asked == []


@pytest.mark.parametrize("status", [0, 1])
def test_without_openssl_the_new_program_verifies_before_it_is_installed(box, status):
    box.take("openssl")
    checks = f'[ "$1" != release-check ] || {{ ls "$2"; echo no key of ours >&2; exit {status}; }}'
    box.publish("9.9.1", shell=checks)
    before = box.installed("9.9.0")
    run = box.run()
    assert run.status == status, run.text
    assert "openssl is not here" in run.text
    if status:
        assert "release 9.9.1 is not signed by the key of AIMX" in run.text
        assert box.program.read_bytes() == before
        assert box.log == ""
    else:
        assert "[ok] The signature is right" in run.text
        assert box.works("9.9.1")
    assert box.left() == []


@pytest.mark.parametrize(("status", "before"), [(0, False), (1, False), (1, True)], ids=["fine", "refused", "used"])
def test_what_a_refused_program_has_unpacked_goes_with_it(box, status, before):
    """Not what was there before: that belongs to another program file, a copy perhaps."""
    trees = box.path / "trees"
    tree, other = trees / "9.9.1-0123456789abcdef", trees / "9.9.0-0123456789abcdef"
    other.mkdir(parents=True)
    if before:
        tree.mkdir()
    box.script.write_text(box.script.read_text().replace("TREES=/usr/local/lib/aimx", f"TREES={trees}"))
    box.take("openssl")
    unpacks = f"_aimx_id={tree.name}\n[ -d {tree} ] || /bin/mkdir {tree}\n"
    box.publish("9.9.1", shell=f'{unpacks}[ "$1" != release-check ] || exit {status}')
    run = box.run()
    assert run.status == status, run.text
    assert (other.is_dir(), tree.is_dir()) == (True, before or not status)


def test_one_of_several_keys_is_enough(box):
    other = releases.Key()
    box.publish("9.9.1")
    text = box.script.read_text()
    box.script.write_text(text.replace("RELEASE_KEYS='", f"RELEASE_KEYS='{other.public}"))
    run = box.run()
    assert run.status == 0, run.text


def test_a_copy_without_a_key_installs_nothing(box):
    box.publish("9.9.1")
    text = box.script.read_text()
    box.script.write_text(re.sub("^RELEASE_KEYS='[^']*'", "RELEASE_KEYS=''", text, flags=re.MULTILINE))
    run = box.run()
    assert run.status == 1
    assert "this copy of the installer has no release key" in run.text
    assert box.server.asked == []


def test_a_release_for_other_machines_says_for_which(box):
    target = "aarch64-unknown-linux-musl" if "aarch64" not in releases.TARGET else "x86_64-unknown-linux-musl"
    box.server.publish("9.9.1", box.make("9.9.1"), box.key, target=target)
    run = box.run()
    assert run.status == 1
    assert f"release 9.9.1 has no build for {releases.TARGET}; it has: {target}" in run.text
    assert box.left() == []
