"""Composing at real workers: one that dies costs nothing, one that hangs costs its time, one that refuses lives on."""

import hashlib
import os
import signal

import msgspec
import pytest
import trio
import trio.lowlevel
import trio.testing

from aimx import limits
from aimx.daemon.believable import believable_message
from aimx.errors import BodyTooLarge, Failed, MalformedMessage, Refused
from aimx.flows import composing
from aimx.mailauth import sign
from aimx.mime import compose as composer
from aimx.mime import outbound
from aimx.model.config import Config
from aimx.model.message import Attachment
from aimx.model.outbound import Composed, ComposeOrder
from aimx.wire.frames import Send
from tests.harness import DOMAIN
from tests.hooks.stage import stage

MESSAGE = b"From: ops@agent.test\r\nTo: bob@remote.test\r\nDate: Tue, 15 Apr 2025 16:30:22 +0200\r\n\r\n# Hi\r\n"
MADE = "made@agent.test"


@pytest.fixture
def config(tmp_path):
    return Config(domain=DOMAIN, data_dir=tmp_path, mailboxes={})


async def compose(here, config, frame=None) -> Composed:
    frame = frame or Send(MESSAGE)
    return await composing.compose(here.fx, config, frame, outbound.read(MESSAGE, MADE, 0.0), False)


def test_a_worker_composes_and_hashes(config):
    async def play():
        async with stage(workers=1) as here:
            composed = await compose(here, config)
            outbound.check(outbound.read(MESSAGE, MADE, 0.0), composed.head)
            assert composed.body_hash == sign.body_hash(composed.body)
            assert (composed.format, composed.source) == ("markdown", "# Hi\n\nSent from AIMX.  \nhttps://aimx.email\n")

    trio.run(play)


def test_another_worker_composes_when_one_is_killed(config):
    async def play():
        async with stage(workers=2) as here:
            pids = here.workers.ready
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            results = []

            async def run():
                results.append(await compose(here, config))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(run)
                await trio.testing.wait_all_tasks_blocked()
                (busy,) = [slot.helper.child.pid for slot in here.workers._slots if slot.load]
                os.kill(busy, signal.SIGKILL)
                for pid in set(pids) - {busy}:
                    os.kill(pid, signal.SIGCONT)
            assert [result.format for result in results] == ["markdown"]
            await here.ready(2)
            assert busy not in here.workers.ready

    trio.run(play)


def test_workers_that_hang_are_given_up_and_the_caller_is_told(config):
    async def stop_every_worker(here):
        while True:
            for pid in here.workers.ready:
                os.kill(pid, signal.SIGSTOP)
            await trio.lowlevel.checkpoint()

    async def play():
        async with stage(workers=1, compute_s=0.2) as here:
            here.nursery.start_soon(stop_every_worker, here)
            with pytest.raises(Failed, match="could not be composed"):
                await compose(here, config)

    trio.run(play)


REFUSED = {
    "malformed": (Send(b"no field\r\n\r\n"), MalformedMessage, "not a header field: no field"),
    "too-large": (Send(MESSAGE + b"x" * (5 * limits.MIB)), BodyTooLarge, "markdown body exceeds 5 MiB"),
    "both": (Send(MESSAGE, html=b"x", text_only=True), Refused, "mutually exclusive"),
}


def test_a_worker_that_refuses_lives_on(config):
    async def play():
        async with stage(workers=1) as here:
            pids = here.workers.ready
            for frame, error, reason in REFUSED.values():
                with pytest.raises(error, match=reason) as refused:
                    await compose(here, config, frame)
                assert type(refused.value) is error
            await compose(here, config)
            assert here.workers.ready == pids

    trio.run(play)


ORDER = ComposeOrder(MESSAGE, None, True, "", MADE, 0.0)
GOOD = msgspec.structs.replace(composer.compose(ORDER), body_hash=hashlib.sha256().digest())
LIES = {
    "lone-lf": {"body": b"Hi\n.\nMAIL FROM:<x@y>\r\n"},
    "lone-cr": {"body": b"Hi\r.\r\n"},
    "no-end": {"body": b"Hi"},
    "no-body": {"body": b""},
    "eight-bit": {"body": b"\xff\r\n"},
    "too-large": {"body": b"x" * limits.OUTBOUND_OCTETS + b"\r\n"},
    "head": {"head": GOOD.head.replace(b"ops@", b"ceo@")},
    "no-end-of-head": {"head": GOOD.head[:-2]},
    "hash": {"body_hash": b""},
    "path": {"attachments": (Attachment("../x", "text/plain", b""),)},
    "long text": {"source": "x" * (limits.OUTBOUND_OCTETS + 1)},
    "twins": {"attachments": (Attachment("x", "text/plain", b""),) * 2},
}


@pytest.mark.parametrize("changes", LIES.values(), ids=LIES)
def test_what_no_message_is_is_not_believed(changes):
    assert believable_message(ORDER, GOOD) is GOOD
    with pytest.raises(ValueError, match="a worker"):
        believable_message(ORDER, msgspec.structs.replace(GOOD, **changes))


def test_what_a_record_shows_commands_no_terminal():
    found = believable_message(ORDER, msgspec.structs.replace(GOOD, source="a\x1b[2Jb\r\n\x9b\tä\n"))
    assert found == msgspec.structs.replace(GOOD, source="a\ufffd[2Jb\n\ufffd\tä\n")


@pytest.mark.parametrize(
    "frame",
    [
        Send(MESSAGE),
        Send(MESSAGE + b"- \n" * 20_000),
        Send(MESSAGE + b"x" * limits.MIB),
        Send(MESSAGE, html=b"x" * limits.MIB),
        Send(MESSAGE + "é\n".encode() * limits.MIB, text_only=True),
    ],
    ids=["small", "dense", "prose", "html", "text"],
)
def test_no_message_takes_more_room_than_was_reserved(frame, config):
    async def play():
        async with stage(workers=1) as here:
            composed = await compose(here, config, frame)
            wire = len(composed.head) + len(composed.body)
            parts = len(composed.source) + sum(len(file.content) for file in composed.attachments)
            assert (
                len(frame.message) + len(frame.html or b"") + 2 * (wire + parts) + wire <= composing.cost(frame) + 8192
            )

    trio.run(play)


def test_the_largest_message_of_all_has_room():
    largest = Send(b"x" * limits.FRAME_BODY_OCTETS, html=b"x" * limits.FRAME_BODY_OCTETS)
    assert composing.cost(largest) <= limits.OUTBOUND_SHARE_OCTETS < limits.OUTBOUND_MEMORY_OCTETS
    assert 100 * composing.cost(Send(b"x" * 5000)) < limits.OUTBOUND_MEMORY_OCTETS
