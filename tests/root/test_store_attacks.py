"""Three real users and a daemon that is root: isolation, ownership, and every attack of a mailbox's owner."""

import email.message
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import tomllib
from pathlib import Path

import pytest

from aimx.effects.accounts import Accounts
from aimx.store.mailbox import Unreadable
from aimx.store.tree import Tree
from tests.harness import DOMAIN, Daemon, mail
from tests.hooks.test_pool import until
from tests.root import users

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def people():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with users.users("a", "b", "c") as made:
        yield made


def _table(name, owner):
    return f'[mailboxes.{name}]\naddress = "{name}@{DOMAIN}"\nowner = "{owner}"\n'


def _config(people, **owners):
    chosen = {letter: people[letter].pw_name for letter in people} | owners
    return f'domain = "{DOMAIN}"\n' + "".join(_table(name, owner) for name, owner in chosen.items())


@pytest.fixture(scope="module")
def daemon(people):
    tree = Path(tempfile.mkdtemp(prefix="aimxt-", dir="/var/tmp"))
    tree.chmod(0o755)
    (tree / "outside").mkdir(mode=0o755)
    (tree / "outside/secret").write_text("root's")
    (tree / "outside/secret").chmod(0o600)
    with Daemon(tree, _config(people)) as running:
        yield running
    shutil.rmtree(tree)


@pytest.fixture(autouse=True)
def nothing_outside_is_touched(daemon):
    outside = daemon.tree / "outside"
    before = [(path, path.lstat().st_uid, path.lstat().st_mode) for path in sorted(outside.rglob("*"))]
    config = (daemon.etc / "config.toml").stat()
    yield
    assert [(path, path.lstat().st_uid, path.lstat().st_mode) for path in sorted(outside.rglob("*"))] == before
    assert (outside / "secret").read_text() == "root's"
    after = (daemon.etc / "config.toml").stat()
    assert (after.st_uid, after.st_ino) == (config.st_uid, config.st_ino)


def _box(daemon, letter):
    return daemon.data / "inbox" / letter


def _with_attachments(subject, *names):
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@sender.test", f"a@{DOMAIN}", subject
    message.set_content("See attached.\n")
    for name in names or ("a.txt", "b.txt"):
        message.add_attachment(b"attached", "application", "octet-stream", filename=name)
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _send(daemon, octets, *letters):
    before = {letter: set(daemon.messages(letter)) for letter in letters}
    daemon.send(octets, *[f"{letter}@{DOMAIN}" for letter in letters])
    new = [sorted(set(daemon.messages(letter)) - before[letter]) for letter in letters]
    return [paths[0] if paths else None for paths in new]


def _read(path):
    return tomllib.loads(path.read_text().split("+++\n")[1])


def _squat(daemon, people, code, subject, suffix=".md", target=""):
    """Plant something at the names that a mail with this subject would get in the next seconds."""
    plant = (
        "import os, sys, time\n"
        "box, slug, suffix, target = sys.argv[1:]\n"
        "now = time.time()\n"
        "for second in range(-1, 60):\n"
        "    path = f\"{box}/{time.strftime('%Y-%m-%d-%H%M%S', time.gmtime(now + second))}-{slug}{suffix}\"\n"
        f"    {code}\n"
    )
    assert users.run(people["a"], plant, _box(daemon, "a"), subject, suffix, target) == ""


# Ownership, modes, isolation


def test_modes_and_owners(daemon, people):
    (flat,) = _send(daemon, mail("flat"), "a")
    (message,) = _send(daemon, _with_attachments("bundle"), "a")
    a = people["a"]
    found = {
        path: (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid, path.stat().st_gid)
        for path in [daemon.data / "inbox", daemon.data / ".aimx", _box(daemon, "a"), daemon.data / "sent/a",
                     message.parent, flat, message, message.parent / "a.txt", daemon.data / ".aimx/state.db"]
    }  # fmt: skip
    assert list(found.values()) == [
        (0o755, 0, 0), (0o700, 0, 0), (0o700, a.pw_uid, a.pw_gid), (0o700, a.pw_uid, a.pw_gid),
        (0o700, a.pw_uid, a.pw_gid), (0o644, 0, 0), (0o644, 0, 0), (0o644, 0, 0), (0o600, 0, 0),
    ]  # fmt: skip


def test_one_reads_his_own_and_nobody_elses(daemon, people):
    (path,) = _send(daemon, mail("private", "for a only\r\n"), "a")
    code = "import sys; print(open(sys.argv[1]).read())"
    assert "for a only" in users.run(people["a"], code, path)
    for other in ("b", "c"):
        assert "PermissionError" in users.run(people[other], code, path)
        assert "PermissionError" in users.run(people[other], "import os, sys; os.listdir(sys.argv[1])", path.parent)


def test_an_owner_may_tidy_his_own_mailbox(daemon, people):
    (path,) = _send(daemon, _with_attachments("tidy"), "a")
    assert users.run(people["a"], "import shutil, sys; shutil.rmtree(sys.argv[1])", path.parent) == ""
    assert not path.exists()


@pytest.mark.parametrize(
    "code",
    [
        "os.rename(f'{data}/inbox/a', f'{data}/inbox/x')",
        "os.rmdir(f'{data}/inbox/a')",
        "os.mkdir(f'{data}/inbox/x')",
        "os.rename(f'{data}/inbox', f'{data}/x')",
        "os.listdir(f'{data}/.aimx/staging')",
        "os.open(f'{data}/.aimx/state.db', os.O_RDONLY)",
        "os.symlink('/etc', f'{data}/.aimx/spool/x')",
    ],
)
def test_parents_are_out_of_reach(daemon, people, code):
    told = users.run(people["a"], f"import os, sys; data = sys.argv[1]; {code}", daemon.data)
    assert "PermissionError" in told or "Directory not empty" in told


# Names taken in advance: the mail is stored under the next one, what was planted stays unharmed


@pytest.mark.parametrize(
    ("code", "suffix"),
    [
        ("os.symlink(target + '/secret', path)", ".md"),
        ("os.symlink(target + '/new', path)", ".md"),
        ("os.symlink(target, path)", ""),
        ("os.mkfifo(path)", ".md"),
        ("os.mkdir(path)", ".md"),
        ("os.mkdir(path)", ""),
        ("open(path, 'w').close()", ".md"),
    ],
    ids=["link to a secret", "dangling link", "link to a directory", "fifo", "directory", "bundle", "file"],
)
@pytest.mark.parametrize("bundle", [False, True], ids=["flat", "bundle"])
def test_squatted_names(daemon, people, code, suffix, bundle):
    subject = f"squat{time.monotonic_ns()}"[:20]
    _squat(daemon, people, code, subject, suffix, str(daemon.tree / "outside"))
    octets = _with_attachments(subject) if bundle else mail(subject)
    a, b = daemon.messages("a"), None
    started = time.monotonic()
    daemon.send(octets, f"a@{DOMAIN}", f"b@{DOMAIN}")
    assert time.monotonic() - started < 40, "what was planted is gone by"
    ours = [path for path in _box(daemon, "a").rglob(f"*{subject}-2.md") if path.lstat().st_uid == 0]
    (path,) = ours
    assert _read(path)["id"] == path.stem
    (b,) = [path for path in daemon.messages("b") if subject in path.name]
    assert not b.stem.endswith("-2")
    assert path not in a


def test_a_race_for_names_is_never_won(daemon, people):
    """The owner flips every coming name between link and nothing while mail with attachments arrives."""
    flip = (
        "import os, select, sys, time\n"
        "box, target = sys.argv[1:]\n"
        "print('ready', flush=True)\n"
        "while not select.select([0], [], [], 0)[0]:\n"
        "    stem = f\"{box}/{time.strftime('%Y-%m-%d-%H%M%S', time.gmtime())}-race\"\n"
        "    for path in (stem, stem + '.md', stem + '-2', stem + '-2.md'):\n"
        "        try:\n"
        "            os.symlink(target, path)\n"
        "            os.unlink(path)\n"
        "        except OSError:\n"
        "            pass\n"
    )
    attacker = users.start(people["a"], flip, _box(daemon, "a"), daemon.tree / "outside")
    sent = 60
    try:
        assert attacker.stdout.readline() == "ready\n"
        for number in range(sent):
            daemon.send(_with_attachments("race") if number % 2 else mail("race"), f"a@{DOMAIN}", f"b@{DOMAIN}")
    finally:
        assert attacker.communicate(timeout=60) == ("", "")
    stored = [path for path in daemon.messages("a") if "-race" in path.name and not path.is_symlink()]
    assert len([path for path in daemon.messages("b") if "-race" in path.name]) == sent
    _reload(daemon)
    deadline = time.monotonic() + 60
    while len(stored) < sent and time.monotonic() < deadline:
        time.sleep(0.2)  # the spool is tried again by the daemon, not by us
        stored = [path for path in daemon.messages("a") if "-race" in path.name and not path.is_symlink()]
    assert len(stored) == sent
    assert all(_read(path)["id"] == path.stem for path in stored)


# A mailbox that cannot take mail: the copy waits, others get theirs, repair delivers


def _reload(daemon, *more):
    """Reload, and wait for that and for what else is said, in whatever order."""
    before = len(daemon.log)
    os.kill(daemon.pid, signal.SIGHUP)
    for text in ("event=config-reloaded", *more):
        until(lambda text=text: any(text in line for line in daemon.log[before:]), text)


def _spools_then_arrives(daemon, subject, repair, reason):
    daemon.send(mail(subject), f"a@{DOMAIN}", f"b@{DOMAIN}")
    assert reason in daemon.wait_log("event=received-to-spool")
    assert [path for path in daemon.messages("b") if subject in path.name]
    assert os.listdir(daemon.data / ".aimx/spool")
    repair()
    _reload(daemon, "event=delivered-from-spool")
    assert [path for path in daemon.messages("a") if subject in path.name]
    assert not os.listdir(daemon.data / ".aimx/spool")


def test_a_directory_left_by_somebody_else(daemon, people):
    box, aside = _box(daemon, "a"), daemon.data / "aside"
    box.rename(aside)
    box.mkdir(mode=0o700)
    os.chown(box, people["b"].pw_uid, people["b"].pw_gid)
    (box / "old.md").write_text("b's")

    def repair():
        assert [path.name for path in box.iterdir()] == ["old.md"]
        assert box.stat().st_uid == people["b"].pw_uid, "never given away by the daemon"
        shutil.rmtree(box)
        aside.rename(box)

    _spools_then_arrives(daemon, "leftover", repair, f"chown --no-dereference {people['a'].pw_name}: {box}")


def test_a_link_instead_of_the_directory(daemon):
    box, aside = _box(daemon, "a"), daemon.data / "aside"
    box.rename(aside)
    box.symlink_to(daemon.tree / "outside")

    def repair():
        box.unlink()
        aside.rename(box)

    _spools_then_arrives(daemon, "linked", repair, "inbox/a")


def test_another_file_system(daemon):
    box = _box(daemon, "a")
    subprocess.run(["mount", "-t", "tmpfs", "none", str(box)], check=True)
    unmount = ["umount", str(box)]
    try:
        _spools_then_arrives(
            daemon, "mounted", lambda: subprocess.run(unmount, check=True), "is on another file system"
        )
    finally:
        subprocess.run(unmount, capture_output=True)


def test_an_owner_that_goes_and_returns(daemon, people):
    gone = users.add(users.unique("g"))
    daemon.write_config(_config(people, g=gone.pw_name))
    _reload(daemon)
    try:
        (path,) = _send(daemon, mail("before"), "g")
        assert path.parent.stat().st_uid == gone.pw_uid
        users.remove(gone.pw_name)
        daemon.send(mail("homeless"), f"g@{DOMAIN}", f"b@{DOMAIN}")
        assert f"owner-not-found: {gone.pw_name}" in daemon.wait_log("event=received-to-spool")
        assert [path for path in daemon.messages("b") if "homeless" in path.name]
        again = users.add(gone.pw_name)
        os.chown(_box(daemon, "g"), again.pw_uid, again.pw_gid)
        _reload(daemon, "event=delivered-from-spool")
        assert [path for path in daemon.messages("g") if "homeless" in path.name]
    finally:
        users.remove(gone.pw_name)
        daemon.write_config(_config(people))
        _reload(daemon)


@pytest.mark.parametrize("mode", [0o000, 0o500, 0o777], ids=oct)
def test_modes_are_put_right_on_every_write(daemon, people, mode):
    code = "import os, sys; os.chmod(sys.argv[1], int(sys.argv[2]))"
    assert users.run(people["a"], code, _box(daemon, "a"), mode) == ""
    (path,) = _send(daemon, mail(f"mode{mode}"), "a")
    assert path is not None
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


# Attachment names (threat 19)

HOSTILE = [
    "../../../etc/cron.d/x", "/etc/passwd", "..", ".bashrc", "-rf", "a/b", "a\\b", "x" * 300 + ".txt", "\u202egpj.exe",
    "A.txt", "a.txt", "a.txt",
]  # fmt: skip


def test_hostile_attachment_names_stay_in_the_bundle(daemon):
    before = sorted(path for path in daemon.tree.rglob("*") if "inbox/a" not in str(path))
    (path,) = _send(daemon, _with_attachments("names", *HOSTILE), "a")
    entries = list(path.parent.iterdir())
    assert len(entries) == len(HOSTILE) + 1
    assert all(entry.is_file() and len(os.fsencode(entry.name)) <= 255 for entry in entries)
    after = sorted(path for path in daemon.tree.rglob("*") if "inbox/a" not in str(path))
    assert [path for path in after if path not in before and ".aimx" not in str(path)] == []


# Reading back (hook stdin, later verbs): only what is surely the owner's mail


@pytest.fixture(scope="module")
def folders(tmp_path_factory, people):
    tree = Tree(tmp_path_factory.mktemp("read") / "data", Accounts(as_root=True))
    for letter in ("a", "b"):
        assert tree.folders.prepare("inbox", letter, people[letter].pw_name) == ""
        path = Path(tree.path) / "inbox" / letter / "mail.md"
        path.write_text(f"{letter}'s")
    yield tree
    tree.close()


def _bundle_link(box):
    (box / "bundle").mkdir()
    (box / "bundle/bundle.md").symlink_to("../../b/mail.md")


PLANTED = {
    "link to another's mail": ("x", lambda box: (box / "x.md").symlink_to("../b/mail.md")),
    "link to a secret": ("x", lambda box: (box / "x.md").symlink_to("/etc/shadow")),
    "fifo": ("x", lambda box: os.mkfifo(box / "x.md")),
    "device": ("x", lambda box: os.mknod(box / "x.md", stat.S_IFCHR | 0o600, os.makedev(1, 5))),
    "hard link": ("x", lambda box: os.link(box.parent / "b/mail.md", box / "x.md")),
    "directory": ("x", lambda box: (box / "x.md").mkdir()),
    "link to a bundle": ("x", lambda box: (box / "x").symlink_to("../b")),
    "link in a bundle": ("bundle", _bundle_link),
    "another's file": ("x", lambda box: ((box / "x.md").write_text(""), os.chown(box / "x.md", 12345, 12345))),
    "parent": ("../b/mail", lambda box: None),
    "absolute": ("/etc/passwd", lambda box: None),
    "empty": ("", lambda box: None),
    "nul": ("mail\0", lambda box: None),
    "dots": ("..", lambda box: None),
    "long": ("x" * 4096, lambda box: None),
    "missing": ("nothing", lambda box: None),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_not_plainly_mail_is_not_read(folders, people, planted):
    name, plant = PLANTED[planted]
    box = Path(folders.path) / "inbox/a"
    for entry in box.iterdir():
        if entry.name != "mail.md":
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    plant(box)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Unreadable):
        folders.folders.open_message("inbox", "a", people["a"].pw_name, name)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("owned_by", ["root", "owner"])
def test_mail_of_root_and_of_the_owner_is_read(folders, people, owned_by):
    path = Path(folders.path) / "inbox/a/mail.md"
    os.chown(path, 0 if owned_by == "root" else people["a"].pw_uid, 0)
    fd = folders.folders.open_message("inbox", "a", people["a"].pw_name, "mail")
    with open(fd) as file:
        assert file.read() == "a's"


def test_no_descriptor_stays_open_in_the_daemon(daemon):
    def descriptors():
        return len(os.listdir(f"/proc/{daemon.pid}/fd"))

    with daemon.smtp() as client:
        client.sendmail("a@sender.test", [f"a@{DOMAIN}", f"b@{DOMAIN}"], _with_attachments("fds"))
        before = descriptors()
        for _ in range(15):
            client.sendmail("a@sender.test", [f"a@{DOMAIN}", f"b@{DOMAIN}"], _with_attachments("fds"))
        until(lambda: descriptors() <= before, "descriptors stay open")  # the index is written after the reply
