"""Scripted mail servers, one for each stage and misdeed, and one message to each: what was said, kept and taken."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import trio

from aimx import client
from aimx.errors import AimxError
from aimx.mime import frontmatter
from aimx.wire.frames import Send
from tests.harness import DOMAIN, Daemon, config_text
from tests.lab import mx
from tests.lab.mx import Act, Fleet, Peer, Script, close, endless, offering_tls, reset, silence, tarpit, then
from tests.mailauth import signing

STAGES = ("connect", "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA", ".")
TRUTH: dict[str, bytes] = {
    **{stage: octets for stage, octets in mx.PLAIN.items() if isinstance(octets, bytes)},
    "STARTTLS": b"220 2.0.0 go ahead\r\n",
}
WRONG_CLASS = {"DATA": b"250 2.0.0 taken already\r\n"}
LONG = b"x" * 200_000


def _said(text: bytes) -> dict[str, bytes | Act]:
    return dict.fromkeys(STAGES, text)


# misdeed → stage → what is done there
REPLIES: dict[str, dict[str, bytes | Act]] = {
    "421": _said(b"421 4.3.2 going down\r\n"),
    "421-and-closes": _said(then(b"421 4.3.2 going down\r\n", close)),
    "451": _said(b"451 4.3.0 later\r\n"),
    "554": _said(b"554 5.7.1 never\r\n"),
}
BREAKS: dict[str, dict[str, bytes | Act]] = {
    "closes": dict.fromkeys(STAGES, close),
    "resets": dict.fromkeys(STAGES, reset),
    "half-a-line": _said(then(b"25", close)),
    "half-a-reply": _said(then(b"250-first\r\n", close)),
    "garbage": _said(bytes(range(256)) + b"\r\n"),
    "no-code": _said(b"welcome\r\n"),
    "empty-line": _said(b"\r\n"),
    "code-999": _said(b"999 what\r\n"),
    "code-150": _said(b"150 wait\r\n"),
    "code-000": _said(b"000 none\r\n"),
    "two-codes": _said(b"250-yes\r\n550 no\r\n"),
    "long-line": _said(b"250 " + LONG + b"\r\n"),
    "many-lines": _said(b"250-more\r\n" * 5000),
    "endless-line": dict.fromkeys(STAGES, endless(b"x" * 4096)),
    "endless-lines": dict.fromkeys(STAGES, endless(b"250-more\r\n")),
    "wrong-class": {
        stage: WRONG_CLASS.get(stage, b"354 go ahead\r\n") for stage in STAGES if stage != "STARTTLS"
    },
    "two-replies": {
        stage: octets + b"550 5.7.1 and no\r\n" for stage, octets in TRUTH.items() if stage in STAGES[:-1]
    },
}  # fmt: skip
SLOW: dict[str, dict[str, bytes | Act]] = {
    "silence": dict.fromkeys(STAGES, silence),
    "half-and-silence": _said(then(b"250-wait\r\n", silence)),
    "tarpit": dict.fromkeys(STAGES, tarpit(b"250-wait\r\n", 0.3)),
}
# What follows a 250 to the final dot changes nothing.
AFTERWARDS: dict[str, bytes | Act] = {
    "taken-and-closes": then(TRUTH["."], close),
    "taken-and-resets": then(TRUTH["."], reset),
    "taken-and-421": TRUTH["."] + b"421 4.3.2 bye\r\n",
    "taken-and-garbage": TRUTH["."] + b"\xff\x00\r\n",
    "taken-and-endless": then(TRUTH["."], endless(b"x" * 4096)),
}


class Case(NamedTuple):
    """One server. `backup`: whether a well-behaved one stands behind it."""

    misdeed: str
    stage: str
    backup: bool

    @property
    def name(self) -> str:
        """Of the server and its domain."""
        stage = self.stage.replace(".", "dot").lower()
        return f"{self.misdeed}-at-{stage}{'-with-backup' if self.backup else ''}"


class Ended(NamedTuple):
    """`answer`: OK, its code, or what the client made of none. `dots`: how many final dots the server saw."""

    answer: str
    reason: str
    record: str | None
    happened: int
    dots: int
    backup: int


def _counting(what: bytes | Act, happened: Counter[str], name: str) -> Act:
    async def act(peer: Peer) -> None:
        happened[name] += 1
        if isinstance(what, bytes):
            await peer.say(what)
        else:
            await what(peer)

    return act


def _script(stage: str, act: Act) -> Script:
    return offering_tls(act) if stage == "STARTTLS" else {stage: act}


def _zone(cases: list[Case], fleet: Fleet) -> dict[str, dict[str, list[str]]]:
    zone = {f"mx.{name}.test": {"A": [address]} for name, address in fleet.addresses.items()}
    for case in cases:
        behind = ["20 mx.well-behaved.test."] if case.backup else []
        zone[f"{case.name}.test"] = {"MX": [f"10 mx.{case.name}.test.", *behind]}
    return zone


async def play(tree: Path, module: str, acts: dict[Case, bytes | Act], port: int, at_once: int) -> dict[Case, Ended]:
    """One message to each server, many at once, from one daemon; the program is `module`."""
    signing.install(tree / "etc")
    happened: Counter[str] = Counter()
    async with trio.open_nursery() as nursery:
        fleet = Fleet(nursery, port)
        for case, what in acts.items():
            await fleet.scripted(case.name, _script(case.stage, _counting(what, happened, case.name)))
        await fleet.scripted("well-behaved", {})
        zone = _zone(list(acts), fleet)
        config = config_text("", "allow_private_mx = true")
        daemon = Daemon(tree, config, zone, AIMX_TEST_MX_PORT=str(port))
        daemon.module = module
        with daemon:
            answers = await _send_all(daemon, list(acts), at_once)
            records = _records(daemon)
        behind = Counter(map(_subject, fleet.seen["well-behaved"].messages))
        nursery.cancel_scope.cancel()
    return {
        case: Ended(*answers[case], records.get(case.name), happened[case.name],
                    len(fleet.seen[case.name].messages), behind[case.name])
        for case in acts
    }  # fmt: skip


def _subject(octets: bytes) -> str:
    return octets.split(b"\r\nSubject: ")[1].partition(b"\r\n")[0].decode()


def _records(daemon: Daemon) -> dict[str, str]:
    """Subject → status."""
    found: dict[str, str] = {}
    for path in daemon.messages(folder="sent"):
        fields: dict[str, Any] = frontmatter.read(path.read_bytes())[0]
        assert fields["subject"] not in found
        assert fields["delivery_status"] == "delivered" or fields["delivery_details"]
        found[fields["subject"]] = fields["delivery_status"]
    return found


async def _send_all(daemon: Daemon, cases: list[Case], at_once: int) -> dict[Case, tuple[str, str]]:
    answers: dict[Case, tuple[str, str]] = {}
    limiter = trio.CapacityLimiter(at_once)

    def call(name: str) -> tuple[str, str]:
        text = f"From: ops@{DOMAIN}\r\nTo: bob@{name}.test\r\nSubject: {name}\r\n\r\nHi\r\n"
        try:
            answer = client.call(daemon.socket, Send(text.encode()), 200)
        except AimxError as error:
            return type(error).__name__, error.reason
        return ("OK", "") if answer.kind == "ok" else (answer.code, answer.reason)

    async def one(case: Case) -> None:
        answers[case] = await trio.to_thread.run_sync(call, case.name, limiter=limiter, abandon_on_cancel=True)

    async with trio.open_nursery() as nursery:
        for case in cases:
            nursery.start_soon(one, case)
    return answers
