"""What a helper that was taken over may say to the front: it costs that helper, never the daemon."""

import os
import socket
import sqlite3

import msgspec
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from aimx import limits
from aimx.config.load import load
from aimx.daemon import helpers
from aimx.daemon.believable import believable
from aimx.daemon.helpers import Garbled, Helper, Kind
from aimx.daemon.hookpool import HookPool
from aimx.daemon.hookrunner import HookRunner
from aimx.daemon.resolver import ResolverClient
from aimx.daemon.workers import Slot, WorkerPool
from aimx.effects import framing
from aimx.effects.api import WorkerLost
from aimx.effects.channel import Channel, ChannelClosed
from aimx.effects.process import Child
from aimx.mime.compose import compose
from aimx.mime.read import read_message
from aimx.mime.unexamined import unexamined
from aimx.model.delivery import HookJob
from aimx.model.dns import Question
from aimx.model.job import Done, Job, Ready
from aimx.model.message import Attachment, AuthResults
from aimx.model.outbound import ComposeOrder
from aimx.store import jobs
from tests.hooks.mails import PLAIN
from tests.hooks.stage import ENVELOPE, stage
from tests.store.parts import copy, opened, plan

_pack = msgspec.msgpack.encode
_NOT_UTF8 = b"\xa3\xed\xa0\x80"
_DEEP = b"\x91" * 20_000 + b"\xc0"
FRAMES = {
    "nothing": b"",
    "no message pack": b"\xc1",
    "a worker's tag that is not UTF-8": b"\x92" + _NOT_UTF8 + b"\x01",
    "a worker's text that is not UTF-8": b"\x93" + _pack("Broken") + b"\x01" + _NOT_UTF8,
    "a value nested too deeply": b"\x93" + _pack("Done") + b"\x01" + _DEEP,
    "a further item nested too deeply": b"\x94" + _pack("Answers") + b"\x01\x90" + _DEEP,
    "an answer that is not UTF-8": b"\x93"
    + _pack("Answers")
    + b"\x01\x91\x92\x92"
    + _NOT_UTF8
    + _pack("A")
    + _pack("ok"),
    "the wrong types": _pack(["Answers", "1", 2]),
    "half a frame": _pack(["Answers", 1])[:-1],
}


def _taken_over(frame: bytes) -> tuple[Helper, socket.socket]:
    ours, theirs = socket.socketpair()
    theirs.sendall(framing.pack(frame))
    return Helper(Child(None, 1, "worker"), Channel(ours)), theirs


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_a_worker_that_talks_nonsense_is_given_up(frame, monkeypatch):
    monkeypatch.setattr(limits, "WORKER_EXIT_S", 0.0)

    async def play():
        helper, theirs = _taken_over(frame)
        slot = Slot(helper, 5.0)
        with pytest.raises(WorkerLost), theirs:
            await slot.compute(Job(1, "resume"), None)
        assert slot.lost.is_set()
        helper.channel.close()

    trio.run(play)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_a_resolver_that_talks_nonsense_is_given_up(frame):
    async def play():
        helper, theirs = _taken_over(frame)
        client = ResolverClient(None)
        with trio.fail_after(10), theirs:
            await client._serve(helper)
        helper.channel.close()

    trio.run(play)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_a_helper_whose_first_word_is_nonsense_is_not_used(frame):
    with pytest.raises(Garbled):
        helpers.decoded(msgspec.msgpack.Decoder(Ready).decode, frame)


def test_descriptors_that_a_helper_sends_are_nobodys():
    async def play():
        ours, theirs = socket.socketpair()
        channel = Channel(ours)
        before = len(os.listdir("/proc/self/fd"))
        theirs.sendmsg([framing.pack(b"x")], framing.rights((0, 0, 0)))
        assert await channel.receive() == b"x"
        assert len(os.listdir("/proc/self/fd")) == before
        theirs.sendall(framing.HEADER.pack(limits.FRAME_OCTETS + 1))
        with pytest.raises(ChannelClosed, match="limit"):
            await channel.receive()
        channel.close()
        theirs.close()

    trio.run(play)


def test_more_attachments_than_parts_are_not_believed():
    names = (f"a{number}" for number in range(limits.PARTS + 2))
    message = msgspec.structs.replace(
        unexamined(PLAIN, 0.0), attachments=tuple(Attachment(name, "a/b", b"") for name in names)
    )
    with pytest.raises(ValueError, match="more attachments"):
        believable(message, len(PLAIN))


TRUE = unexamined(PLAIN, 0.0)
UNBELIEVABLE = {
    "line": {"headers": {"subject": "a\r\nb"}},
    "nul": {"headers": {"author": "a\0@b.test"}},
    "escape": {"headers": {"thread_id": "\x1b[2J"}},
    "hidden": {"headers": {"from_": "a\u202eb"}},
    "long": {"headers": {"list_id": "x" * (limits.FRONTMATTER_OCTETS + 1)}},
    "long when escaped": {"headers": {"list_id": '"' * (limits.FRONTMATTER_OCTETS - limits.MIB)}},
    "escape in the detail": {"auth": AuthResults(detail="\x1b[2J")},
    "direction in the detail": {"auth": AuthResults(detail="a\u202eb")},
    "long detail": {"auth": AuthResults(detail="d" * (limits.FRONTMATTER_OCTETS + 1))},
    "no domain signed": {"auth": AuthResults("pass", passing_sdids=("\x1b",))},
    "too many signed": {"auth": AuthResults("pass", passing_sdids=tuple(f"d{n}.test" for n in range(6)))},
    "nobody signed": {"auth": AuthResults("pass")},
    "signed and not passed": {"auth": AuthResults("fail", passing_sdids=("d.test",))},
    "aligned and not signed": {"auth": AuthResults("pass", passing_sdids=("d.test",), aligned_sdids=("e.test",))},
    "equal and not aligned": {"auth": AuthResults("pass", passing_sdids=("d.test",), strict_sdids=("d.test",))},
    "another author": {"auth": AuthResults(author_domain="d.test")},
    "escape in the body": {"body": "a\x1b[2Jb"},
    "CR in the body": {"body": "a\r\nb"},
    "C1 in the body": {"body": "\u20ac\x9b2J"},
    "surrogate in the body": {"body": "\ud800"},
    "hidden file": {"attachments": (Attachment(".a", "a/b", b""),)},
    "file with an escape": {"attachments": (Attachment("a\x1b", "a/b", b""),)},
    "file that is the message": {"attachments": (Attachment("2026-11-22-070000-a.md", "a/b", b""),)},
    "long type": {"attachments": (Attachment("a", "b" * 256, b""),)},
    "size": {"size_octets": len(PLAIN) + 1},
    "type": {"attachments": (Attachment("a", "a/b\n+++", b""),)},
}


@pytest.mark.parametrize("changed", UNBELIEVABLE.values(), ids=UNBELIEVABLE.keys())
def test_what_parsing_never_makes_is_not_believed(changed):
    values = dict(changed)
    headers = msgspec.structs.replace(TRUE.headers, **values.pop("headers", {}))
    with pytest.raises(ValueError, match=r"a worker|surrogates"):
        believable(msgspec.structs.replace(TRUE, headers=headers, **values), len(PLAIN))
    assert believable(TRUE, len(PLAIN)) is TRUE


@given(octets=st.binary(max_size=300), subject=st.text(max_size=80), sender=st.text(max_size=60))
def test_whatever_a_mail_says_its_truth_is_believed(octets, subject, sender):
    words = f"From: {sender} <a@b.test>\r\nTo: {sender}\r\nSubject: {subject}\r\nList-Id: {subject}\r\n"
    mail = words.encode("utf-8", "surrogatepass") + octets + b"\r\n\r\n" + octets
    believable(read_message(mail, ENVELOPE), len(mail))


def test_no_descriptor_for_a_helper_now_is_one_later(monkeypatch):
    real, failures = socket.socketpair, [24, 23]

    def scarce():
        if failures:
            raise OSError(failures.pop(), "too many open files")
        return real()

    async def play():
        async with stage() as here:
            served = trio.Event()

            async def serve(_):
                served.set()
                await trio.sleep_forever()

            monkeypatch.setattr(socket, "socketpair", scarce)
            here.nursery.start_soon(helpers.keep, here.spawner, Kind("resolver"), serve)
            with trio.fail_after(20):
                await served.wait()

    trio.run(play)


def test_a_database_that_cannot_be_used_for_a_while_ends_no_daemon(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "HOOK_RECORD_RETRY_S", 0.01)
    parts = opened(tmp_path)
    config = load(tmp_path / "config.toml", tmp_path / "data")
    parts.state._connection.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(tmp_path / "data" / ".aimx" / "state.db", isolation_level=None)

    async def play():
        async with stage() as here:
            pool = HookPool(HookRunner(here.fx, parts.state, parts.committer.folders, lambda: config), lambda: config)
            other.execute("BEGIN IMMEDIATE")
            here.nursery.start_soon(pool.run)
            assert not await pool._look(here.nursery)
            other.execute("ROLLBACK")
            assert await pool._look(here.nursery)
            await pool.drain()

    trio.run(play)
    other.close()
    parts.close()


def test_a_row_that_ran_since_it_was_read_does_not_run_again(tmp_path):
    out = tmp_path / "out"
    hook = f'[[mailboxes.ops.hooks]]\nname = "h"\nevent = "on_receive"\ncmd = ["/bin/sh", "-c", "echo ran >> {out}"]\n'
    parts = opened(tmp_path)
    with (tmp_path / "config.toml").open("a") as file:
        file.write(hook)
    config = load(tmp_path / "config.toml", tmp_path / "data")
    job = HookJob("h", "ops", "on_receive", {}, "c")
    parts.committer.commit(plan(copy(jobs=(job,))))

    async def play():
        async with stage() as here:
            runner = HookRunner(here.fx, parts.state, parts.committer.folders, lambda: config)
            (row,) = parts.state.run(lambda db: jobs.pending(db))
            await runner.job(row)
            await runner.job(row)

    trio.run(play)
    assert out.read_text() == "ran\n"
    assert parts.state.run(lambda db: db.execute("SELECT state FROM jobs").fetchall()) == [("done",)]
    parts.close()


def test_an_answer_to_another_question_is_no_answer():
    """A resolver decides about names that were asked for, never about others."""

    async def play():
        ours, theirs = socket.socketpair()
        helper = Helper(Child(None, 1, "resolver"), Channel(ours))
        client = ResolverClient(None)
        asked, other = Question("a.test", "A"), Question("b.test", "A")
        answers, told = [], trio.Event()

        async def ask():
            answers.extend(await client.answers((asked,)))
            told.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(client._serve, helper)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()  # an answer before its question would be dropped
            theirs.sendall(framing.pack(_pack(["Answers", 1, [[[other.name, other.rtype], "ok", ["192.0.2.1"]]]])))
            with trio.fail_after(10):
                await told.wait()
            assert [(answer.question, answer.records) for answer in answers] == [(asked, ())]
            nursery.cancel_scope.cancel()
        helper.channel.close()
        theirs.close()

    trio.run(play)


LIES = {
    "another author": (b"ops@", b"boss@"),
    "a comment after the author": (b"ops@agent.test", b"ops@agent.test (Boss <boss@bank.test>)"),
    "the secret recipient": (b"MIME-Version: 1.0", b"MIME-Version: 1.0 (eve@remote.test)"),
    "a field more": (b"To:", b"X: y\r\nTo:"),
}


@pytest.mark.parametrize(("old", "new"), LIES.values(), ids=LIES)
def test_a_worker_that_composes_something_else_is_given_up(old, new, monkeypatch):
    monkeypatch.setattr(limits, "WORKER_EXIT_S", 0.0)
    order = ComposeOrder(
        b"From: ops@agent.test\r\nTo: b@remote.test\r\nBcc: eve@remote.test\r\n\r\nHi\r\n", None, True, "", "m@x", 0.0
    )
    honest = msgspec.structs.replace(compose(order), body_hash=bytes(32))
    assert old in honest.head

    async def ask(composed):
        helper, theirs = _taken_over(_pack(Done(1, msgspec.Raw(_pack(composed)))))
        pool = WorkerPool(None, 1)
        pool._slots.append(Slot(helper, 5.0))
        with theirs:
            try:
                return await pool.compose(order), pool.ready
            except WorkerLost:
                return None, pool.ready
            finally:
                helper.channel.close()

    taken, ready = trio.run(ask, honest)
    assert (taken, len(ready)) == (honest, 1)
    assert trio.run(ask, msgspec.structs.replace(honest, head=honest.head.replace(old, new, 1))) == (None, ())
