"""Every command as the owner of a mailbox, as another user, as a stranger and as root: the daemon up, and down.

config.toml is root's alone, and no user is ever told so: commands ask the daemon, or say what to do without one.
"""

import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from aimx.cli.main import COMMANDS
from aimx.errors import Exit
from tests.harness import DOMAIN, mail
from tests.root import dropping, users
from tests.root.commands import Commands

pytestmark = pytest.mark.root
NEVER = re.compile(r"Permission denied|Traceback|internal error|config\.toml|EPERM")
GUIDE = re.compile(r"Error: daemon must be running for non-root [A-Za-z ]+; start `aimx serve` or run with sudo ")
CALLERS = ("root", "alice", "bob", "stranger")
ALL, MINE = frozenset(CALLERS), frozenset(("root", "alice"))

# Words of a command that asks the daemon, in order of what they leave, and who may. BOX: alice's mailbox, or one that
# nobody has; ID: a mail in it; USER: who asks.
ASKING = {
    "mailboxes list": ALL,
    "mailbox list --json": ALL,
    "mailboxes show BOX": MINE,
    "mailboxes show BOX --json": MINE,
    "mailboxes create fresh-USER --owner OWNER": ALL,
    "mailboxes delete fresh-USER --yes": ALL,
    "mailboxes delete BOX --yes --force": frozenset(),  # alice's own would be gone: asked of others only
    "hooks list": ALL,
    "hook list --json": ALL,
    'hooks create --mailbox BOX --name h-USER --event on_receive --cmd ["/bin/true"]': MINE,
    "hooks runs --mailbox BOX": MINE,
    "hooks explain BOX_hook ID": MINE,
    "hooks test BOX_hook": MINE,
    "hooks delete h-USER --yes": MINE,
    "emails list": ALL,
    "emails list BOX": MINE,
    "emails list BOX --json": MINE,
    "emails search hello": ALL,
    "emails search hello --mailbox BOX": MINE,
    "emails read BOX ID": MINE,
    "emails thread BOX ID": MINE,
    "emails mark BOX ID --read": MINE,
    "send --from BOX@DOMAIN --to a@remote.test --subject x --body y": frozenset(("alice",)),
    "reindex": frozenset(("root",)),
}
ROWS = [pytest.param(line, caller, id=f"{line}-by-{caller}") for line in ASKING for caller in CALLERS]


@pytest.fixture(scope="module")
def people():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with users.users("a", "b", "s") as made:
        yield {"alice": made["a"], "bob": made["b"], "stranger": made["s"], "root": users.pwd.getpwnam("root")}


@pytest.fixture(scope="module")
def daemon(people):
    hook = '[[mailboxes.alice.hooks]]\nname = "alice_hook"\nevent = "on_receive"\ncmd = ["/bin/true"]\n'
    owners = {name: people[name].pw_name for name in ("alice", "bob")}
    with dropping.daemon(owners, people["bob"].pw_name) as running:
        file = running.etc / "config.toml"
        file.write_text(file.read_text().replace("[mailboxes.bob]", f"{hook}[mailboxes.bob]"))
        running.process.send_signal(1)
        running.wait_log("event=config-reloaded")
        file.chmod(0o600)
        running.send(mail("hello"), f"alice@{DOMAIN}")
        (running.mail,) = running.messages("alice")
        yield running


@pytest.fixture(scope="module")
def up(daemon):
    with Commands(daemon.env) as commands:
        yield commands


def _words(line, caller, people, box, id_):
    texts = {"BOX": box, "ID": id_, "USER": caller, "DOMAIN": DOMAIN, "OWNER": _owner(people, caller)}
    for name, text in texts.items():
        line = re.sub(rf"\b{name}(?![A-Z])", text, line)
    return line.split(" ")


def _owner(people, caller):
    return people["bob" if caller == "root" else caller].pw_name


@pytest.mark.parametrize(("line", "caller"), ROWS)
def test_with_a_daemon(daemon, up, people, line, caller):
    if caller in ("root", "alice") and "--force" in line:
        pytest.skip("it would be done")
    if caller == "root" and line.startswith("send"):
        pytest.skip("never root's")
    done = up.run(people[caller].pw_uid, *_words(line, caller, people, "alice", daemon.mail.stem))
    assert not NEVER.search(done.err), done
    assert done.code == (0 if caller in ASKING[line] else 1), done
    if caller in ASKING[line]:
        return
    assert done.out == ""
    if "BOX" in line:
        ghost = up.run(people[caller].pw_uid, *_words(line, caller, people, "ghost", daemon.mail.stem))
        assert (ghost.code, ghost.err.replace("ghost", "alice")) == (done.code, done.err)


@pytest.fixture(scope="module", params=["never started", "socket left behind"])
def down(request, daemon):
    """The same configuration without a daemon, and no file that a user could read."""
    tree = Path(tempfile.mkdtemp(prefix="aimx-down-"))
    tree.chmod(0o755)
    places = {"AIMX_CONFIG_DIR": tree / "etc", "AIMX_DATA_DIR": tree / "data", "AIMX_RUNTIME_DIR": tree / "run"}
    for place in places.values():
        place.mkdir()
    shutil.copy(daemon.etc / "config.toml", tree / "etc")
    (tree / "etc/config.toml").chmod(0o600)
    if request.param == "socket left behind":
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(tree / "run/aimx.sock"))
        (tree / "run/aimx.sock").chmod(0o666)
    with Commands({**daemon.env, **{name: str(place) for name, place in places.items()}}) as commands:
        yield commands
    shutil.rmtree(tree)


@pytest.mark.parametrize("line", ASKING)
def test_without_a_daemon_users_are_told_to_start_it(down, people, line):
    for caller in ("alice", "stranger"):
        done = down.run(people[caller].pw_uid, *_words(line, caller, people, "alice", "x"))
        assert not NEVER.search(done.err), done
        assert (done.code, done.out) == (Exit.USAGE, ""), done
        if line.startswith(("mailbox", "hook")):
            assert GUIDE.match(done.err), done
        assert "daemon" in done.err


ROOTS = [line for line in ASKING if line.split()[0] in ("mailboxes", "mailbox", "hooks", "hook") and "ID" not in line]


@pytest.mark.parametrize("line", [line for line in ROOTS if "test" not in line and "--force" not in line])
def test_without_a_daemon_root_does_it_here(down, people, line):
    done = down.run(0, *_words(line, "root", people, "alice", "x"))
    assert done.code == 0, done
    assert "Traceback" not in done.err


OTHERS = {
    "--version": {0},
    "--help": {0},
    "help mailboxes": {0},
    "": {2},
    "nonsense": {2},
    "doctor": {0, 1},
    "doctor --json": {0, 1},
    "logs": {0, 1},
    "ingest alice": {1},
    "dkim-keygen": {1},
    "serve --bind 127.0.0.1:0": {1},
}


@pytest.mark.parametrize("line", OTHERS)
def test_other_commands_end_in_good_order(up, down, people, line):
    for commands in (up, down):
        for caller in ("alice", "stranger"):
            done = commands.run(people[caller].pw_uid, *line.split())
            assert done.code in OTHERS[line], done
            assert not re.search(r"Permission denied|Traceback|internal error", done.out + done.err), done


def test_watching_needs_a_daemon(down, people):
    for caller in CALLERS:
        done = down.run(people[caller].pw_uid, "watch")
        assert (done.code, done.out) == (Exit.USAGE, "")
        assert "no aimx daemon answers" in done.err


def test_every_command_is_here():
    elsewhere = {"watch", "demo", "mcp", "tui", "agents", "dns", "setup", "portcheck"}  # have tests of their own
    elsewhere |= {"upgrade", "release-check", "uninstall"}
    words = {line.split()[0] for line in (*ASKING, *OTHERS) if line} | elsewhere
    assert {command.name for command in COMMANDS} <= words
