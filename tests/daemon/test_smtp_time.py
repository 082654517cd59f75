"""Deadlines, budgets and the end of a session, on a clock that jumps."""

from functools import partial

import pytest
import trio

from aimx import limits, replies
from aimx.daemon.certificate import server_context
from tests.daemon.pem import write_pair
from tests.daemon.stage import ENVELOPE, ENVELOPE_OK, GREETED, HELLO, Stage


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


@pytest.mark.parametrize("begun", [b"", b"HELO cl", HELLO], ids=["silent", "half a line", "after HELO"])
def test_an_idle_peer_is_told(stage, begun):
    async def script(peer):
        await peer.say(begun)
        start = trio.current_time()
        await peer.hears(GREETED if begun == HELLO else b"220 agent.test ESMTP aimx\r\n")
        await peer.hears(replies.IDLE)
        assert trio.current_time() - start == pytest.approx(limits.IDLE_S)
        await peer.is_dismissed()

    stage.play(script)


def test_a_command_that_drips_is_no_command(stage):
    async def script(peer):
        await peer.hears(b"220 agent.test ESMTP aimx\r\n")
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_drip, peer, 10)
            await peer.hears(replies.IDLE)
            nursery.cancel_scope.cancel()
        assert trio.current_time() - start == pytest.approx(limits.IDLE_S)

    stage.play(script)


def test_replies_to_pipelined_commands_leave_together(stage):
    async def script(peer):
        await peer.hears(b"220 agent.test ESMTP aimx\r\n")
        sending = peer.session._stream.send_stream
        deliver, sent = sending.send_all_hook, []

        async def count() -> None:
            sent.append(1)
            await deliver()

        sending.send_all_hook = count
        await peer.say(b"NOOP\r\n" * 100)
        for _ in range(100):
            await peer.hears(replies.OK)
        assert len(sent) == 1

    stage.play(script)


def test_silence_in_data_ends_the_session_and_nothing_of_it_is_executed(stage):
    async def script(peer):
        await peer.begins_data()
        await peer.say(b"From: a@b\r\n\r\nhalf\r\n")
        await trio.sleep(limits.DATA_BLOCK_S + limits.LINGER_S / 2)
        await peer.say(b".\r\nMAIL FROM:<evil@evil.test>\r\n")
        await peer.hears(replies.DATA_TIMEOUT)
        await peer.is_dismissed()

    stage.play(script)
    assert stage.delivered == []


def test_data_that_drips_ends_at_its_total_time(stage):
    async def script(peer):
        await peer.begins_data()
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_drip, peer, limits.DATA_BLOCK_S / 2)
            await peer.hears(replies.DATA_TIMEOUT)
            nursery.cancel_scope.cancel()
        assert trio.current_time() - start == pytest.approx(limits.DATA_TOTAL_S)

    stage.play(script)
    assert stage.delivered == []


async def _drip(peer, every_s):
    while True:
        await trio.sleep(every_s)
        await peer.say(b"x")


def test_a_session_ends_at_its_total_time(stage):
    async def script(peer):
        await peer.hears(b"220 agent.test ESMTP aimx\r\n")
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_chatter, peer)
            while (line := await peer.stream.receive_some()) == b"250 2.0.0 OK\r\n":
                pass
            nursery.cancel_scope.cancel()
        assert line.decode() == f"{replies.SESSION_TOO_LONG.line}\r\n"
        assert trio.current_time() - start == pytest.approx(limits.SESSION_S)

    stage.play(script)


async def _chatter(peer):
    while True:
        await peer.say(b"NOOP\r\n")
        await trio.sleep(limits.IDLE_S / 2 + 1)


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01"], ids=["silent", "half a record"])
def test_a_handshake_that_stalls_is_given_up(stage, tmp_path, begun):
    async def script(peer):
        await peer.say(b"STARTTLS\r\n")
        await peer.hears(b"220 agent.test ESMTP aimx\r\n")
        await peer.hears(replies.START_TLS)
        await peer.say(begun)
        start = trio.current_time()
        await peer.is_dismissed()
        assert trio.current_time() - start == pytest.approx(limits.TLS_HANDSHAKE_S)

    stage.play(script, server_context(*write_pair(tmp_path)))


def test_a_peer_that_reads_nothing_is_left(stage):
    async def script(peer):
        sending = peer.session._stream.send_stream
        deliver = sending.send_all_hook

        async def stall() -> None:
            """A memory stream takes everything; this one never says that it did."""
            await deliver()
            await trio.sleep_forever()

        sending.send_all_hook = stall
        await peer.say(HELLO)
        start = trio.current_time()
        while await peer.stream.receive_some():
            pass
        assert trio.current_time() - start <= limits.IDLE_S + limits.FAREWELL_S

    stage.play(script)


def test_the_thousand_and_first_message_is_for_another_connection(stage, monkeypatch):
    monkeypatch.setattr(limits, "MESSAGES_PER_CONNECTION", 3)

    async def script(peer):
        await peer.say(HELLO)
        await peer.hears(GREETED)
        for _ in range(3):
            await peer.say(ENVELOPE + b"DATA\r\n")
            await peer.hears(ENVELOPE_OK)
            await peer.hears(replies.START_DATA)
            await peer.say(b"x\r\n.\r\n")
            await peer.hears(replies.ACCEPTED)
        await peer.say(ENVELOPE)
        await peer.hears(replies.TOO_MANY_MESSAGES)
        await peer.is_dismissed()

    stage.play(script)
    assert len(stage.delivered) == 3


def test_without_free_memory_data_is_read_to_its_end_and_refused_for_now(tmp_path):
    stage = Stage(tmp_path, memory_octets=100)

    async def script(peer):
        await peer.begins_data()
        start = trio.current_time()
        await peer.say(b"x" * 200 + b"\r\n.\r\nNOOP\r\n")
        await peer.hears(replies.OUT_OF_MEMORY)
        assert trio.current_time() - start == pytest.approx(limits.MEMORY_WAIT_S)
        await peer.hears(replies.OK)

    stage.play(script)
    assert stage.delivered == []


def test_memory_that_comes_free_in_time_is_enough(tmp_path):
    stage = Stage(tmp_path, memory_octets=100)

    async def script(peer):
        await stage.memory.take(50)
        await peer.begins_data()
        await peer.say(b"x" * 80 + b"\r\n.\r\n")
        await trio.sleep(limits.MEMORY_WAIT_S / 2)
        stage.memory.give(50)
        await peer.hears(replies.ACCEPTED)

    stage.play(script)


# The end of the daemon


@pytest.mark.parametrize(
    "begun", [b"", HELLO, HELLO + ENVELOPE, HELLO + b"NOO"], ids=["greeted", "idle", "in a transaction", "half a line"]
)
def test_stopping_tells_an_idle_session_at_once(stage, begun):
    async def script(peer):
        await peer.say(begun)
        await trio.testing.wait_all_tasks_blocked()
        start = trio.current_time()
        peer.session.stop()
        heard = b""
        while piece := await peer.stream.receive_some():
            heard += piece
        assert heard.endswith(f"\r\n{replies.SHUTTING_DOWN.line}\r\n".encode())
        assert trio.current_time() - start <= limits.LINGER_S

    stage.play(script)


def test_stopping_lets_a_message_in_data_finish_and_takes_no_other(stage):
    async def script(peer):
        await peer.begins_data()
        await trio.testing.wait_all_tasks_blocked()
        peer.session.stop()
        await trio.sleep(5)
        await peer.say(b"whole\r\n.\r\n" + ENVELOPE)
        await peer.hears(replies.ACCEPTED)
        await peer.hears(replies.SHUTTING_DOWN)
        await peer.is_dismissed()

    stage.play(script)
    assert [octets for _, octets in stage.delivered] == [b"whole\r\n"]
    assert stage.unseen == [], "a peer that was told that we stop has read what came before"


def test_stopping_lets_a_commit_finish(stage):
    async def script(peer):
        stage.hold = partial(trio.sleep, 10)
        await peer.begins_data()
        await peer.say(b"whole\r\n.\r\n")
        await trio.testing.wait_all_tasks_blocked()
        peer.session.stop()
        await peer.hears(replies.ACCEPTED)
        await peer.hears(replies.SHUTTING_DOWN)

    stage.play(script)
    assert len(stage.delivered) == 1


def test_a_cut_never_loses_the_answer_to_what_was_stored(stage):
    async def shielded():
        with trio.CancelScope(shield=True):
            await trio.sleep(10)

    async def script(peer):
        stage.hold = shielded
        await peer.begins_data()
        await peer.say(b"whole\r\n.\r\n")
        await trio.testing.wait_all_tasks_blocked()
        peer.session.cut()
        await peer.hears(replies.ACCEPTED)
        await peer.hears(replies.SHUTTING_DOWN)

    stage.play(script)
    assert len(stage.delivered) == 1


def test_a_cut_in_data_stores_nothing(stage):
    async def script(peer):
        await peer.begins_data()
        await peer.say(b"half")
        await trio.testing.wait_all_tasks_blocked()
        peer.session.cut()
        await peer.hears(replies.SHUTTING_DOWN)

    stage.play(script)
    assert stage.delivered == []


# Our own failures


def test_an_error_nobody_foresaw_is_a_temporary_failure_without_its_text(stage):
    async def fail():
        raise RuntimeError("secret")

    async def script(peer):
        stage.hold = fail
        await peer.begins_data()
        await peer.say(b"x\r\n.\r\nNOOP\r\n")
        await peer.hears(replies.INTERNAL)
        await peer.hears(replies.OK)

    stage.play(script)


# R5


async def _accepted(peer):
    await peer.begins_data()
    await peer.say(b"x\r\n.\r\n")
    await peer.hears(replies.ACCEPTED)


async def _leave(peer):
    await peer.stream.aclose()


async def _half_a_line(peer):
    await peer.say(b"QUI")
    await peer.stream.aclose()


async def _idle(peer):
    await peer.hears(replies.IDLE)


async def _quit(peer):
    await peer.say(b"QUIT\r\n")
    await peer.hears(replies.BYE)


async def _nonsense(peer):
    await peer.say(b"\x00\r\n")
    await peer.hears(replies.BAD_CHARACTER)


@pytest.mark.parametrize(
    ("ending", "unseen"),
    [(_leave, 1), (_half_a_line, 1), (_idle, 1), (_quit, 0), (_nonsense, 0)],
    ids=["leaves", "half a line", "timeout", "QUIT", "any line"],
)
def test_a_250_counts_as_unseen_until_the_next_line(stage, ending, unseen):
    async def script(peer):
        await _accepted(peer)
        await ending(peer)

    stage.play(script)
    assert len(stage.unseen) == unseen


def test_a_refused_message_is_never_unseen(stage):
    stage.answer = replies.STORAGE_FAILED

    async def script(peer):
        await peer.begins_data()
        await peer.say(b"x\r\n.\r\n")
        await peer.hears(replies.STORAGE_FAILED)
        await peer.stream.aclose()

    stage.play(script)
    assert stage.unseen == []
