"""The owner of a sent directory against a daemon that is root, while a message is on its way."""

import os
import shutil
import stat
import tempfile
import threading
import time
import tomllib
from pathlib import Path

import pytest

from aimx import client
from aimx.wire import codec
from aimx.wire.frames import Send
from tests import mx
from tests.harness import DOMAIN, Daemon
from tests.mailauth import signing
from tests.root import users

pytestmark = pytest.mark.root
HOOK = '[[mailboxes.a.hooks]]\nname = "note"\nevent = "after_send"\ncmd = ["/bin/sh", "-c", "cat"]\n'
REPLY = (
    '[[mailboxes.a.hooks]]\nname = "reply"\nevent = "on_receive"\nfire_on_untrusted = true\n'
    "cmd = ['/bin/sh', '-c', 'echo $AIMX_JOB > /var/tmp/{name}.part; mv /var/tmp/{name}.part /var/tmp/{name};"
    " while [ -e /var/tmp/{name} ]; do sleep 0.02; done']\n"
)


@pytest.fixture(scope="module")
def people():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with users.users("a", "b") as made:
        yield made


@pytest.fixture(scope="module")
def token_file():
    path = Path("/var/tmp", users.unique("token"))
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def sender(people, token_file):
    tree = Path(tempfile.mkdtemp(prefix="aimxt-", dir="/var/tmp"))
    tree.chmod(0o755)
    (tree / "outside").mkdir(mode=0o755)
    (tree / "outside/secret").write_text("root's")
    (tree / "outside/secret").chmod(0o600)
    server = mx.Server()
    config = f'domain = "{DOMAIN}"\nallow_private_mx = true\n' + "".join(
        f'[mailboxes.{name}]\naddress = "{name}@{DOMAIN}"\nowner = "{user.pw_name}"\n{HOOK if name == "a" else ""}'
        f"{REPLY.format(name=token_file.name) if name == 'a' else ''}"
        for name, user in people.items()
    )
    daemon = Daemon(tree, config, mx.ZONE, AIMX_TEST_MX_PORT=str(server.port))
    signing.install(daemon.etc)
    with daemon:
        daemon.mx = server
        yield daemon
    server.close()
    shutil.rmtree(tree)


@pytest.fixture(autouse=True)
def nothing_outside_is_touched(sender):
    outside = sender.tree / "outside"
    before = [(path, path.lstat()[:9]) for path in sorted(outside.rglob("*"))]
    yield
    assert [(path, path.lstat()[:9]) for path in sorted(outside.rglob("*"))] == before
    assert (outside / "secret").read_text() == "root's"
    assert os.listdir(sender.data / ".aimx/staging") == []
    assert os.listdir(sender.data / ".aimx/spool") == []


ATTACHED = (
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n"
    '--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="a.txt"\r\n\r\nattached\r\n--b--\r\n'
)


def _message(to, subject="Hello", rest="\r\nHi\r\n", box="a"):
    return f"From: {box}@{DOMAIN}\r\nTo: {to}\r\nSubject: {subject}\r\n{rest}".encode()


def _box(daemon):
    return daemon.data / "sent/a"


def _fields(path):
    return tomllib.loads(path.read_text().split("+++\n")[1])


def test_modes_and_owners_of_a_record(sender, people):
    for rest in ("\r\nHi\r\n", ATTACHED):
        assert client.call(sender.socket, Send(_message("ok@one.test", "modes", rest))).kind == "ok"
    a = people["a"]
    flat, bundle = sorted(sender.messages("a", "sent"), key=lambda path: path.parent != _box(sender))
    found = [
        (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid) for path in (flat, bundle, bundle.parent, _box(sender))
    ]
    assert found == [(0o644, 0), (0o644, 0), (0o700, a.pw_uid), (0o700, a.pw_uid)]
    assert _fields(bundle)["attachments"][0]["filename"] == "a.txt"
    code = "import sys; print(open(sys.argv[1]).read())"
    assert 'delivery_status = "delivered"' in users.run(a, code, flat)
    assert "PermissionError" in users.run(people["b"], code, flat)


DOINGS = {
    "link to a secret": "os.unlink(path); os.symlink(target + '/secret', path)",
    "dangling link": "os.unlink(path); os.symlink(target + '/new', path)",
    "fifo": "os.unlink(path); os.mkfifo(path)",
    "directory": "os.unlink(path); os.mkdir(path)",
    "own file": "os.unlink(path); open(path, 'w').write('mine')",
    "gone": "os.unlink(path)",
    "all moved and a link left": "os.rename(entry, entry + '.x'); os.symlink(target, entry)",
}


@pytest.mark.parametrize("to", ["hold@one.test", "hold@one.test, later@two.test"], ids=["delivered", "mixed"])
@pytest.mark.parametrize("rest", ["\r\nHi\r\n", ATTACHED], ids=["flat", "bundle"])
@pytest.mark.parametrize("doing", DOINGS)
def test_what_the_owner_puts_in_the_way_stays_and_the_answer_is_the_outcome(sender, people, doing, rest, to):
    for path in sender.messages("a", "sent"):
        shutil.rmtree(path.parent) if path.parent != _box(sender) else path.unlink()
    sender.mx.held.clear()
    sender.mx.go.clear()
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(client.call(sender.socket, Send(_message(to, "way", rest))))
    )
    thread.start()
    assert sender.mx.held.wait(30)
    (path,) = [path for path in sender.messages("a", "sent") if "-way" in path.name]
    assert _fields(path)["delivery_status"] == "pending"
    entry = path if path.parent == _box(sender) else path.parent
    code = f"import os, sys\npath, entry, target = sys.argv[1:]\n{DOINGS[doing]}"
    assert users.run(people["a"], code, path, entry, sender.tree / "outside") == ""
    before = _picture(_box(sender))
    sender.mx.go.set()
    thread.join(30)
    assert answers[0].kind == "ok" if "later" not in to else answers[0].code == "DELIVERY", answers
    sender.wait_log("hook_name=note event=after_send")
    assert _picture(_box(sender)) == before
    for entry in _box(sender).iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def _picture(box):
    return [(str(path), path.lstat()[:8]) for path in sorted(box.rglob("*"))]


def test_a_race_for_the_record_is_never_won(sender, people):
    """The owner moves every record away, leaves a link in its place, and puts it back, over and over.

    What is aside at the end stays there: the daemon may have put a link back whose name it met, or given
    the name to the next record.
    """
    flip = (
        "import os, select, sys\n"
        "box, target = sys.argv[1:]\n"
        "os.chdir(box)\n"
        "os.mkdir('aside')\n"
        "print('ready', flush=True)\n"
        "while not select.select([0], [], [], 0)[0]:\n"
        "    for name in os.listdir('.'):\n"
        "        try:\n"
        "            if name == 'aside' or os.path.islink(name): continue\n"
        "            os.rename(name, 'aside/' + name)\n"
        "            os.symlink(target, name)\n"
        "            os.unlink(name)\n"
        "            os.rename('aside/' + name, name)\n"
        "        except OSError:\n"
        "            pass\n"
    )
    attacker = users.start(people["a"], flip, _box(sender), sender.tree / "outside/secret")
    answers = []
    try:
        assert attacker.stdout.readline() == "ready\n"
        for number in range(60):
            rest = ATTACHED if number % 2 else "\r\nHi\r\n"
            to = ("ok@one.test", "later@one.test")[number % 3 == 0]
            answers.append(client.call(sender.socket, Send(_message(to, "race", rest))))
    finally:
        out, err = attacker.communicate(timeout=60)
    assert (out, err) == ("", "")
    expected = ["TEMP" if number % 3 == 0 else "" for number in range(len(answers))]
    assert [answer.code if answer.kind == "error" else "" for answer in answers] == expected
    for path in _box(sender).rglob("*"):
        status = path.lstat()
        assert not stat.S_ISREG(status.st_mode) or (status.st_uid == 0 and status.st_nlink == 1)
    for path in _box(sender).rglob("*.md"):
        assert path.is_symlink() or path.is_dir() or _fields(path)["delivery_status"] in ("delivered", "pending")


def test_a_directory_that_takes_no_record_refuses_before_the_network(sender, people):
    box, aside = _box(sender), sender.data / "aside"
    taken = len(sender.mx.taken)
    box.rename(aside)
    box.mkdir(mode=0o700)
    os.chown(box, people["b"].pw_uid, people["b"].pw_gid)
    try:
        answer = client.call(sender.socket, Send(_message("ok@one.test", rest=ATTACHED)))
        assert answer.code == "IO"
        assert answer.reason.startswith("the record cannot be written: sent/a belongs to uid")
        assert "chown" in answer.reason
        assert os.listdir(box) == []
    finally:
        box.rmdir()
        aside.rename(box)
    assert len(sender.mx.taken) == taken
    assert client.call(sender.socket, Send(_message("ok@one.test"))).kind == "ok"


ASK = (
    "import socket, sys\n"
    "sock = socket.socket(socket.AF_UNIX); sock.connect(sys.argv[1]); sock.sendall(bytes.fromhex(sys.argv[2]))\n"
    "print(sock.makefile().read())\n"
)


def test_a_hooks_token_counts_for_its_owner_only(sender, people, token_file):
    sender.send(b"From: x@sender.test\r\nSubject: x\r\n\r\nx\r\n", f"a@{DOMAIN}")
    deadline = time.monotonic() + 30
    while not token_file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)  # a hook says nothing when it starts
    token = token_file.read_text().strip()
    sender.mx.taken.clear()
    try:
        for name, user in people.items():
            request = codec.encode_request(Send(_message("ok@one.test", box=name), hook_job=token))
            assert "AIMX/1 OK" in users.run(user, ASK, sender.socket, request.hex())
    finally:
        token_file.unlink()
    assert [b"Auto-Submitted" in octets for _, octets in sender.mx.taken] == [True, False]
