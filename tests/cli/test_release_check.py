"""`aimx release-check`: what install.sh asks where there is no openssl, of the program in the release itself."""

import json
import shutil
import subprocess

import pytest

from tests import releases


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A program and its release."""
    tree, key = tmp_path_factory.mktemp("release"), releases.Key()
    program = releases.program(tree / "new", "1.1.0", (releases.Key().public, key.public))
    return program, releases.release(tree / "1.1.0", "1.1.0", program, key), key


@pytest.fixture
def release(made, tmp_path):
    """A copy of it."""
    directory = tmp_path / "release"
    shutil.copytree(made[1], directory)
    return directory


@pytest.fixture
def check(made, release):
    """Runs the check; exit code, stdout, stderr."""

    def run(*words):
        done = subprocess.run([made[0], "release-check", release, *words], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    return run


NAME = f"aimx-1.1.0-{releases.short()}.tar.gz"


def test_what_was_released(check, release):
    assert check() == (0, f"{NAME}: OK\n{NAME}.sha256: OK\n", "")
    (release / f"{NAME}.sha256").unlink()
    code, out, _ = check("--json")
    assert (code, json.loads(out)) == (0, {"files": [NAME]})


def spoil(path):
    """One octet is another."""
    octets = bytearray(path.read_bytes())
    octets[-9] ^= 1
    path.write_bytes(octets)


WRONG = {
    "tarball": (lambda release, key: spoil(release / NAME), f"{NAME} is not what was released"),
    "list": (lambda release, key: spoil(release / "SHA256SUMS"), "not by a key of aimx"),
    "signature": (lambda release, key: spoil(release / "SHA256SUMS.sig"), "not by a key of aimx"),
    "no list": (lambda release, key: (release / "SHA256SUMS").unlink(), "SHA256SUMS: No such file"),
    "no signature": (lambda release, key: (release / "SHA256SUMS.sig").unlink(), "SHA256SUMS.sig: No such file"),
    "another key": (lambda release, key: releases.seal(release, releases.Key()), "not by a key of aimx"),
    "a directory": (lambda release, key: ((release / NAME).unlink(), (release / NAME).mkdir()), "Is a directory"),
    "nothing": (
        lambda release, key: [path.unlink() for path in release.glob("aimx*")], "holds no file that SHA256SUMS names",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoiled", "told"), WRONG.values(), ids=WRONG)
def test_what_was_not(check, release, made, spoiled, told):
    spoiled(release, made[2])
    code, out, err = check()
    assert (code, out) == (1, "")
    assert told in err
    assert err.startswith("Error: ")
    assert len(err.splitlines()) == 1


def test_a_checkout_believes_nobody(release, capsys):
    from aimx.cli import main

    with pytest.raises(Exception, match="this aimx is no release"):
        main.run(["release-check", str(release)])


def test_openssl_checks_the_same(release, made, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    (tmp_path / "key").write_text(made[2].public)
    argv = ["openssl", "dgst", "-sha256", "-verify", tmp_path / "key", "-signature", release / "SHA256SUMS.sig"]
    assert subprocess.run([*argv, release / "SHA256SUMS"], capture_output=True).returncode == 0
