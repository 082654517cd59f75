"""`aimx dkim-keygen`: pairs beside each other, never half of one, never the wrong one; the daemon signs with them."""

import base64
import json
import os
import re
import signal
import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from aimx import client
from aimx.mailauth.sign import SigningKey
from aimx.wire.frames import Send
from tests.cli.test_main import aimx
from tests.harness import DOMAIN, Daemon, config_text
from tests.mailauth import signing
from tests.root import users

MESSAGE = f"From: ops@{DOMAIN}\r\nTo: bob@remote.test\r\nSubject: Hello\r\n\r\nHi\r\n".encode()


@pytest.fixture
def etc(tmp_path):
    """A configuration directory."""
    directory = tmp_path / "etc"
    directory.mkdir()
    (directory / "config.toml").write_text(config_text())
    return directory


def keygen(etc, *words):
    return aimx("dkim-keygen", *words, AIMX_CONFIG_DIR=str(etc))


def record(done: subprocess.CompletedProcess) -> dict[str, str]:
    return dict(re.findall(r"^(\w+): +(.*)$", done.stdout, re.MULTILINE))


def tree(etc) -> dict[str, tuple[int, bytes]]:
    """Every key file with its mode and content."""
    return {
        str(path.relative_to(etc / "dkim")): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        for path in (etc / "dkim").rglob("*")
        if path.is_file()
    }


def test_a_pair_and_its_record(etc):
    done = keygen(etc)
    assert done.returncode == 0
    found = tree(etc)
    assert {name: mode for name, (mode, _) in found.items()} == {"private.key": 0o600, "public.key": 0o644}
    assert found["private.key"][1].startswith(b"-----BEGIN RSA PRIVATE KEY-----\n")
    assert found["public.key"][1].startswith(b"-----BEGIN PUBLIC KEY-----\n")
    key = serialization.load_pem_private_key(found["private.key"][1], None)
    public = serialization.load_pem_public_key(found["public.key"][1])
    assert isinstance(key, rsa.RSAPrivateKey) and isinstance(public, rsa.RSAPublicKey)
    assert (key.key_size, key.public_key()) == (2048, public)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    shown = record(done)
    assert shown["Name"] == f"aimx._domainkey.{DOMAIN}"
    assert shown["Value"] == f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"
    strings = re.findall(r'"([^"]*)"', shown["Zone"])
    assert ("".join(strings), all(len(text) <= 255 for text in strings)) == (shown["Value"], True)
    assert f"dig +short TXT aimx._domainkey.{DOMAIN}" in done.stderr
    assert stat.S_IMODE((etc / "dkim").stat().st_mode) == 0o755


def test_a_pair_that_is_there_stays_and_its_record_is_printed(etc):
    first, before = keygen(etc), tree(etc)
    again = keygen(etc)
    assert (again.returncode, again.stdout, tree(etc)) == (0, first.stdout, before)
    assert again.stderr == f"Warning: {etc}/dkim holds a pair already; this is its record. --force makes a new one.\n"


def test_force_replaces_the_pair_and_says_so(etc):
    first = keygen(etc)
    again = keygen(etc, "--force")
    assert (again.returncode, record(again)["Value"] != record(first)["Value"]) == (0, True)
    assert "The old key is gone." in again.stderr
    assert set(tree(etc)) == {"private.key", "public.key"}


@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "force"])
def test_another_selector_has_a_pair_of_its_own(etc, force):
    keygen(etc)
    before = tree(etc)
    done = keygen(etc, "--selector", "aimx2", *force)
    after = tree(etc)
    assert (done.returncode, record(done)["Name"]) == (0, f"aimx2._domainkey.{DOMAIN}")
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"aimx2/private.key", "aimx2/public.key"}
    assert 'dkim_selector = "aimx2"' in done.stderr


def test_the_configured_selector_is_the_pair_of_the_daemon(etc):
    keygen(etc)
    keygen(etc, "--selector", "aimx2")
    first = record(keygen(etc, "--selector", "AIMX"))["Value"]
    assert first == record(keygen(etc))["Value"]
    (etc / "config.toml").write_text(config_text(top='dkim_selector = "aimx2"'))
    second = record(keygen(etc))
    assert second["Name"] == f"aimx2._domainkey.{DOMAIN}"
    assert second["Value"] not in (first, "")
    new = record(keygen(etc, "--force"))["Value"]  # the pair that signs, not the one it once was
    assert SigningKey(tree(etc)["aimx2/private.key"][1]).record == new
    assert SigningKey(tree(etc)["private.key"][1]).record == first


@pytest.mark.parametrize("left", [None, b"-----BEGIN PUBLIC KEY-----\n"], ids=["missing", "of-another"])
def test_a_public_key_that_a_crash_left_wrong_is_repaired(etc, left):
    shown, public = keygen(etc).stdout, etc / "dkim" / "public.key"
    good = public.read_bytes()
    public.unlink()
    if left is not None:
        public.write_bytes(left)
    assert (keygen(etc).stdout, public.read_bytes()) == (shown, good)


def test_what_a_crash_left_is_no_obstacle(etc):
    (etc / "dkim").mkdir()
    (etc / "dkim" / ".private.key.part").write_bytes(b"half")
    assert keygen(etc).returncode == 0
    assert set(tree(etc)) == {"private.key", "public.key"}


def test_while_a_pair_is_replaced_there_is_always_a_whole_key(etc):
    keygen(etc)
    argv = [sys.executable, "-m", "aimx.cli.main", "dkim-keygen", "--force"]
    child = subprocess.Popen(argv, env={**os.environ, "AIMX_CONFIG_DIR": str(etc)}, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)  # fmt: skip
    seen = set()
    while child.poll() is None:
        pem = (etc / "dkim" / "private.key").read_bytes()
        if pem not in seen:
            SigningKey(pem)
            seen.add(pem)
        assert stat.S_IMODE((etc / "dkim" / "private.key").stat().st_mode) == 0o600
    assert child.returncode == 0
    assert (etc / "dkim" / "public.key").read_bytes() == SigningKey(
        (etc / "dkim" / "private.key").read_bytes()
    ).public_pem


def test_several_at_once_agree_on_one_pair(etc):
    argv = [sys.executable, "-m", "aimx.cli.main", "dkim-keygen"]
    env = {**os.environ, "AIMX_CONFIG_DIR": str(etc)}
    several = [subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(4)]
    outputs = {process.communicate(timeout=60)[0] for process in several}
    assert len(outputs) == 1
    assert SigningKey(tree(etc)["private.key"][1]).record.encode() in outputs.pop()


def test_json_is_one_object(etc):
    done = keygen(etc, "--json")
    told = json.loads(done.stdout)
    assert (told["selector"], told["name"], told["created"]) == ("aimx", f"aimx._domainkey.{DOMAIN}", True)
    assert told["private_key"] == str(etc / "dkim" / "private.key")
    again = keygen(etc, "--json")
    assert json.loads(again.stdout) == {**told, "created": False}


@pytest.mark.parametrize("name", ["", "a b", "../x", ".", "a..b", "-a", "é", "a" * 64, "private.key", "Public.Key"])
def test_what_is_no_selector_makes_nothing(etc, name):
    done = keygen(etc, f"--selector={name}")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--selector" in done.stderr
    assert not (etc / "dkim").exists()


BROKEN = {
    "no-pem": (b"nonsense", "the DKIM key is no unencrypted PEM private key"),
    "empty": (b"", "the DKIM key is no unencrypted PEM private key"),
}


@pytest.mark.parametrize(("content", "why"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_key_is_never_replaced_by_itself(etc, content, why):
    (etc / "dkim").mkdir()
    (etc / "dkim" / "private.key").write_bytes(content)
    done = keygen(etc)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Error: {why}\n")
    assert (etc / "dkim" / "private.key").read_bytes() == content


def test_without_a_configuration_there_is_no_domain(tmp_path):
    done = keygen(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{tmp_path}/config.toml" in done.stderr


def test_a_directory_that_is_none_is_named(etc):
    (etc / "dkim").write_text("")
    done = keygen(etc)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {etc}/dkim")


# Loaded before the drop: the interpreter's files may be out of the user's reach.
_AS_USER = """
import locale, os, sys
from aimx.cli import keygen, main, parsing
parsing.parser("x", "x", keygen.arguments)
uid = int(sys.argv.pop(1))
os.chdir(sys.argv.pop(1))
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
main.main()
"""


@pytest.mark.root
def test_somebody_else_is_told_which_path_and_what_to_do(etc):
    with users.users("k") as made:
        argv = [sys.executable, "-c", _AS_USER, str(made["k"].pw_uid), str(etc), "dkim-keygen"]
        env = {**os.environ, "AIMX_CONFIG_DIR": "."}
        etc.chmod(0o755)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=env)
        hint = "Permission denied; keys belong to root: use sudo, or let AIMX_CONFIG_DIR name a directory of yours\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Error: dkim: {hint}")
        (etc / "config.toml").chmod(0o600)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=env)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("Error: config.toml cannot be read by this user: it belongs to root; try sudo")


@pytest.fixture
def sender(tmp_path):
    """A daemon whose letters go to a directory, without a key so far."""
    drop = tmp_path / "drop"
    drop.mkdir()
    with Daemon(tmp_path, AIMX_TEST_MAIL_DROP=str(drop)) as daemon:
        yield daemon


def _letters(daemon):
    return {path.name: path.read_bytes() for path in (daemon.tree / "drop").glob("*.eml")}


def _selector_of_a_new_letter(daemon):
    before = _letters(daemon)
    answer = client.call(daemon.socket, Send(MESSAGE))
    assert answer.kind == "ok", answer
    (name,) = set(_letters(daemon)) - set(before)
    octets = _letters(daemon)[name]
    unfolded = octets.replace(b"\r\n ", b" ")
    (selector,) = re.findall(rb"[; ]s=([^;]+);", unfolded.partition(b"\r\n")[0])
    return selector.decode(), octets


def _reload(daemon, event):
    os.kill(daemon.pid, signal.SIGHUP)
    line = daemon.wait_log(event)
    daemon.wait_log("event=config-reloaded")
    return line


def test_a_rotation_as_the_guide_tells_it(sender):
    assert "no-dkim-key" in "\n".join(sender.log)
    refused = client.call(sender.socket, Send(MESSAGE))
    assert (refused.code, "aimx dkim-keygen" in refused.reason) == ("SIGN", True)
    assert (_letters(sender), list((sender.data / "sent").glob("*/*"))) == ({}, [])  # unsigned mail never leaves

    first = record(keygen(sender.etc))["Value"]
    assert "selector=aimx " in _reload(sender, "event=dkim-key ")
    selector, octets = _selector_of_a_new_letter(sender)
    assert (selector, signing.verifies(octets, first)) == ("aimx", True)

    second = record(keygen(sender.etc, "--selector", "aimx2"))["Value"]
    _reload(sender, "selector=aimx ")
    assert _selector_of_a_new_letter(sender)[0] == "aimx"

    sender.write_config(config_text(top='dkim_selector = "aimx2"'))
    assert "selector=aimx2 " in _reload(sender, "event=dkim-key ")
    selector, octets = _selector_of_a_new_letter(sender)
    assert (selector, signing.verifies(octets, second), signing.verifies(octets, first)) == ("aimx2", True, False)

    (sender.etc / "dkim" / "aimx2" / "private.key").write_bytes(b"nonsense")
    line = _reload(sender, "event=dkim-key-reload-failed ")
    assert "kept=aimx2" in line
    assert signing.verifies(_selector_of_a_new_letter(sender)[1], second)


def test_a_key_that_others_may_read_is_a_warning(sender):
    keygen(sender.etc)
    private = sender.etc / "dkim" / "private.key"
    private.chmod(0o640)
    assert f"path={private}" in _reload(sender, "event=dkim-key-exposed ")
    (sender.etc / "dkim" / "public.key").write_bytes(b"of another")
    assert "public.key" in _reload(sender, "event=dkim-public-key-differs ")
