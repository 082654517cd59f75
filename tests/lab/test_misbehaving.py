"""Remote mail servers that refuse, defer, stall, drop, lie or babble: what each leads to, and that none holds us.

All of them at once, one message each. The answer to the caller, the sent record, and what an after_send hook is told
have to agree.
"""

import os
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio

from aimx import client
from aimx.errors import DaemonUnavailable
from aimx.mime import frontmatter
from aimx.wire.frames import Response, Send
from tests.daemon.pem import write_pair
from tests.harness import DOMAIN, Daemon, config_text
from tests.lab import mx
from tests.lab.hurried import PATIENCE_S, TOTAL_S
from tests.lab.mx import Fleet, Script, close, drip, endless, late, offering_tls, reset, secure, silence, tarpit, then
from tests.mailauth import signing

pytestmark = pytest.mark.lab

DEADLINE_S = TOTAL_S + 2 * PATIENCE_S + 20.0  # of every send, with room for a busy machine
CLIENTS = 16


class Outcome(NamedTuple):
    """Code of the answer (`ok` when it is none), status of the record (None: none is kept), AIMX_SEND_STATUS."""

    code: str
    record: str | None
    hook: str


DELIVERED = Outcome("ok", "delivered", "delivered")
FAILED = Outcome("DELIVERY", "failed", "failed")
DEFERRED = Outcome("TEMP", None, "deferred")
UNKNOWN = Outcome("DELIVERY", "pending", "pending")


def _context(directory: Path, days: int = 36_500) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_pair(directory, "elsewhere.test", days))
    return context


def _old(directory: Path) -> ssl.SSLContext:
    context = _context(directory)
    context.set_ciphers("AES128-SHA:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


SOON_S, LATE_S = PATIENCE_S / 6, PATIENCE_S * 0.9  # within what one stage may take
LATE: Script = {key: late(octets, LATE_S) for key, octets in mx.PLAIN.items() if isinstance(octets, bytes)}
MEGABYTE = b"x" * 1_000_000

SCRIPTED: dict[str, tuple[Script, Outcome]] = {
    "well-behaved": ({}, DELIVERED),
    "no-extensions": ({"EHLO": b"502 5.5.1 no\r\n"}, DELIVERED),
    "one-octet-at-a-time": ({key: drip(octets) for key, octets in mx.PLAIN.items() if isinstance(octets, bytes)}
                            | {"DATA": mx.PLAIN["DATA"]}, DELIVERED),
    "says-nothing-at-quit": ({"QUIT": silence}, DELIVERED),
    # Stages that refuse or put off.
    "banner-421": ({"connect": b"421 4.3.2 not now\r\n"}, DEFERRED),
    "ehlo-and-helo-421": ({"EHLO": b"421 4.3.2 no\r\n", "HELO": b"421 4.3.2 no\r\n"}, DEFERRED),
    "mail-451": ({"MAIL": b"451 4.3.0 later\r\n"}, DEFERRED),
    "mail-550": ({"MAIL": b"550 5.7.1 not from you\r\n"}, FAILED),
    "rcpt-450": ({"RCPT": b"450 4.2.0 greylisted\r\n"}, DEFERRED),
    "rcpt-550": ({"RCPT": b"550 5.1.1 who?\r\n"}, FAILED),
    "data-451": ({"DATA": b"451 4.3.0 later\r\n"}, DEFERRED),
    "data-554": ({"DATA": b"554 5.5.1 no\r\n"}, FAILED),
    "dot-451": ({".": b"451 4.3.0 disk full\r\n"}, DEFERRED),
    "dot-421": ({".": b"421 4.3.2 going down\r\n"}, DEFERRED),
    "dot-550": ({".": b"550 5.7.1 spam\r\n"}, FAILED),
    "dot-552": ({".": b"552 5.3.4 too big after all\r\n"}, FAILED),
    # Stages at which the connection ends.
    "closes-at-once": ({"connect": close}, DEFERRED),
    "resets-at-once": ({"connect": reset}, DEFERRED),
    "closes-after-ehlo": ({"EHLO": close}, DEFERRED),
    "closes-after-mail": ({"MAIL": close}, DEFERRED),
    "closes-after-rcpt": ({"RCPT": close}, DEFERRED),
    "resets-at-data": ({"DATA": reset}, DEFERRED),
    "closes-after-354": ({"DATA": then(b"354 go\r\n", close)}, UNKNOWN),  # the small message has left with its dot
    "closes-within-much-data": ({"DATA": then(b"354 go\r\n", close)}, DEFERRED),
    "closes-after-the-dot": ({".": close}, UNKNOWN),
    "resets-after-the-dot": ({".": reset}, UNKNOWN),
    # Stages at which it says nothing, or never stops.
    "silent-banner": ({"connect": silence}, DEFERRED),
    "silent-ehlo": ({"EHLO": silence}, DEFERRED),
    "silent-rcpt": ({"RCPT": silence}, DEFERRED),
    "silent-data": ({"DATA": silence}, DEFERRED),
    "silent-after-the-dot": ({".": silence}, UNKNOWN),
    "endless-banner": ({"connect": endless(b"220-still here\r\n")}, DEFERRED),
    "endless-line": ({"connect": endless(b"x" * 4096)}, DEFERRED),
    "endless-ehlo": ({"EHLO": endless(b"250-MORE\r\n")}, DEFERRED),
    "endless-after-the-dot": ({".": endless(b"250-taken\r\n")}, UNKNOWN),
    "megabyte-banner": ({"connect": b"220 " + MEGABYTE + b"\r\n"}, DEFERRED),
    "megabyte-refusal": ({"RCPT": b"550 " + MEGABYTE + b"\r\n"}, DEFERRED),
    "megabyte-after-the-dot": ({".": b"250 " + MEGABYTE + b"\r\n"}, UNKNOWN),
    "tarpit-banner": ({"connect": tarpit(b"220-patience\r\n", SOON_S)}, DEFERRED),
    "tarpit-in-a-line": ({"RCPT": tarpit(b"x", SOON_S)}, DEFERRED),
    "tarpit-after-the-dot": ({".": tarpit(b"250-patience\r\n", SOON_S)}, UNKNOWN),
    "late-at-every-stage": (LATE, DEFERRED),
    "late-once": ({"MAIL": late(b"250 2.1.0 ok\r\n", SOON_S)}, DELIVERED),
    # Lies and garbage.
    "banner-garbage": ({"connect": bytes(range(256)) * 4 + b"\r\n"}, DEFERRED),
    "mail-354": ({"MAIL": b"354 go ahead\r\n"}, DEFERRED),
    "data-250": ({"DATA": b"250 2.0.0 already taken\r\n"}, DEFERRED),
    "code-999": ({"RCPT": b"999 what\r\n"}, DEFERRED),
    "dot-garbage": ({".": b"\x80\x81\x82\r\n"}, UNKNOWN),
    "dot-354": ({".": b"354 go on\r\n"}, UNKNOWN),
    "two-codes-in-one-reply": ({"RCPT": b"250-ok\r\n550 no\r\n"}, DEFERRED),
    "terminal-escapes": ({"RCPT": b"550 5.1.1 \x1b]52;c;AAAA\x07\x1b[2J \x9bm no\r\n"}, FAILED),
    # TLS is a try: what fails is done again in clear.
    "starttls-454": (offering_tls(b"454 4.7.0 not now\r\n"), DELIVERED),
    "starttls-then-garbage": (offering_tls(then(b"220 go\r\n", endless(b"250 ok\r\n"))), DELIVERED),
    "starttls-then-alert": (offering_tls(b"220 go\r\n\x15\x03\x03\x00\x02\x02\x28"), DELIVERED),
    "starttls-then-closes": (offering_tls(then(b"220 go\r\n", close)), DELIVERED),
    "starttls-then-silence": (offering_tls(then(b"220 go\r\n", silence)), DELIVERED),
}  # fmt: skip

# Name, replies of the handler, options of aiosmtpd's SMTP.
STOCK: dict[str, tuple[dict[str, str], dict[str, Any], Outcome]] = {
    "stock": ({}, {}, DELIVERED),
    "stock-size": ({}, {"data_size_limit": 100}, FAILED),
    "stock-mail-530": ({"MAIL": "530 5.7.0 authenticate first"}, {}, FAILED),
    "stock-mail-354": ({"MAIL": "354 go ahead"}, {}, DEFERRED),
    "stock-rcpt-452": ({"RCPT": "452 4.5.3 too many"}, {}, DEFERRED),
    "stock-dot-554": ({"DATA": "554 5.7.1 no"}, {}, FAILED),
    "stock-megabyte": ({"DATA": "250 " + "y" * 1_000_000}, {}, UNKNOWN),
}


class Result(NamedTuple):
    """What is known of one send afterwards."""

    answer: Response
    seconds: float
    record: dict[str, Any] | None
    hook: str | None

    @property
    def outcome(self) -> Outcome:
        """As the table has it."""
        code = self.answer.code if self.answer.kind == "error" else self.answer.kind
        status = str(self.record["delivery_status"]) if self.record is not None else None
        return Outcome(code, status, self.hook or "none ran")


class World(NamedTuple):
    """All results by name, and what the servers saw."""

    results: dict[str, Result]
    fleet: Fleet


EXTRA = {"refuses-connections": DEFERRED, "no-such-domain": FAILED, "null-mx": FAILED, "several-hosts": DELIVERED,
         "lost-then-another-host": UNKNOWN, "three-fates": FAILED}  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def _servers(tree: Path) -> AsyncIterator[Fleet]:
    async with mx.asyncio_loop() as loop, trio.open_nursery() as nursery:
        fleet = Fleet(nursery, _free_port())
        for name, (script, _) in SCRIPTED.items():
            await fleet.scripted(name, script)
        for name, act in _tls_acts(tree).items():
            await fleet.scripted(name, offering_tls(act))
        for name, (replies, options, _) in STOCK.items():
            await fleet.stock(loop, name, replies, **options)
        await fleet.stock(loop, "stock-tls", {}, tls_context=_context(tree / "tls"))
        await fleet.stock(loop, "three-fates", {"no": "550 5.1.1 who?", "later": "450 4.2.0 greylisted"})
        fleet.absent("refuses-connections")
        yield fleet
        fleet.close()
        nursery.cancel_scope.cancel()


def _tls_acts(tree: Path) -> dict[str, mx.Act]:
    good = _context(tree / "good")
    return {
        "tls-self-signed": secure(good),
        "tls-expired": secure(_context(tree / "expired", days=30)),
        "tls-no-common-cipher": secure(_old(tree / "old")),
        "tls-injected-reply": secure(good, b"220 go\r\n250-injected\r\n250 SIZE 1\r\n"),
    }


def _zone(fleet: Fleet) -> dict[str, dict[str, list[str]]]:
    zone: dict[str, dict[str, list[str]]] = {}
    for name, address in fleet.addresses.items():
        zone[f"{name}.test"] = {"MX": [f"10 mx.{name}.test."]}
        zone[f"mx.{name}.test"] = {"A": [address]}
    zone["null-mx.test"] = {"MX": ["0 ."]}
    hosts = "10 mx.refuses-connections.test.", "20 mx.closes-at-once.test.", "30 mx.well-behaved.test."
    zone["several-hosts.test"] = {"MX": list(hosts)}
    zone["lost-then-another-host.test"] = {"MX": ["10 mx.closes-after-the-dot.test.", "20 mx.well-behaved.test."]}
    return zone


def _message(name: str) -> bytes:
    rcpts = ", ".join(
        f"{local}@{name}.test" for local in (("bob", "no", "later") if name == "three-fates" else ("bob",))
    )
    body = "# Hi\r\n\r\n.leading dot\r\n" + ("much more\r\n" * 400_000 if "much" in name else "")
    return f"From: ops@{DOMAIN}\r\nTo: {rcpts}\r\nSubject: {name}\r\n\r\n{body}".encode()


def _config(tree: Path) -> str:
    script = 'printf %s "$AIMX_SEND_STATUS" > "$1/.$AIMX_SUBJECT" && mv "$1/.$AIMX_SUBJECT" "$1/$AIMX_SUBJECT"'
    hook = f"""[[mailboxes.ops.hooks]]
event = "after_send"
cmd = ["/bin/sh", "-c", '''{script}''', "hook", "{tree}"]
"""
    return config_text(hook, "allow_private_mx = true")


async def _play(tree: Path, names: list[str]) -> World:
    (tree / "hooks").mkdir()
    async with _servers(tree) as fleet:
        daemon = Daemon(tree, _config(tree / "hooks"), _zone(fleet), AIMX_TEST_MX_PORT=str(fleet.port))
        daemon.module = "tests.lab.hurried"
        with daemon:
            answers = await _send_all(daemon, names)
            await _hooks(tree / "hooks", set(names))
        return World({name: _result(daemon, name, *answers[name]) for name in names}, fleet)


async def _send_all(daemon: Daemon, names: list[str]) -> dict[str, tuple[Response, float]]:
    answers: dict[str, tuple[Response, float]] = {}
    limiter = trio.CapacityLimiter(CLIENTS)

    async def one(name: str) -> None:
        async with limiter:
            started = time.monotonic()
            answer = await trio.to_thread.run_sync(
                _call, daemon.socket, Send(_message(name), text_only="much" in name), abandon_on_cancel=True
            )
            answers[name] = answer, time.monotonic() - started

    async with trio.open_nursery() as nursery:
        for name in names:
            nursery.start_soon(one, name)
    return answers


def _call(path: Path, request: Send) -> Response:
    try:
        return client.call(path, request, DEADLINE_S)
    except DaemonUnavailable:
        return Response("error", code="no answer")


async def _hooks(directory: Path, names: set[str]) -> None:
    with trio.move_on_after(30):
        while not names <= set(os.listdir(directory)):
            await trio.sleep(0.05)


def _result(daemon: Daemon, name: str, answer: Response, seconds: float) -> Result:
    said = daemon.tree / "hooks" / name
    records = [frontmatter.read(path.read_bytes())[0] for path in daemon.messages(folder="sent")]
    mine = [record for record in records if record["subject"] == name]
    assert len(mine) <= 1, mine
    return Result(answer, seconds, mine[0] if mine else None, said.read_text() if said.exists() else None)


TLS = dict.fromkeys(("tls-self-signed", "tls-expired", "tls-no-common-cipher", "tls-injected-reply", "stock-tls"),
                    DELIVERED)  # fmt: skip
EXPECTED = {
    **{name: row[1] for name, row in SCRIPTED.items()},
    **{name: row[2] for name, row in STOCK.items()},
    **TLS,
    **EXTRA,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    try:
        mx.asyncio_loop()
    except (ImportError, AttributeError) as error:
        pytest.skip(f"trio-asyncio cannot host aiosmtpd on this Python: {error}")
    tree = tmp_path_factory.mktemp("misbehaving")
    signing.install(tree / "etc")
    return trio.run(_play, tree, list(EXPECTED))


@pytest.mark.parametrize("name", EXPECTED)
def test_what_a_server_does_is_classified(world, name):
    result = world.results[name]
    assert result.outcome == EXPECTED[name], (result.answer, result.record)
    assert result.seconds < DEADLINE_S
    if result.record is not None and result.outcome != DELIVERED:
        assert result.record["delivery_details"]


@pytest.mark.parametrize("name", [name for name, expected in EXPECTED.items() if expected == DELIVERED])
def test_what_was_delivered_arrived_once_whole_and_signed(world, name):
    server = "well-behaved" if name == "several-hosts" else name
    mine = f"\r\nSubject: {name}\r\n".encode()
    (octets,) = [octets for octets in world.fleet.seen[server].messages if mine in octets]
    assert signing.verifies(octets)
    assert b"\r\n.leading dot\r\n" in octets


@pytest.mark.parametrize("name", TLS)
def test_tls_with_anybody_is_better_than_none(world, name):
    assert world.fleet.seen[name].secure == [name != "tls-no-common-cipher"]


@pytest.mark.parametrize("name", [name for name in SCRIPTED if name.startswith("starttls-then")])
def test_what_fails_in_tls_goes_in_clear_on_a_new_connection(world, name):
    seen = world.fleet.seen[name]
    assert (seen.connections, seen.secure) == (2, [False])


def test_after_tls_the_dialog_begins_anew(world):
    """What was injected before the handshake is no answer to anything after it."""
    assert world.fleet.seen["tls-injected-reply"].verbs[:4] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]


def test_a_message_that_may_have_been_delivered_goes_nowhere_else(world):
    assert world.results["lost-then-another-host"].outcome == UNKNOWN
    assert not [octets for octets in world.fleet.seen["well-behaved"].messages if b"lost-then-another-host" in octets]
    assert "may have been delivered" in world.results["lost-then-another-host"].answer.reason


def test_a_server_that_announces_a_smaller_size_is_not_sent_the_message(world):
    assert "DATA" not in world.fleet.seen["stock-size"].verbs
    assert not world.fleet.seen["stock-size"].messages


def test_three_recipients_have_three_fates(world):
    result = world.results["three-fates"]
    (octets,) = world.fleet.seen["three-fates"].messages
    assert signing.verifies(octets)
    for words in (
        "bob@three-fates.test: delivered",
        "no@three-fates.test: failed: 550 5.1.1",
        "later@three-fates.test: deferred: 450",
    ):
        assert words in result.record["delivery_details"]
        assert words in result.answer.reason


def test_nothing_that_a_server_says_reaches_a_terminal_raw(world):
    result = world.results["terminal-escapes"]
    for text in (result.answer.reason, result.record["delivery_details"]):
        assert text.startswith("550 5.1.1")
        assert not set(text) & {"\x1b", "\x07", "\x9b"}


def test_time_is_bounded_over_all_stages_too(world):
    """Each reply came within its time; together they took more than a message may."""
    assert world.results["late-at-every-stage"].seconds >= TOTAL_S - PATIENCE_S
    assert not world.fleet.seen["late-at-every-stage"].messages


def test_each_class_of_outcome_names_the_server_and_its_words(world):
    """An agent reads why: the server's reply, or at which stage it said nothing."""
    assert world.results["rcpt-550"].answer.reason == "550 5.1.1 who?"
    assert "greylisted" in world.results["rcpt-450"].answer.reason
    assert "greeting" in world.results["silent-banner"].answer.reason
