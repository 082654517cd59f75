"""The traffic of a soak that is large, or does not go well: a process of its own, told what to do on stdin.

One thing at a time, in turn: a mail of up to 25 MB; a recipient that is not there; a size that is too much; a client
that vanishes within DATA; a letter that the other server refuses, and one that it does not take now. It prints `ready`,
starts its clock at the next line, and ends with an error at an answer that should have been another.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from aimx import client, limits
from aimx.wire.frames import Send
from tests.bench.corpus import MAILBOXES, SENDER
from tests.bench.load import Peer, marked
from tests.harness import DOMAIN


class Plan(NamedTuple):
    """What one interval sends, `rate` things per second. `first`: the number of its first one within the soak."""

    port: int
    socket: str
    mailbox: str
    corpus: str
    first: int
    count: int
    rate: float


def kinds(plan: Plan) -> list[str]:
    """Which kind each thing of the plan is."""
    return [tuple(_KINDS)[(plan.first + index) % len(_KINDS)] for index in range(plan.count)]


def marks(plan: Plan) -> frozenset[str]:
    """What the large mails of a plan answer, as `load.marked` says."""
    return frozenset(marked("large", plan.first + index) for index, kind in enumerate(kinds(plan)) if kind == "large")


def attachments(plan: Plan, digests: list[str]) -> frozenset[str]:
    """What large mails of a plan answer, and the digest of what is attached to each."""
    return frozenset(
        f"{marked('large', number)} {digests[number // len(_KINDS) % len(digests)]}"
        for number, kind in enumerate(kinds(plan), plan.first)
        if kind == "large"
    )


def subjects(plan: Plan) -> frozenset[str]:
    """The subjects of the letters of a plan that are refused."""
    return frozenset(f"refused {plan.first + index}" for index, kind in enumerate(kinds(plan)) if kind == "refused")


def _large(plan: Plan, number: int) -> None:
    turn = number // len(_KINDS)
    head = f"In-Reply-To: <{marked('large', number)}>\r\n".encode()
    peer = Peer(plan.port, tls=False)
    wires: list[bytes] = msgspec.msgpack.decode(Path(plan.corpus).read_bytes())
    peer.send(MAILBOXES[turn // len(wires) % len(MAILBOXES)], head + wires[turn % len(wires)] + b".\r\n")
    peer.quit()


def _nobody(plan: Plan, _: int) -> None:
    _said(plan.port, f"MAIL FROM:<bench@{SENDER}>", f"RCPT TO:<nobody-of-that-name@{DOMAIN}>", "550")


def _too_much(plan: Plan, _: int) -> None:
    _said(plan.port, "NOOP", f"MAIL FROM:<bench@{SENDER}> SIZE={limits.MESSAGE_OCTETS + 1}", "552")


def _vanishes(plan: Plan, number: int) -> None:
    peer = Peer(plan.port, tls=False)
    head = f"From: bench@{SENDER}\r\nIn-Reply-To: <{marked('vanished', number)}>\r\n\r\n"
    peer.begin(MAILBOXES[number % len(MAILBOXES)])
    peer.sock.sendall(head.encode() + b"never whole\r\n" * 30_000)
    peer.sock.close()


def _refused(plan: Plan, number: int) -> None:
    _answered(plan, "refused", number)


def _later(plan: Plan, number: int) -> None:
    _answered(plan, "later", number)


_KINDS: dict[str, Callable[[Plan, int], None]] = {
    "large": _large, "nobody": _nobody, "too-much": _too_much, "vanishes": _vanishes, "refused": _refused,
    "later": _later,
}  # fmt: skip


def _said(port: int, first: str, second: str, code: str) -> None:
    """A session whose second command gets that code. Raises: ConnectionError at another."""
    peer = Peer(port, tls=False)
    peer.command(f"{first}\r\n".encode())
    peer.command(f"{second}\r\n".encode(), code.encode())
    peer.quit()


def _answered(plan: Plan, who: str, number: int) -> None:
    """A letter that the other server does not take, as the name of its recipient says. Raises: SystemExit."""
    head = f"From: {plan.mailbox}@{DOMAIN}\r\nTo: {who}@sink.test\r\nSubject: {who} {number}\r\n\r\nHello.\r\n"
    answer = client.call(Path(plan.socket), Send(head.encode()))
    if answer.kind != "error" or answer.code != {"refused": "DELIVERY", "later": "TEMP"}[who]:
        raise SystemExit(f"{who}: {answer}")


def run(plan: Plan) -> None:
    """All of it. Raises: SystemExit at a wrong answer."""
    print("ready", flush=True)
    sys.stdin.readline()
    begun = time.monotonic()
    for index, kind in enumerate(kinds(plan)):
        time.sleep(max(0.0, begun + index / plan.rate - time.monotonic()))
        _KINDS[kind](plan, plan.first + index)
    print("{}", flush=True)


if __name__ == "__main__":
    run(Plan(**json.loads(sys.stdin.readline())))
