"""Words of strangers that decide where we connect, and what of them a terminal is shown."""

import contextlib
import ipaddress
import json
import re

from aimx import limits
from aimx.cli import watch_text
from aimx.model.dns import Answer, Question
from aimx.policy import exchange
from aimx.verifier import caller
from tests.fuzz.target import PROGRAM_S, Frame, target
from tests.fuzz.targets.pieces import legal, one_safe_line
from tests.fuzz.targets.pieces import text as any_text

_ADDRESSES = (
    b"127.0.0.1 ::1 ::ffff:127.0.0.1 10.0.0.1 192.0.2.1 8.8.8.8 2001:4860:4860::8888 fe80::1%eth0 0.0.0.0 64:ff9b::7f00:1 "
    b"2002:7f00:1:: 169.254.169.254 100.64.0.1 224.0.0.1 ff02::1 255.255.255.255 0x7f.1 010.0.0.1 1 : . % / ~ \\x1f \\r\\n"
)


@target(
    "mx-answer",
    "aimx/policy/exchange",
    b"10~mx.test 0~. 65535~a.b 99999~x ~ . .. / \\r\\n \\0 : [::1] 127.0.0.1 \x1f - _ a \xc3\xa4 \xd9\xa1",
    seeds=lambda: [b"10 mx.test.\x1f10 mx2.test\x1f20 MX.test", b"0 ."],
    bound=1 << 16,
    frames=(Frame(), Frame(b"10 ")),
    units=(b"1 a\x1f", b"1 a.", b"9"),
)
def mx_answer(octets: bytes) -> None:
    """Hosts have names that a command line may hold, each once, best first; nothing else becomes a host."""
    records = tuple(legal(octets).split("\x1f"))
    found = exchange.hosts(Answer(Question("d.test", "MX"), "ok", records))
    if isinstance(found, exchange.NoHosts):
        one_safe_line(found.why)
        return
    assert isinstance(found, exchange.Hosts)
    names = [name for group in found.groups for name in group]
    assert 0 < len(names) <= limits.MX_HOSTS and len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_.-]+", name) and name[0] not in ".-" for name in names)
    said = {record.partition(" ")[2].rstrip(".").lower(): record for record in records}
    assert set(names) <= set(said)


@target(
    "peer-address",
    "aimx/policy/exchange aimx/policy/internet aimx/verifier/caller",
    _ADDRESSES,
    seeds=lambda: [b"8.8.8.8", b"127.0.0.1", b"2001:4860:4860::8888", b"::ffff:10.0.0.1"],
    longest=200,
    bound=1 << 14,
    frames=(Frame(), Frame(b"2001:"), Frame(b"1.2.3.")),
)
def peer_address(octets: bytes) -> None:
    """Nobody is connected to who is not on the Internet, whatever a record or a header of a client calls him."""
    words = octets.decode("latin-1")
    with contextlib.suppress(caller.Unknown):
        assert caller.caller("127.0.0.1", [(caller.HEADER, octets)]).is_global
    with contextlib.suppress(caller.Unknown):
        caller.caller("::1", [(caller.HEADER, octets), (caller.HEADER, b"8.8.8.8")])
        raise AssertionError("of two clients one was believed")
    with contextlib.suppress(caller.Unknown):
        assert str(caller.caller("8.8.8.8", [(caller.HEADER, octets)])) == "8.8.8.8"
    if exchange.connectable(words, False):
        address = ipaddress.ip_address(words)
        mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
        assert not (mapped.is_loopback or mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified)
        assert mapped.is_global or not mapped.is_private or exchange.connectable(str(mapped), False)
        assert exchange.connectable(words, True)


_KINDS = ("received", "sent", "spooled", "read", "deleted", "hook_started", "hook_finished", "hook_skipped",
          "mailbox_created", "hook_created", "hook_deleted", "config_reloaded", "tomorrow's")  # fmt: skip
_NAMES = ("at", "mailbox", "id", "from", "to", "trusted", "subject", "status", "reason", "folder", "hook", "run",
          "address", "event", "origin", "mailboxes", "hooks", "exit_code", "timed_out", "duration_ms", "read")  # fmt: skip


@target(
    "event-line",
    "aimx/cli/watch_text aimx/cli/diagnostics",
    b"\\x1b[2J \\x07 \\r\\n \\t \\0 \xc2\x9b \xe2\x80\xae \xe2\x80\xa8 true false a@b.test \xed\xa0\x80 { } ~",
    seeds=lambda: [b"\x00a@b.test: \x1b[2JHello\r\n", "\x06\u202eabc\u2028".encode()],
    bound=1 << 16,
    within_s=PROGRAM_S,
)
def event_line(octets: bytes) -> None:
    """An event is one line, and nothing in it is obeyed."""
    kind = _KINDS[octets[0] % len(_KINDS)] if octets else "received"
    value = any_text(octets[1:])
    told = json.loads(json.dumps(dict.fromkeys(_NAMES, value) | {"type": kind}))
    line = watch_text.line(told)
    assert line is not None
    one_safe_line(line)
    watch_text.trouble(told)
