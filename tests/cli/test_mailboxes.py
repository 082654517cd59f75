"""`aimx mailboxes`, from what is typed to what is told; with a daemon, and for root without one."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest

from aimx.cli import mailboxes, parsing, prompt
from aimx.cli import owner as owners
from aimx.errors import DaemonNeeded, disposition
from tests.harness import DOMAIN, Daemon, config_text, mail, owner

ROOT = os.geteuid() == 0
OWNER = "daemon" if ROOT else owner()
MINE = ("--owner", OWNER) if ROOT else ()
HOOKS = f"""
[mailboxes.support]
address = "support@{DOMAIN}"
owner = "{OWNER}"
trust = "verified"
trusted_senders = ["*@company.com", "boss@example.com"]

[[mailboxes.support.hooks]]
name = "support_notify"
event = "on_receive"
cmd = ["/bin/sh", "-c", "curl -fsS https://hooks.example.com/notify -d @$AIMX_FILEPATH"]
fire_on_untrusted = true

[[mailboxes.support.hooks]]
name = "aaaabbbbcccc"
event = "after_send"
cmd = ["/usr/local/bin/notify", "$AIMX_TO"]
"""


class Office:
    """A daemon and its command line, as the user who runs the tests."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon

    def aimx(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "aimx.cli.main", *words],
            env={**self.daemon.env, **env}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def typed(self, answers: str, *words: str) -> tuple[int, str]:
        """The same at a terminal; exit code and everything it shows."""
        ours, theirs = pty.openpty()
        argv = [sys.executable, "-m", "aimx.cli.main", *words]
        running = subprocess.Popen(argv, env={**self.daemon.env, "NO_COLOR": "1"}, stdin=theirs, stdout=theirs,
                                   stderr=theirs, start_new_session=True)  # fmt: skip
        os.close(theirs)
        os.write(ours, answers.encode())
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # nobody holds the terminal any more
                break
            if not piece:
                break
            shown += piece
        os.close(ours)
        return running.wait(60), shown.decode().replace("\r\n", "\n")


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    tree = tmp_path_factory.mktemp("office")
    with Daemon(tree, config_text(HOOKS)) as daemon:
        daemon.send(mail(), f"support@{DOMAIN}")
        daemon.send(mail(), f"support@{DOMAIN}")
        yield Office(daemon)


def test_a_new_mailbox_takes_mail_at_once(office):
    done = office.aimx("mailboxes", "create", "new-one", *MINE)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"Mailbox 'new-one' created (owner: {OWNER}).\n", "")
    office.daemon.send(mail(), f"new-one@{DOMAIN}")
    assert len(office.daemon.messages("new-one")) == 1
    for folder in ("inbox", "sent"):
        assert (office.daemon.data / folder / "new-one").stat().st_mode & 0o777 == 0o700


def test_what_is_there_already_is_told_as_before_and_left_alone(office):
    office.aimx("mailboxes", "create", "twice", *MINE)
    before = (office.daemon.etc / "config.toml").stat()
    done = office.aimx("mailboxes", "create", "twice", *MINE, "--json")
    assert json.loads(done.stdout)["address"] == f"twice@{DOMAIN}"
    assert (office.daemon.etc / "config.toml").stat().st_mtime_ns == before.st_mtime_ns


SHOWN = f"""\
Mailbox: support
  Address: support@{DOMAIN}
  Owner:   {OWNER}
  Trust:   verified
  Trusted senders:
    - *@company.com
    - boss@example.com

Hooks
  on_receive
    - support_notify  cmd: ["/bin/sh","-c","curl -fsS https://hooks.example.com/notify…   [fire_on_untrusted=true]
  after_send
    - aaaabbbbcccc    cmd: ["/usr/local/bin/notify","$AIMX_TO"]

Messages
  inbox: 2 (2 unread)
  sent:  0
"""


def test_a_mailbox_is_shown_as_in_the_guide(office):
    assert office.aimx("mailboxes", "show", "support").stdout == SHOWN


def test_the_alias_says_the_same_to_the_byte(office):
    for words in (["list"], ["list", "--json"], ["show", "support"], ["show", "ghost"], ["delete", "catchall"]):
        here, there = (office.aimx(name, *words) for name in ("mailboxes", "mailbox"))
        assert (here.returncode, here.stdout, here.stderr) == (there.returncode, there.stdout, there.stderr)


def test_the_list_shows_addresses_and_counts_and_marks_what_is_not_configured(office):
    (office.daemon.data / "inbox" / "stray").mkdir(mode=0o700)
    shown = office.aimx("mailboxes", "list").stdout
    assert shown.splitlines()[0].split() == ["MAILBOX", "ADDRESS", "TOTAL", "UNREAD", "SENT"]
    assert re.search(rf"^support +support@{DOMAIN} +2 +2 +0$", shown, re.M)
    assert re.search(r"^stray +- +0 +0 +0 \(unregistered\)$", shown, re.M)
    rows = json.loads(office.aimx("mailboxes", "list", "--json").stdout)
    assert [row["name"] for row in rows] == sorted(row["name"] for row in rows)
    assert [row["address"] for row in rows if not row["registered"]] == [None]
    (office.daemon.data / "inbox" / "stray").rmdir()


REFUSED = {
    "missing": (["show", "ghost"], 1, "Error: [ENOENT] mailbox-not-found: ghost\n"),
    "mistyped": (
        ["show", "suport"],
        1,
        "Error: [ENOENT] mailbox-not-found: suport\n\n  tip: a similar mailbox exists: 'support'\n",
    ),
    "catchall": (["delete", "catchall", "--force", "-y"], 1, "Error: Cannot delete the catchall mailbox\n"),
    "full": (
        ["delete", "support", "-y"],
        1,
        "Error: [NONEMPTY] inbox=2 sent=0: mailbox 'support' has 2 files; archive or remove them first\n",
    ),
    "nobody-to-ask": (
        ["delete", "support"],
        2,
        "Error: Deleting mailbox 'support' has to be confirmed and nobody can be asked here: pass --yes\n",
    ),
    "blank-owner": (["create", "x", "--owner", " "], 1, "Error: --owner value cannot be empty\n"),
    "reserved": (
        ["create", "catchall", *MINE],
        1,
        "Error: [VALIDATION] Mailbox name 'catchall' is reserved for the wildcard catchall slot\n",
    ),
    "upper-case": (
        ["create", "Ops", *MINE],
        1,
        "Error: [VALIDATION] Mailbox name contains invalid character 'O'; allowed: [a-z0-9._-]\n",
    ),
}


@pytest.mark.parametrize(("words", "code", "told"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_says_what_and_why(office, words, code, told):
    done = office.aimx("mailboxes", *words)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", told)


ANSWERS = {"y": True, "yes": True, "Y": True, "YES": True, "n": False, "": False, "yep": False, "y y": False}


@pytest.mark.parametrize(("answer", "deleted"), ANSWERS.items(), ids=repr)
def test_only_a_yes_deletes(office, answer, deleted):
    office.aimx("mailboxes", "create", "asked", *MINE)
    code, shown = office.typed(f"{answer}\n", "mailboxes", "delete", "asked")
    assert code == 0
    assert "Delete mailbox 'asked' (0 in inbox, 0 in sent)? [y/N] " in shown
    assert ("Mailbox 'asked' deleted." in shown) == deleted
    assert ("Cancelled." in shown) == (not deleted)


def test_the_end_of_input_is_a_no(office):
    office.aimx("mailboxes", "create", "asked", *MINE)
    code, shown = office.typed("\x04", "mailboxes", "delete", "asked")
    assert code == 0
    assert shown.endswith("Cancelled.\n")


def test_a_deleted_mailbox_leaves_empty_directories_and_takes_no_mail(office):
    office.aimx("mailboxes", "create", "gone", *MINE)
    done = office.aimx("mailboxes", "delete", "gone", "--yes")
    assert (done.returncode, done.stdout) == (0, "Mailbox 'gone' deleted.\n")
    assert (office.daemon.data / "inbox" / "gone").is_dir()
    with office.daemon.smtp() as client:
        client.mail("a@sender.test")
        assert client.rcpt(f"gone@{DOMAIN}")[0] == 550
    assert json.loads(office.aimx("mailbox", "delete", "asked", "--yes", "--json").stdout) == {
        "deleted": "asked", "force": False,
    }  # fmt: skip


@pytest.mark.skipif(not ROOT, reason="only root is asked for an owner")
def test_root_is_asked_for_an_owner(office):
    code, shown = office.typed("no-such-user\ndaemon\n", "mailboxes", "create", "asked-for")
    assert code == 0
    assert f"Which Linux user should own `asked-for@{DOMAIN}`? (no default, explicit input required): " in shown
    assert "there is no Linux user 'no-such-user'; create it with `useradd " in shown
    assert "Mailbox 'asked-for' created (owner: daemon)." in shown
    assert office.aimx("mailboxes", "create", "games").stdout == "Mailbox 'games' created (owner: games).\n"
    done = office.aimx("mailboxes", "create", "nobody-has-this-name", AIMX_NONINTERACTIVE="1")
    assert done.returncode == 2
    assert all(word in done.stderr for word in ("nobody-has-this-name", "AIMX_NONINTERACTIVE", "--owner", "useradd"))


@pytest.mark.skipif(not ROOT, reason="only root is asked for an owner")
@pytest.mark.parametrize("name", ["A b", "a..b", "", "catchall"])
def test_a_name_is_refused_before_its_owner_is_asked_for(office, name):
    done = office.aimx("mailboxes", "create", name)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: Mailbox name ")


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_root_needs_no_daemon(tmp_path):
    stopped = Daemon(tmp_path, config_text(HOOKS))
    stopped.close()
    here = Office(stopped)
    done = here.aimx("mailboxes", "create", "off", "--owner", "daemon")
    assert (done.returncode, done.stdout) == (0, "Mailbox 'off' created (owner: daemon).\n")
    assert done.stderr == "Hint: Restart the daemon for the change to take effect:\n  sudo systemctl restart aimx\n"
    (tmp_path / "data" / "inbox" / "support" / "a.md").write_text("+++\n+++\n")
    full = here.aimx("mailboxes", "delete", "support", "--yes")
    assert full.returncode == 1
    assert "Error: [NONEMPTY] inbox=1 sent=0: mailbox 'support' has 1 file; " in full.stderr


@pytest.mark.parametrize("words", [["create", "x"], ["delete", "x", "-y"], ["list"], ["show", "x"]], ids=lambda w: w[0])
def test_without_a_daemon_only_root_gets_on(tmp_path, monkeypatch, words):
    monkeypatch.setenv("AIMX_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    options = parsing.parser("mailboxes", "", mailboxes.arguments).parse_args(words)
    with pytest.raises(DaemonNeeded) as caught:
        mailboxes.run(options)
    assert disposition(caught.value).exit == 2
    assert caught.value.reason == (
        "daemon must be running for non-root mailbox CRUD; start `aimx serve` or run with sudo to fall back to direct"
        " config edit."
    )


def test_one_parser_of_yes():
    assert [answer for answer in ("y", "Y", "yes", " Yes ", "n", "no", "", "yy", None) if prompt.is_yes(answer)] == [
        "y", "Y", "yes", " Yes ",
    ]  # fmt: skip


def test_a_user_who_does_not_exist_is_no_default():
    assert not owners._exists("no-such-user")
    assert not owners._exists("nul\0")
