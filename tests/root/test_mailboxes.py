"""Mailboxes made, shown, wiped and deleted by real users, with a daemon that is root; and the command line of each."""

import json
import os
import re
import shutil
import smtplib
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from aimx import limits
from aimx.wire import codec
from aimx.wire.frames import EmailList, MailboxCreate, MailboxDelete, MailboxList, MailboxShow
from tests.harness import DOMAIN, mail
from tests.root import dropping, users
from tests.root.test_authorization import DONE, EACCES, ask, error

pytestmark = pytest.mark.root

# All that the command may load is loaded while the interpreter is within reach.
AS_USER = """
import sys, os, json, argparse, pwd
import aimx.cli.main, aimx.cli.parsing, aimx.cli.mailboxes, aimx.cli.owner, aimx.config.suggest, aimx.errors
import aimx.wire.answers, aimx.wire.codec
uid, gid = int(sys.argv[1]), int(sys.argv[2])
os.setgroups([]); os.setresgid(gid, gid, gid); os.setresuid(uid, uid, uid)
sys.argv[:] = ["aimx", *sys.argv[3:]]
aimx.cli.main.main()
"""


@pytest.fixture(scope="module")
def daemon(people):
    owners = {name: people[name].pw_name for name in ("alice", "bob")}
    with dropping.daemon(owners, people["bob"].pw_name) as running:
        (running.etc / "config.toml").chmod(0o640)
        yield running


@pytest.fixture
def say(daemon, people):
    def said(who: str, request) -> str:
        return ask(daemon, people[who], codec.encode_request(request))

    return said


@pytest.fixture
def aimx(daemon, people):
    def run(who: str, *words: str) -> subprocess.CompletedProcess[str]:
        user = people[who]
        argv = [sys.executable, "-c", AS_USER, str(user.pw_uid), str(user.pw_gid), *words]
        return subprocess.run(
            argv, env=daemon.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )

    return run


def body(answer: str):
    return json.loads(answer.partition("\n\n")[2])


def test_the_owner_is_who_asks_whatever_he_says(daemon, people, say):
    alice = people["alice"]
    assert re.fullmatch(DONE, say("alice", MailboxCreate("mine", people["bob"].pw_name)))
    assert body(say("alice", MailboxShow("mine")))["owner"] == alice.pw_name
    assert say("bob", MailboxShow("mine")) == say("bob", MailboxShow("no-such"))
    for folder in ("inbox", "sent"):
        status = (daemon.data / folder / "mine").stat()
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (alice.pw_uid, alice.pw_gid, 0o700)


def test_root_makes_one_for_somebody_else(people, say):
    assert re.fullmatch(DONE, say("root", MailboxCreate("for-bob", people["bob"].pw_name)))
    assert re.fullmatch(DONE, say("root", MailboxCreate("for-bob", people["bob"].pw_name)))
    assert re.fullmatch(DONE, say("bob", MailboxCreate("for-bob")))
    again = say("root", MailboxCreate("for-bob", people["alice"].pw_name))
    assert re.fullmatch(error("MAILBOX", "mailbox 'for-bob' already exists"), again)
    assert body(say("bob", MailboxShow("for-bob")))["address"] == f"for-bob@{DOMAIN}"


def test_who_has_a_kept_name_has_it_and_to_others_it_is_kept(people, say):
    kept = error("VALIDATION", "Mailbox name 'security' is reserved; only root can create it")
    assert all(re.fullmatch(kept, say(who, MailboxCreate("security"))) for who in ("alice", "bob"))
    assert re.fullmatch(DONE, say("root", MailboxCreate("security", people["alice"].pw_name)))
    assert re.fullmatch(DONE, say("alice", MailboxCreate("security")))
    assert re.fullmatch(kept, say("bob", MailboxCreate("security")))


SAME = [MailboxShow, MailboxDelete, lambda name: MailboxDelete(name, force=True)]


@pytest.mark.parametrize("make", SAME, ids=["show", "delete", "force"])
def test_missing_and_foreign_look_the_same(say, make):
    answers = {say("alice", make(name)) for name in ("bob", "no-such", "Not A Name", "postmaster")}
    assert len(answers) == 1
    assert re.fullmatch(EACCES, answers.pop())


def test_each_sees_his_own_and_root_sees_all(daemon, people, say):
    stray = daemon.data / "inbox" / "stray"
    stray.mkdir(mode=0o700)
    os.chown(stray, people["bob"].pw_uid, people["bob"].pw_gid)
    seen = {who: {row["name"]: row for row in body(say(who, MailboxList()))} for who in people}
    assert {"alice", "mine"} <= seen["alice"].keys()
    assert not {"bob", "stray", "catchall"} & seen["alice"].keys()
    assert {"bob", "stray", "catchall"} <= seen["bob"].keys()
    assert seen["alice"].keys() | seen["bob"].keys() <= seen["root"].keys()
    assert (seen["bob"]["stray"]["registered"], seen["bob"]["stray"]["address"]) == (False, None)
    stray.rmdir()


def test_a_directory_of_somebody_else_is_in_the_way(daemon, people, say):
    there = daemon.data / "sent" / "left-over"
    there.mkdir(mode=0o700)
    os.chown(there, people["bob"].pw_uid, people["bob"].pw_gid)
    answer = say("alice", MailboxCreate("left-over"))
    bob, alice = ("{0.pw_uid}:{0.pw_gid}".format(people[who]) for who in ("bob", "alice"))
    assert re.fullmatch(
        error(
            "ECONFLICT",
            f"{there} already exists with owner {bob}, expected {alice}; run `chown --no-dereference {alice} {there}`"
            " (and the matching sibling) and retry",
        ),
        answer,
    )
    assert not (daemon.data / "inbox" / "left-over").exists()
    os.chown(there, people["alice"].pw_uid, people["alice"].pw_gid)
    assert re.fullmatch(DONE, say("alice", MailboxCreate("left-over")))


@pytest.mark.parametrize("kind", ["file", "link", "fifo"])
def test_what_is_no_directory_is_in_the_way(daemon, say, kind):
    there = daemon.data / "inbox" / f"odd-{kind}"
    {"file": there.touch, "link": lambda: there.symlink_to("/etc"), "fifo": lambda: os.mkfifo(there)}[kind]()
    answer = say("alice", MailboxCreate(there.name))
    assert answer.startswith(f"AIMX/1 ERR ECONFLICT {there} exists but is not a directory; remove it")
    assert not (daemon.data / "sent" / there.name).exists()
    there.unlink()


def test_what_is_on_disk_but_not_in_force_tells_a_stranger_nothing(daemon, people, say):
    path = daemon.etc / "config.toml"
    text = path.read_text()
    owner = people["bob"].pw_name
    path.write_text(text + f'\n[mailboxes.secret]\naddress = "other@{DOMAIN}"\nowner = "{owner}"\n')
    assert re.fullmatch(EACCES, say("alice", MailboxCreate("secret")))
    assert re.fullmatch(EACCES, say("alice", MailboxCreate("other")))
    assert not (daemon.data / "inbox" / "other").exists()
    path.write_text(text + "\n[mailboxes.secret\n")
    told = say("alice", MailboxCreate("fresh"))
    assert told == "AIMX/1 ERR IO config.toml cannot be edited now: root has to look at it\nCode: IO\n\n"
    assert "line" in say("root", MailboxCreate("fresh", owner))
    path.write_text(text)


def test_an_address_that_is_served_already_is_taken(daemon, people, say):
    path = daemon.etc / "config.toml"
    owner = people["bob"].pw_name
    path.write_text(path.read_text() + f'\n[mailboxes.help]\naddress = "Support@{DOMAIN}"\nowner = "{owner}"\n')
    assert re.fullmatch(DONE, say("alice", MailboxCreate("puts-it-in-force")))
    assert re.fullmatch(EACCES, say("alice", MailboxCreate("support")))
    assert "mail for 'support' goes to mailbox 'help' already" in say("bob", MailboxCreate("support"))


def wiped(daemon) -> bool:
    return not os.listdir(daemon.data / ".aimx" / "wiped")


def until(true, what: str) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_an_owner_wipes_his_own(daemon, people, say):
    assert re.fullmatch(DONE, say("alice", MailboxCreate("short-lived")))
    daemon.send(mail(), f"short-lived@{DOMAIN}")
    assert "inbox=1 sent=0: mailbox 'short-lived' has 1 file; " in say("alice", MailboxDelete("short-lived"))
    assert re.fullmatch(DONE, say("alice", MailboxDelete("short-lived", force=True)))
    assert re.fullmatch(EACCES, say("alice", MailboxDelete("short-lived", force=True)))
    status = (daemon.data / "inbox" / "short-lived").stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (people["alice"].pw_uid, 0o700)
    assert os.listdir(daemon.data / "inbox" / "short-lived") == []
    until(lambda: wiped(daemon), "erased")


def test_whoever_has_the_name_next_gets_nothing_of_the_one_before(daemon, people, say):
    assert re.fullmatch(DONE, say("alice", MailboxCreate("handed-on")))
    daemon.send(mail("A secret of hers"), f"handed-on@{DOMAIN}")
    assert body(say("alice", MailboxShow("handed-on")))["total"] == 1
    assert re.fullmatch(DONE, say("alice", MailboxDelete("handed-on", force=True)))
    rows = {row["name"]: row for row in body(say("alice", MailboxList()))}
    assert (rows["handed-on"]["total"], rows["handed-on"]["registered"]) == (0, False)
    for folder in ("inbox", "sent"):
        (daemon.data / folder / "handed-on").rmdir()
    assert re.fullmatch(DONE, say("bob", MailboxCreate("handed-on")))
    shown = body(say("bob", MailboxShow("handed-on")))
    assert (shown["owner"], shown["total"], shown["unread"]) == (people["bob"].pw_name, 0, 0)
    assert "secret" not in say("bob", EmailList("handed-on", folder="all"))
    until(lambda: wiped(daemon), "erased")
    with sqlite3.connect(f"file:{daemon.data}/.aimx/state.db?mode=ro", uri=True) as db:
        told = [
            event for (event,) in db.execute("SELECT event FROM events WHERE owner_uid = ?", (people["bob"].pw_uid,))
        ]
    db.close()
    assert [event for event in told if "handed-on" in event and "secret" in event] == []

    def words() -> list:
        with sqlite3.connect(f"file:{daemon.data}/.aimx/index.db?mode=ro", uri=True) as index:
            found = index.execute("SELECT subject FROM messages WHERE subject LIKE '%secret%'").fetchall()
        index.close()
        return found

    until(lambda: words() == [], "out of the index")


def test_nobody_wipes_a_directory_that_is_not_his(daemon, people, say):
    assert re.fullmatch(DONE, say("alice", MailboxCreate("not-hers")))
    box = daemon.data / "inbox" / "not-hers"
    os.chown(box, people["bob"].pw_uid, people["bob"].pw_gid)
    (box / "bobs").write_text("x")
    answer = say("alice", MailboxDelete("not-hers", force=True))
    assert f"ECONFLICT {box} belongs to uid {people['bob'].pw_uid}; only root can wipe it" in answer
    assert (box / "bobs").read_text() == "x"
    assert re.fullmatch(DONE, say("root", MailboxDelete("not-hers", force=True)))
    until(lambda: wiped(daemon), "erased")


BUILD = """
os.chdir(sys.argv[1])
os.mkfifo("fifo.md")
os.symlink("/etc", "etc")
os.symlink(sys.argv[2], "outside.md")
os.mkdir("closed"); open("closed/x", "w").close(); os.chmod("closed", 0)
os.mkdir("deep"); os.chdir("deep")
for _ in range(2500):  # longer than any path can be
    os.mkdir("d"); os.chdir("d")
print("built")
"""


def test_a_hostile_mailbox_is_wiped_and_nothing_else(daemon, people, say):
    assert re.fullmatch(DONE, say("alice", MailboxCreate("hostile")))
    box = daemon.data / "inbox" / "hostile"
    outside = daemon.tree / "outside"
    outside.write_text("x")
    assert users.run(people["alice"], BUILD, box, outside) == "built\n"
    before = outside.stat()
    assert re.fullmatch(DONE, say("alice", MailboxDelete("hostile", force=True)))
    assert re.fullmatch(DONE, say("bob", MailboxCreate("not-kept-waiting")))
    until(lambda: wiped(daemon), "erased")
    assert outside.stat()[:7] == before[:7]


@pytest.fixture
def mounted(daemon, tmp_path):
    """Mounts a directory somewhere, for the daemon as for everybody; with its directory it may move."""

    def mount(where: Path) -> Path:
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        (source / "kept").write_text("x")
        where.mkdir(exist_ok=True)
        if subprocess.run(["mount", "--bind", source, where], capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount")
        return source / "kept"

    yield mount
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in places:
        if place.startswith(str(daemon.data)):
            subprocess.run(["umount", "--lazy", place], check=True)


def test_what_is_mounted_inside_is_neither_entered_nor_waited_for(daemon, say, mounted):
    assert re.fullmatch(DONE, say("alice", MailboxCreate("inner")))
    box = daemon.data / "inbox" / "inner"
    (box / "sub").mkdir()
    kept = mounted(box / "sub" / "mount")
    (box / "goes").write_text("x")
    assert re.fullmatch(DONE, say("alice", MailboxDelete("inner", force=True)))
    line = daemon.wait_log("event=not-erased ")
    assert "mount" in line or "busy" in line
    assert kept.read_text() == "x"
    assert os.listdir(box) == []
    left = [path for path in (daemon.data / ".aimx" / "wiped").rglob("*") if path.name == "goes"]
    assert left == []


def test_a_mailbox_that_is_a_mount_itself_is_refused(daemon, say, mounted):
    assert re.fullmatch(DONE, say("alice", MailboxCreate("outer")))
    kept = mounted(daemon.data / "inbox" / "outer")
    answer = say("alice", MailboxDelete("outer", force=True))
    assert "is another file system" in answer
    assert kept.read_text() == "x"
    assert body(say("alice", MailboxShow("outer")))["name"] == "outer"


def left(daemon, name: str) -> list[Path]:
    """Files of a name among what was wiped, while other directories there are being erased."""
    return [Path(top) / name for top, _, names in os.walk(daemon.data / ".aimx" / "wiped") if name in names]


@pytest.mark.skipif(shutil.which("chattr") is None, reason="there is no chattr")
def test_an_immutable_file_keeps_only_itself(daemon, say):
    assert re.fullmatch(DONE, say("alice", MailboxCreate("stone")))
    box = daemon.data / "inbox" / "stone"
    (box / "fixed").write_text("x")
    (box / "goes").write_text("x")
    if subprocess.run(["chattr", "+i", box / "fixed"], capture_output=True).returncode:
        pytest.skip("this file system knows no immutable files")
    try:
        assert re.fullmatch(DONE, say("alice", MailboxDelete("stone", force=True)))
        assert "fixed" in daemon.wait_log("event=not-erased ")
    finally:
        for path in left(daemon, "fixed"):
            subprocess.run(["chattr", "-i", path], check=False)
    assert not left(daemon, "goes")


def test_mail_that_arrives_meanwhile_is_wiped_or_refused(daemon, say):
    """Each message has one fate: stored before and wiped with the rest, or refused after; nothing is left over."""
    answers: list[int] = []
    stop = threading.Event()

    def deliver():
        while not stop.is_set():
            try:
                with daemon.smtp() as client:
                    client.sendmail("a@sender.test", [f"contested@{DOMAIN}"], mail())
                    answers.append(250)
            except smtplib.SMTPRecipientsRefused as refused:
                answers.append(next(iter(refused.recipients.values()))[0])
            except smtplib.SMTPDataError as refused:
                answers.append(refused.smtp_code)

    path = daemon.etc / "config.toml"
    path.write_text(path.read_text().replace(f"*@{DOMAIN}", "*@other.test"))
    threads = [threading.Thread(target=deliver) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        assert re.fullmatch(DONE, say("alice", MailboxCreate("contested")))
        assert re.fullmatch(DONE, say("alice", MailboxDelete("contested", force=True)))
        assert os.listdir(daemon.data / "inbox" / "contested") == []
    stop.set()
    for thread in threads:
        thread.join(60)
    assert set(answers) <= {250, 550, 451}
    assert os.listdir(daemon.data / "inbox" / "contested") == []
    assert os.listdir(daemon.data / ".aimx" / "spool") == []


def test_who_may_not_delete_is_told_what_waits_where_he_sees_no_file(daemon, people, say):
    assert re.fullmatch(DONE, say("alice", MailboxCreate("held")))
    box = daemon.data / "inbox" / "held"
    os.chown(box, people["bob"].pw_uid, -1)
    daemon.send(mail(), f"held@{DOMAIN}")
    told = say("alice", MailboxDelete("held"))
    assert "inbox=1 sent=0: mailbox 'held' has 1 file (1 in the spool: `aimx doctor` says why); archive" in told
    os.chown(box, people["alice"].pw_uid, -1)
    assert re.fullmatch(DONE, say("alice", MailboxDelete("held", force=True)))


# The command line


def test_a_user_needs_neither_root_nor_the_configuration(daemon, people, aimx):
    alice = people["alice"].pw_name
    done = aimx("alice", "mailboxes", "create", "by-hand", "--owner", people["bob"].pw_name)
    assert (done.returncode, done.stdout) == (0, f"Mailbox 'by-hand' created (owner: {alice}).\n")
    warning = f"Warning: --owner ignored for non-root callers; mailbox will be owned by `{alice}`\n"
    assert done.stderr == warning
    assert aimx("alice", "mailboxes", "create", "by-hand", "--owner", alice).stderr == ""
    assert f"  Owner:   {alice}\n" in aimx("alice", "mailboxes", "show", "by-hand").stdout
    names = [line.split()[0] for line in aimx("alice", "mailboxes", "list").stdout.splitlines()[1:]]
    assert "by-hand" in names
    assert "bob" not in names
    done = aimx("alice", "mailboxes", "delete", "by-hand", "-y")
    assert done.stdout == "Mailbox 'by-hand' deleted.\n"
    assert (
        done.stderr == "  The empty directories inbox/by-hand/ and sent/by-hand/ stay on disk; root may `rmdir` them.\n"
    )


TOLD = {
    "all": (["list", "--all"], 1, "Error: not authorized: --all requires root (run with sudo)\n"),
    "show-foreign": (["show", "bob"], 1, "Error: [EACCES] not authorized\n"),
    "show-missing": (["show", "zzz"], 1, "Error: [EACCES] not authorized\n"),
    "mistyped": (["show", "alicf"], 1, "Error: [EACCES] not authorized\n\n  tip: a similar mailbox exists: 'alice'\n"),
    "delete-foreign": (["delete", "bob", "-y", "--force"], 1, "Error: [EACCES] not authorized\n"),
    "create-foreign": (["create", "bob"], 1, "Error: [EACCES] not authorized\n"),
    "create-role": (
        ["create", "abuse"], 1, "Error: [VALIDATION] Mailbox name 'abuse' is reserved; only root can create it\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("words", "code", "told"), TOLD.values(), ids=TOLD)
def test_what_a_user_is_told(aimx, words, code, told):
    done = aimx("alice", "mailboxes", *words)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", told)


@pytest.mark.parametrize("closed", ["no-socket", "closed-directory"])
@pytest.mark.parametrize("words", [["create", "x"], ["delete", "x", "-y"], ["list"], ["show", "x"]], ids=lambda w: w[0])
def test_without_a_daemon_a_user_is_told_what_to_do(tmp_path, daemon, people, aimx, monkeypatch, words, closed):
    run = tmp_path / "run"
    run.mkdir(mode=0o700 if closed == "closed-directory" else 0o755)
    monkeypatch.setitem(daemon.env, "AIMX_RUNTIME_DIR", str(run))
    done = aimx("alice", "mailboxes", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Error: daemon must be running for non-root mailbox CRUD; start `aimx serve` or run with sudo to fall back to"
        " direct config edit.\n"
    )


def test_root_beside_a_daemon_that_does_not_answer_is_told_so(daemon, aimx, monkeypatch, tmp_path):
    monkeypatch.setitem(daemon.env, "AIMX_RUNTIME_DIR", str(tmp_path))
    done = aimx("root", "mailboxes", "create", "x", "--owner", "daemon")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"Error: another aimx process holds the writer lock of {daemon.data}, but no daemon answers on"
        f" {tmp_path}/aimx.sock: it may be starting or stopping, or use another AIMX_RUNTIME_DIR; try again, or"
        " restart it"
    )


def test_one_user_cannot_fill_the_configuration(people):
    owners = {f"m{number}": people["alice"].pw_name for number in range(limits.MAILBOXES_PER_USER)}
    with dropping.daemon(owners, people["bob"].pw_name) as full:
        more = codec.encode_request(MailboxCreate("one-more"))
        refused = error("VALIDATION", f"you own {len(owners)} mailboxes already; root can create more for you")
        assert re.fullmatch(refused, ask(full, people["alice"], more))
        assert re.fullmatch(DONE, ask(full, people["alice"], codec.encode_request(MailboxCreate("m0"))))
        assert re.fullmatch(DONE, ask(full, people["bob"], more))


def test_a_user_has_only_so_many_names(daemon, people, say):
    """Directories of deleted mailboxes stay, and keep their names from everybody else."""
    alice = people["alice"]
    there = len(body(say("alice", MailboxList())))
    left = [daemon.data / "inbox" / f"left-{number}" for number in range(limits.MAILBOXES_PER_USER - there)]
    try:
        for path in left:
            path.mkdir()
            os.chown(path, alice.pw_uid, alice.pw_gid)
        refused = say("alice", MailboxCreate("one-more"))
        assert "mailboxes and directories of deleted ones already; root can remove those" in refused
        assert re.fullmatch(DONE, say("alice", MailboxCreate("left-0")))
        assert re.fullmatch(DONE, say("bob", MailboxCreate("one-more")))
        assert re.fullmatch(DONE, say("root", MailboxCreate("roots-gift", alice.pw_name)))
        assert re.fullmatch(DONE, say("alice", MailboxDelete("left-0")))
    finally:
        for path in left:
            path.rmdir()


def test_what_was_given_away_on_disk_is_not_deleted_by_who_had_it(daemon, people, say):
    """The operator has edited the file and not reloaded it; what is there by now is for the next owner."""
    assert re.fullmatch(DONE, say("alice", MailboxCreate("moving")))
    path = daemon.etc / "config.toml"
    text = path.read_text()
    head, _, rest = text.partition("[mailboxes.moving]")
    moved = f"{head}[mailboxes.moving]" + rest.replace(people["alice"].pw_name, people["bob"].pw_name, 1)
    path.write_text(moved)
    for force in (False, True):
        assert "changes hands there; run `systemctl reload aimx` first" in say("alice", MailboxDelete("moving", force))
    assert path.read_text() == moved
    path.write_text(text)
    assert re.fullmatch(DONE, say("alice", MailboxDelete("moving")))
