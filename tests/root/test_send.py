"""`aimx send` by real users of a daemon that is root: each as the mailboxes they own, root as none."""

import os
import subprocess

import pytest

from tests.cli import post
from tests.harness import DOMAIN
from tests.root import dropping, users

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def people():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with users.users("a", "b") as made:
        yield made


@pytest.fixture(scope="module")
def daemon(people):
    with dropping.daemon({name: user.pw_name for name, user in people.items()}, people["b"].pw_name) as made:
        yield made


def send(daemon, user, *words):
    uid = 0 if user is None else user.pw_uid
    return subprocess.run(post.argv(uid, "send", *words), capture_output=True, timeout=60, env=daemon.env, text=True)


def letter(author):
    return ("--from", author, "--to", "x@remote.test", "--subject", "s", "--body", "b")


def test_owners_send_as_themselves(daemon, people):
    for who in "ab":
        done = send(daemon, people[who], *letter(f"{who}@{DOMAIN}"))
        assert (done.returncode, done.stderr.splitlines()[0]) == (0, "Email sent.")
    assert len(list((daemon.tree / "drop").glob("*.eml"))) == 2


@pytest.mark.parametrize("author", ["a@{}", "A B <a@{}>", "nobody@{}", "catchall@{}", "anything@{}"])
def test_others_and_missing_ones_look_alike(daemon, people, author):
    before = list((daemon.tree / "drop").iterdir())
    done = send(daemon, people["b"], *letter(author.format(DOMAIN)))
    spec = author.format(DOMAIN).rpartition("<")[2].rstrip(">")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Error: not authorized: {spec}\n")
    assert list((daemon.tree / "drop").iterdir()) == before


@pytest.mark.parametrize("words", [letter(f"a@{DOMAIN}"), ("--from", "x", "--subject", "a\nb", "--body", "b")])
def test_root_is_sent_away_before_anything_is_looked_at(daemon, people, words):
    done = send(daemon, None, *words)
    expected = "Error: send is a per-user operation, run without sudo\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


def test_files_are_opened_with_the_callers_rights(daemon, people):
    secret = daemon.tree / "secret"
    secret.write_bytes(b"root's")
    secret.chmod(0o600)
    done = send(daemon, people["a"], *letter(f"a@{DOMAIN}"), "--attachment", str(secret))
    expected = f"Error: Attachment cannot be read: {secret}: Permission denied\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)
