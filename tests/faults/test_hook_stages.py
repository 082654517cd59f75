"""The end of the daemon, of its spawner or of both at every step of hook jobs: each job runs once, or at most once and
is reported as interrupted; none is lost, and the hooks of one mail keep their order."""

import contextlib
import itertools
import json
import os
import re
import signal
import sqlite3
import time
from collections import Counter

import psutil
import pytest

from aimx import client
from aimx.errors import AimxError
from aimx.wire.frames import Send
from tests import mx
from tests.faults.strace import NEEDED, inject
from tests.faults.tally import PROMISED, TALLY
from tests.harness import DOMAIN, Daemon, config_text, mail
from tests.hooks.stage import alive
from tests.mailauth import signing

pytestmark = NEEDED

MAILS = 4
PATIENCE_S = 120.0
ENDED = ("done", "interrupted")
STOPPED = {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP}
LOST = ("interrupted", "daemon-restart")

# The step at which the process ends: a system call of it, for the first or a later time.
FRONT = [
    "fdatasync:1", "fdatasync:2", "fdatasync:3", "pwrite64:1", "pwrite64:3", "pipe2:1", "pipe2:3", "sendmsg:1",
    "sendmsg:2",
]  # fmt: skip
SPAWNER = ["recvmsg:1", "pipe2:1", "clone,clone3,fork:1", "close:1", "sendto,sendmsg:1", "waitid:1", "wait4:1"]
BOTH = ["recvmsg:2", "clone,clone3,fork:1", "sendto,sendmsg:2", "wait4:1"]


def _hook(name, script, event="on_receive"):
    return (
        f'[[mailboxes.ops.hooks]]\nname = "{name}"\nevent = "{event}"\n'
        + 'fire_on_untrusted = true\n' * (event == "on_receive")
        + f"cmd = ['/bin/sh', '-c', '''{script}''']\n"
    )  # fmt: skip


class Story:
    """A daemon that runs one job at a time, and what its hooks did. While `closed` exists the first hook waits."""

    def __init__(self, tree, server):
        self.out, self.gate, self.closed, self.trace = (tree / name for name in ("out", "gate", "closed", "trace"))
        os.mkfifo(self.gate)
        self.out.touch()
        self._numbers = itertools.count()
        self._told = {}  # since the last account
        self.held = os.open(self.gate, os.O_RDWR)
        wait = f"[ ! -e {self.closed} ] || read x < {self.gate}"
        text = "".join(
            [
                _hook("one", f'echo "$AIMX_ID one" >> {self.out}; {wait}'),
                _hook("two", f'echo "$AIMX_ID two" >> {self.out}'),
                _hook("sent", f'echo "$AIMX_ID sent" >> {self.out}', "after_send"),
            ]
        )
        top = "hook_concurrency = 1\nallow_private_mx = true\nhook_thread_budget = 0\n"
        self.daemon = Daemon(tree / "t", config_text(text, top), mx.ZONE, AIMX_TEST_MX_PORT=str(server.port))
        signing.install(self.daemon.etc)
        self.daemon.start()

    def close(self):
        self.daemon.stop()
        self.daemon.close()
        os.close(self.held)

    def rows(self, columns):
        db = sqlite3.connect(f"file:{self.daemon.data}/.aimx/state.db?mode=ro", uri=True)
        with contextlib.closing(db):
            return db.execute(f"SELECT {columns} FROM jobs ORDER BY id").fetchall()

    def finished(self):
        """Reason of each event that tells the end of a run, by number of the run."""
        db = sqlite3.connect(f"file:{self.daemon.data}/.aimx/state.db?mode=ro", uri=True)
        with contextlib.closing(db):
            told = [json.loads(text) for (text,) in db.execute("SELECT event FROM events ORDER BY seq")]
        return [(event["run"], event["reason"]) for event in told if event["type"] == "hook_finished"]

    def started(self):
        return [row[:3] for row in self.rows("id, email_id, hook, state") if row[3] == "started"]

    def lines(self):
        return self.out.read_text().splitlines()

    def spawner(self):
        return next(child.pid for child in psutil.Process(self.daemon.pid).children())

    def plug(self):
        """Mails whose first hook waits inside its program; nothing else can begin."""
        self.closed.touch()
        before = len(self.lines())
        for _ in range(MAILS):
            subject = f"m {next(self._numbers)}"
            self.daemon.send(mail(subject))
            self._told[subject] = PROMISED
        until(lambda: len(self.lines()) > before)

    def unplug(self):
        self.closed.unlink()
        os.write(self.held, b"go\n")

    def busy(self):
        return any(state in ("held", "pending", "started") for (state,) in self.rows("state"))

    def settle(self):
        """Restarted if need be; nothing waits any more."""
        if self.daemon.process.poll() is not None:
            self.daemon.start()
        until(lambda: not self.busy())

    def _account(self):
        texts = (path.read_text() for path in self.daemon.messages())
        TALLY.account(self._told, Counter(re.search('^subject = "(.*)"$', text, re.MULTILINE)[1] for text in texts))
        self._told = {}

    def check(self):
        """What must be true of all that ever happened."""
        self._account()
        jobs = self.rows("id, email_id, hook, state, reason")
        told = Counter(self.finished())
        lines = self.lines()
        runs = Counter(tuple(line.split()) for line in lines)
        assert {state for _, _, _, state, _ in jobs} <= set(ENDED)
        for run, email_id, hook, state, reason in jobs:
            times = runs.pop((email_id, hook), 0)
            assert times == 1 if state == "done" else times <= 1, (email_id, hook, state, times)
            assert told[run, reason or ""] == 1
            assert (reason in LOST) == (state == "interrupted")
        assert not runs
        assert sum(told.values()) == len(jobs)
        mails = [path.stem for path in self.daemon.messages()]
        received = sorted(job[1:3] for job in jobs if job[2] != "sent")
        assert received == sorted((email_id, hook) for email_id in mails for hook in ("one", "two"))
        both = [email_id for email_id in mails if {f"{email_id} one", f"{email_id} two"} <= set(lines)]
        assert all(lines.index(f"{email_id} one") < lines.index(f"{email_id} two") for email_id in both)


def until(condition):
    """Poll a state of the system that nobody reports."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def story(tmp_path_factory, server):
    """One tree for all steps: what an earlier one left would be seen by the later ones."""
    story = Story(tmp_path_factory.mktemp("stages"), server)
    yield story
    story.close()


def _at(step):
    calls, _, number = step.partition(":")
    return f"{calls}:signal=KILL:when={number}"


@pytest.mark.parametrize("step", FRONT)
def test_the_front_is_killed(story, step):
    story.plug()
    with inject(story.daemon.pid, story.trace, _at(step)) as injection:
        story.unplug()
        until(lambda: story.daemon.process.poll() is not None or not story.busy())
    story.daemon.kill()
    assert injection.hit
    story.settle()
    story.check()


@pytest.mark.parametrize("step", SPAWNER)
def test_the_spawner_is_killed(story, step):
    story.plug()
    pid = story.spawner()
    with inject(pid, story.trace, _at(step), follow=False) as injection:
        story.unplug()
        until(lambda: not alive(pid) or not story.busy())
    assert injection.hit
    story.settle()
    story.check()


@pytest.mark.parametrize("step", BOTH)
def test_both_are_killed(story, step):
    story.plug()
    pid = story.spawner()
    with inject(pid, story.trace, _at(step), follow=False) as injection:
        story.unplug()
        until(lambda: not alive(pid) or not story.busy())
        story.daemon.kill()
    assert injection.hit
    story.settle()
    story.check()


def _kill(story, whom):
    pids = {"front": [story.daemon.pid], "spawner": [story.spawner()]}
    pids["both"] = pids["spawner"] + pids["front"]
    for pid in pids[whom]:
        os.kill(pid, signal.SIGKILL)
        TALLY.fault("kill -9 while a hook runs")
    if whom != "spawner":
        story.daemon.kill()


@pytest.mark.parametrize("whom", ["front", "spawner", "both"])
def test_a_kill_while_a_program_runs_ends_it_and_it_is_reported(story, whom):
    story.plug()
    ((run, _, _),) = story.started()
    _kill(story, whom)
    story.closed.unlink()
    story.settle()
    assert dict(story.finished())[run] in LOST
    story.check()


def _stopped(spawner):
    found = []
    for child in psutil.Process(spawner).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [child] * (child.status() in STOPPED)
    return found


@pytest.mark.parametrize("whom", ["front", "spawner", "both"])
def test_a_kill_between_fork_and_exec(story, whom):
    story.plug()
    spawner = story.spawner()
    with inject(spawner, story.trace, "chdir:signal=STOP"):
        story.unplug()
        # The second hook of the first mail, and the first one of the second mail.
        until(lambda: len(story.started()) == len(_stopped(spawner)) == 2)
        jobs = story.started()
        _kill(story, whom)
    story.settle()
    for run, email_id, hook in jobs:
        assert dict(story.finished())[run] in LOST
        assert f"{email_id} {hook}" not in story.lines()
    story.check()


@pytest.mark.parametrize("step", ["fdatasync:1", "fdatasync:2", "pipe2:1", "sendmsg:1", "sendmsg:2"])
def test_a_stop_at_any_step_leaves_nothing_half_done(story, step):
    story.plug()
    with inject(story.daemon.pid, story.trace, _at(step).replace("KILL", "TERM")) as injection:
        story.unplug()
        until(lambda: story.daemon.process.poll() is not None or not story.busy())
    assert injection.hit
    assert story.daemon.process.wait(PATIENCE_S) == 0
    assert not [state for (state,) in story.rows("state") if state in ("started", "held")]
    story.settle()
    story.check()


FAULTS = ["fdatasync:error=EIO:when=1", "fdatasync:error=EIO:when=2+", "pwrite64:error=ENOSPC:when=1+"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_database_that_cannot_be_written_loses_nothing_and_repeats_nothing(story, fault):
    before = len(story.rows("id"))
    story.plug()
    seen = len(story.daemon.log)
    with inject(story.daemon.pid, story.trace, fault):
        story.unplug()
        until(lambda: any("event=hook" in line and "-not-" in line for line in story.daemon.log[seen:]))
    story.settle()
    story.check()
    assert {state for (state,) in story.rows("state")[before:]} == {"done"}


@pytest.mark.parametrize("step", ["fdatasync:1", "fdatasync:2", "fdatasync:3", "pwrite64:4", "sendto:1", "sendmsg:3"])
def test_runs_that_wait_for_an_answer_happen_after_the_crash(story, step):
    answered = 0
    before = len([hook for (hook,) in story.rows("hook") if hook == "sent"])
    octets = f"From: Ops <ops@{DOMAIN}>\r\nTo: ok@one.test\r\nSubject: s\r\n\r\nHi\r\n".encode()
    with inject(story.daemon.pid, story.trace, _at(step)) as injection:
        for _ in range(MAILS):
            with contextlib.suppress(AimxError, OSError):
                answered += client.call(story.daemon.socket, Send(octets)).kind == "ok"
        until(lambda: story.daemon.process.poll() is not None or not story.busy())
    story.daemon.kill()
    assert injection.hit
    story.settle()
    story.check()
    assert len([hook for (hook,) in story.rows("hook") if hook == "sent"]) - before >= answered
