"""Sending under faults: what a caller was told is what happened, and a record never says less than that.

A message that left has a record; a record that is not final says `pending`; nobody is told to try again what has left.
"""

import os
import random
import re
import shutil
import subprocess
import threading
import time
import tomllib
from collections import Counter

import pytest

from aimx import client
from aimx.errors import AimxError
from aimx.wire.frames import Send
from tests import mx
from tests.faults import shapes
from tests.faults.strace import NEEDED, inject
from tests.faults.tally import DOUBTFUL, PROMISED, REFUSED, TALLY
from tests.harness import DOMAIN, Daemon, config_text
from tests.hooks.test_pool import rows, until
from tests.mailauth import signing

ROUNDS = max(3, int(os.environ.get("AIMX_FAULT_ROUNDS", "12")) // 4)
TOP = "allow_private_mx = true"
ATTACHED = (
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n"
    '--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="a.txt"\r\n\r\nattached\r\n--b--\r\n'
)
PLAIN = "\r\nHi\r\n"
BIG = b"x" * 200_000


@pytest.fixture
def server():
    """Somebody's mail server."""
    server = mx.Server()
    yield server
    server.close()


def daemon_for(tree, server, hooks=""):
    """A daemon, not started."""
    daemon = Daemon(tree, config_text(hooks, TOP), mx.ZONE, AIMX_TEST_MX_PORT=str(server.port))
    signing.install(daemon.etc)
    return daemon


def send(daemon, to, subject, rest=PLAIN):
    """The answer, as `OK` or its code; None when there was none."""
    message = f"From: ops@{DOMAIN}\r\nTo: {to}\r\nSubject: {subject}\r\n{rest}".encode()
    try:
        answer = client.call(daemon.socket, Send(message))
    except (AimxError, OSError):
        return None
    return "OK" if answer.kind == "ok" else answer.code


def records(daemon):
    """Subject → status of every record. Each is whole."""
    found = {}
    for path in daemon.messages(folder="sent"):
        _, head, body = path.read_text().split("+++\n", 2)
        fields = tomllib.loads(head)
        assert fields["id"] == path.stem
        assert body.startswith("\nHi\n")
        for table in fields.get("attachments", []):
            assert (path.parent / table["path"]).read_bytes() == (BIG if table["filename"] == "b.txt" else b"attached")
        assert fields["subject"] not in found
        found[fields["subject"]] = fields["delivery_status"]
    return found


def arrived(server):
    """Subject → how often a message was taken."""
    return Counter(re.search(rb"^Subject: (.*)\r$", octets, re.MULTILINE)[1].decode() for _, octets in server.taken)


def account(told, daemon, taken):
    """`told`: subject → answer. What OK was said to was taken once, and has a record. Returns: the records."""
    verdicts = {"OK": PROMISED, None: DOUBTFUL}
    TALLY.account({subject: verdicts.get(answer, REFUSED) for subject, answer in told.items()}, taken)
    found = records(daemon)
    assert [subject for subject, answer in told.items() if answer == "OK" and subject not in found] == []
    return found


def nothing_unfinished(daemon):
    shapes.assert_nothing_unfinished(daemon)
    assert shapes.spooled(daemon) == []


@pytest.mark.parametrize("rest", [PLAIN, ATTACHED], ids=["flat", "bundle"])
def test_a_crash_while_a_server_thinks_leaves_a_record_that_says_so(tmp_path, server, rest):
    hook = '[[mailboxes.ops.hooks]]\nname = "note"\nevent = "after_send"\ncmd = ["/bin/true"]\n'
    daemon = daemon_for(tmp_path, server, hook)
    daemon.start()
    answers = []
    thread = threading.Thread(target=lambda: answers.append(send(daemon, "hold@one.test", "way", rest)))
    thread.start()
    assert server.held.wait(30)
    daemon.kill()
    TALLY.fault("kill -9 while a server thinks")
    thread.join(30)
    server.go.set()
    assert answers == [None]
    with daemon:
        assert records(daemon) == {"way": "pending"}
        nothing_unfinished(daemon)
        assert rows(daemon) == []


def _sending(daemon, told, stop, seed):
    chance = random.Random(seed)
    number = 0
    while not stop.is_set():
        number += 1
        to = chance.choice(list(ANSWERS))
        answer = send(daemon, to, f"{seed}-{number}", chance.choice([PLAIN, ATTACHED]))
        told[f"{seed}-{number}"] = (to, answer)
        if answer is None:
            return


ANSWERS = {
    "ok@one.test": ("OK", "delivered"),
    "ok@two.test": ("OK", "delivered"),
    "no@one.test": ("DELIVERY", "failed"),
    "later@one.test": ("TEMP", None),
    "ok@one.test, later@two.test": ("DELIVERY", "delivered"),
}


def test_kill_at_any_moment(tmp_path, server):
    chance = random.Random(20261122)
    out = tmp_path / "out"
    script = f'echo "$AIMX_SUBJECT" >> {out}'
    hook = f"[[mailboxes.ops.hooks]]\nname = 'note'\nevent = 'after_send'\ncmd = ['/bin/sh', '-c', '''{script}''']\n"
    daemon = daemon_for(tmp_path / "t", server, hook)
    told = {}
    for round_number in range(ROUNDS):
        began = time.monotonic()
        daemon.start()
        if round_number:
            TALLY.recovered(time.monotonic() - began)
        stop = threading.Event()
        threads = [
            threading.Thread(target=_sending, args=(daemon, told, stop, f"{round_number}.{n}")) for n in range(4)
        ]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.05, 0.5))  # the moment of the crash, not a wait for anything
        daemon.kill()
        TALLY.fault("kill -9 at random while mail is sent")
        stop.set()
        for thread in threads:
            thread.join()
    with daemon:
        taken = arrived(server)
        found = account({subject: answer for subject, (_, answer) in told.items()}, daemon, taken)
        for subject, (to, answer) in told.items():
            expected, status = ANSWERS[to]
            assert answer in (expected, None)
            if answer is not None:
                assert found.get(subject) == status, (subject, to)
            assert found.get(subject) in ("pending", status, None)
            assert subject not in taken or subject in found
            assert taken[subject] <= 1
        nothing_unfinished(daemon)
        hooks_ended(daemon)
    runs = Counter(out.read_text().split())
    assert max(runs.values()) == 1
    assert any(answer is None for _, answer in told.values())
    assert {"OK", "TEMP", "DELIVERY"} <= {answer for _, answer in told.values()}


FAULTS = [
    ("write", "ENOSPC"), ("openat", "EMFILE"), ("openat2", "EMFILE"), ("openat2", "EIO"), ("fsync", "EIO"),
    ("fdatasync", "ENOSPC"), ("pwrite64", "ENOSPC"), ("renameat2", "EIO"), ("renameat2", "ENOSPC"),
    ("renameat2", "EINVAL"), ("mkdir,mkdirat", "ENOSPC"), ("fchmod", "EIO"), ("unlink,unlinkat", "EIO"),
]  # fmt: skip
CASES = [
    (to, call, error)
    for to in ("ok@one.test", "later@one.test")
    for call, error in FAULTS
    if shapes.FULL or (call, error) == ("renameat2", "EIO")
]


@NEEDED
@pytest.mark.parametrize(("to", "call", "error"), CASES, ids=["-".join(case) for case in CASES])
def test_a_failing_call(tmp_path, server, to, call, error):
    with daemon_for(tmp_path / "t", server) as daemon:
        assert send(daemon, to, "warm") == ANSWERS[to][0]
        for k in range(1, 60):
            subject = f"{call}.{error}.{k}"
            with inject(daemon.pid, tmp_path / "trace", f"{call}:error={error}:when={k}") as fault:
                answer = send(daemon, to, subject, ATTACHED)
            taken = arrived(server)[subject]
            status = account({subject: answer}, daemon, arrived(server)).get(subject)
            if taken:
                assert (answer, status) in [("OK", "delivered"), ("OK", "pending")] or answer is None, (
                    k,
                    answer,
                    status,
                )
            else:
                assert answer in ("TEMP", "IO", None), (k, answer)
                assert status in (None, "pending") if answer == "TEMP" else status is None
            assert send(daemon, to, f"next.{subject}") == ANSWERS[to][0]
            nothing_unfinished(daemon)
            if not fault.hit:
                assert answer == ANSWERS[to][0]
                assert k > 1, "nothing was injected"
                return
        pytest.fail("the call never stopped happening")


@NEEDED
def test_a_record_is_durable_before_the_network_and_its_outcome_before_the_answer(tmp_path, server):
    daemon, trace = daemon_for(tmp_path, server), tmp_path / "trace"
    calls = "trace=fsync,fdatasync,renameat2,sendto,sendmsg,write,connect"
    daemon.wrapper = ["strace", "-f", "-y", "-s", "200", "-o", str(trace), "-e", calls]
    daemon.start()
    assert send(daemon, "ok@one.test", "order") == "OK"
    daemon.stop()
    daemon.close()
    lines = trace.read_text().splitlines()
    staging, sent = str(daemon.data / ".aimx/staging"), str(daemon.data / "sent/ops")
    wal = re.escape(str(daemon.data / ".aimx/state.db-wal"))
    order = [
        rf"fsync\(\d+<{re.escape(staging)}/[^>]+>",
        rf"fsync\(\d+<{re.escape(staging)}>",
        rf"f(data)?sync\(\d+<{wal}>",
        rf"renameat2\(\d+<{re.escape(staging)}>.*RENAME_NOREPLACE",
        rf"fsync\(\d+<{re.escape(sent)}>",
        rf"connect\(.*htons\({server.port}\)",
        r"(sendto|sendmsg|write)\(.*MAIL FROM",
        rf"fsync\(\d+<{re.escape(staging)}/[^>]+>",
        rf"renameat2\(\d+<{re.escape(staging)}>.*RENAME_EXCHANGE",
        rf"fsync\(\d+<{re.escape(sent)}>",
        rf"f(data)?sync\(\d+<{wal}>",
        r"(sendto|sendmsg|write)\(.*AIMX/1 OK",
    ]
    position = 0
    for pattern in order:
        found = [index for index in range(position, len(lines)) if re.search(pattern, lines[index])]
        assert found, f"no call matches {pattern} after line {position}"
        position = found[0] + 1
    first = next(index for index, line in enumerate(lines) if f"htons({server.port})" in line)
    assert any("RENAME_NOREPLACE" in line and staging in line for line in lines[:first])
    assert sum("RENAME_EXCHANGE" in line for line in lines) == 1


@pytest.mark.root
@pytest.mark.parametrize("option", ["size=8m", "nr_inodes=60"])
def test_a_file_system_that_is_really_full(tmp_path, server, option):
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{option},mode=755", "none", str(data)], check=True)
    try:
        with daemon_for(tmp_path, server) as daemon:
            big = ATTACHED.replace("--b--", ATTACHED[ATTACHED.index("--b\r\nContent-Type: text/plain\r\nContent-D") :])
            big = big.replace("a.txt", "b.txt", 1).replace("attached\r\n--b", BIG.decode() + "\r\n--b", 1)
            answers = {}
            for number in range(1000):
                answers[f"s{number}"] = send(daemon, "ok@one.test", f"s{number}", big)
                if list(answers.values()).count("IO") == 5:
                    break
            taken = arrived(server)
            TALLY.fault("full file system", list(answers.values()).count("IO"))
            found = account(answers, daemon, taken)
            for subject, answer in answers.items():
                assert (answer, taken[subject]) in (("OK", 1), ("IO", 0))
                assert found.get(subject) in (("delivered", "pending") if answer == "OK" else (None,))
            assert {"OK", "IO"} == set(answers.values())
            nothing_unfinished(daemon)
            for entry in list((daemon.data / "sent/ops").iterdir())[:5]:
                shutil.rmtree(entry)
            assert send(daemon, "ok@one.test", "after") == "OK"
            assert records(daemon)["after"] == "delivered"
    finally:
        subprocess.run(["umount", "-l", str(data)], check=True)


def hooks_ended(daemon):
    """Return when every run of a hook has been recorded."""
    waiting: list[tuple[str, str, str]] = []

    def ended():
        waiting[:] = [row for row in rows(daemon) if row[1] not in ("done", "interrupted")]
        return not waiting

    try:
        until(ended)
    except AssertionError:
        raise AssertionError(f"{waiting} {daemon.log[-30:]}") from None


LAST = ["openat", "openat2", "mkdir,mkdirat", "write", "fchmod", "fsync", "pwrite64", "fdatasync", "renameat2",
        "unlink,unlinkat", "sendto", "connect"]  # fmt: skip
LAST_CASES = [
    (to, rest, call)
    for to in ("ok@one.test", "later@one.test")
    for rest in ("flat", "bundle")
    for call in LAST
    if (rest, call) != ("flat", "mkdir,mkdirat")  # a record without files needs no directory
    if shapes.FULL or (call == "renameat2" and rest == "bundle")
]


@NEEDED
@pytest.mark.parametrize(("to", "rest", "call"), LAST_CASES, ids=["-".join(case) for case in LAST_CASES])
def test_the_last_call(tmp_path, server, to, rest, call):
    """kill -9 at every call of one kind: the record is whole, and says at least that the message may have left."""
    expected, final = ANSWERS[to]
    hook = '[[mailboxes.ops.hooks]]\nname = "note"\nevent = "after_send"\ncmd = ["/bin/true"]\n'
    daemon = daemon_for(tmp_path / "t", server, hook)
    with daemon:
        for k in range(1, 60):
            send(daemon, "ok@one.test", f"warm.{k}")
            subject = f"last.{k}"
            with inject(daemon.pid, tmp_path / "trace", f"{call}:signal=KILL:when={k}") as fault:
                answer = send(daemon, to, subject, ATTACHED if rest == "bundle" else PLAIN)
            if fault.hit:
                daemon.kill()
                daemon.log.clear()
                daemon.start()
            status = account({subject: answer}, daemon, arrived(server)).get(subject)
            assert answer in (expected, None)
            assert status == final if answer is not None else status in ("pending", final, None)
            assert status is not None or not arrived(server)[subject]
            nothing_unfinished(daemon)
            hooks_ended(daemon)
            if not fault.hit:
                assert answer == expected
                assert k > 1, "nothing was injected"
                return
    pytest.fail("the call never stopped happening")
