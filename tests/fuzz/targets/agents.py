"""What programs of a machine are given: by a client, a mail's attachment, a server of the web, a unit file, journald."""

import calendar
import contextlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import h11
import jsonschema
import msgspec
import trio

from aimx import limits
from aimx.cli import logs
from aimx.drafting.forwards import File
from aimx.errors import Failed
from aimx.mcp import attached, schema, table
from aimx.mime import clean
from aimx.provision import httpget
from aimx.provision.reaching import Unreached
from aimx.provision.service import openrc, systemd
from aimx.provision.verifyhost import VerifyHost
from tests.fuzz.target import PROGRAM_S, Frame, target
from tests.fuzz.targets.pieces import fields, legal, pieces, step

_tree = tempfile.TemporaryDirectory(prefix="aimx-fuzz-")
_KINDS = ("text/plain", "text/calendar", "application/json", "application/octet-stream", "", "image/png", "x/y+xml")


@target(
    "mcp-attached",
    "aimx/mcp/attached aimx/mime/clean aimx/drafting/",
    b"\xef\xbb\xbf \xff\xfe \xfe\xff \xff\xfea\\0 \\0 \x89PNG\\r\\n\x1a\\n GIF89a RIFF WEBP RIFFabcdWEBP \xff\xd8\xff BEGIN:VCALENDAR\\r\\n \\r\\n \\r \\n \x1b[31m \xe2\x80\xae \xf3\xa0\x80\x81 \xe2\x80\x8b \xc3\xa4 \xe4 \x80 .txt .ics \x1e [end~of~untrusted~mail~",
    seeds=lambda: [
        b"\0a.txt\x1eplain text\r\nof two lines\n",
        b'\2a.json\x1e{"a": \xc3\xa4}',
        b"\4b.ics\x1eBEGIN:VCALENDAR\r\n",
        b"\0c.txt\x1e\xff\xfea\0b\0",
        b"\5d.png\x1e\x89PNG\r\n\x1a\nxx",
        b"\0e.txt\x1ecaf\xe9 \x80",
    ],
    longest=1500,
    bound=limits.MCP_ATTACHMENT_OCTETS,
    within_s=PROGRAM_S,
    cost=lambda octets: attached._text(octets, File("a.txt", "text/plain", "a.txt")),
    frames=(Frame(), Frame(b"\xff\xfe"), Frame(b"\xef\xbb\xbf")),
    units=(b"\r", b"\xe2\x80\x8b", b"a\0", b"\x1b", b"\xe9"),
)
def attachment(octets: bytes) -> None:
    """What is told as text hides nothing and is the file's; parts put together are all of it; a picture begins like one."""
    size, octets = step(octets)
    name, content = fields(octets, 2)
    file = File(legal(name), _KINDS[size % len(_KINDS)], "a")
    picture = attached._picture(content)
    assert bool(picture) == (content[:3] in (b"\xff\xd8\xff", b"GIF", b"\x89PN", b"RIF") and picture != "")
    assert not picture or content[:4] in (b"\x89PNG", b"GIF8", b"RIFF") or content[:3] == b"\xff\xd8\xff"
    text = attached._text(content, file)
    if text is None:
        return
    assert text == clean.bare(text) and "\0" not in text
    with contextlib.suppress(UnicodeDecodeError):
        if content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            assert text == clean.bare(content.decode("utf-8-sig"))
    _told_in_parts(text, size + len(text) // 20)


def _told_in_parts(text: str, size: int) -> None:
    told, at = "", 0
    while at is not None:
        asked = attached.Asked("m", "i", max_chars=size, offset=at, fence=bool(size % 2))
        part = attached._part(text, asked)
        inner = part["text"]
        if asked.fence:
            begin, end = f"[begin of untrusted mail {part['fence']}]\n", f"[end of untrusted mail {part['fence']}]\n"
            assert inner.startswith(begin) and inner.endswith(end) and inner.count(part["fence"]) == 2
            inner = inner[len(begin) : -len(end)]
            inner = inner if text[at : at + size].endswith("\n") else inner.removesuffix("\n")
        told, at = told + inner, part["next_offset"]
    assert told == text


_TOOLS = table.TOOLS
_SCHEMAS = [jsonschema.Draft202012Validator(schema.of(tool.arguments, tool.strict)) for tool in _TOOLS]


def _seeds() -> list[bytes]:
    made = []
    for number, tool in enumerate(_TOOLS):
        named = {name: _example(what) for name, what in _SCHEMAS[number].schema["properties"].items()}
        needed = {name: named[name] for name in _SCHEMAS[number].schema.get("required", ())}
        assert schema.read(tool.arguments, named, tool.strict) is not None
        made += [bytes([number]) + json.dumps(one).encode() for one in (named, needed)]
    return made


def _example(what: dict[str, Any]) -> Any:
    if "enum" in what:
        return what["enum"][0]
    kind = what.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    return {"string": "a", "integer": 1, "boolean": True, "array": ["a"], "object": {}, "number": 1.5}[kind]


@target(
    "mcp-arguments",
    "aimx/mcp/schema",
    b'{ } [ ] , : "" null true false 1 1.0 -1 0 1e400 1e300 18446744073709551616 0.5 "a" "inbox" "sent" [] [1] {"a":1} "mailbox": "id": "folder": "to": "body": "max_chars": "offset": "fence": "limit": "\\\\ud800" "\\\\n"',
    seeds=_seeds,
    longest=1200,
    bound=1 << 20,
    within_s=PROGRAM_S,
    frames=(Frame(b'\0{"a":1', b"}"), Frame(b'\5{"mailbox":[', b"]}")),
    units=(b',"a"', b"1,", b'"a":1,', b"[],"),
    nests=((b"[", b"]"), (b'{"a":', b"}")),
)
def arguments(octets: bytes) -> None:
    """What the announced schema allows is taken, and means the same when said again; the rest is refused in one line."""
    try:
        given = json.loads(octets[1:])
        json.dumps(given).encode()
    except (ValueError, RecursionError):
        return
    if not isinstance(given, dict):
        return
    number = octets[0] % len(_TOOLS)
    tool = _TOOLS[number]
    said = {name: value for name, value in given.items() if value is not None}
    allowed = _SCHEMAS[number].is_valid(said)
    try:
        read = schema.read(tool.arguments, given, tool.strict)
    except msgspec.ValidationError as error:
        assert str(error) and not allowed, (tool.name, said, error)
        return
    again = msgspec.to_builtins(read)
    assert schema.read(tool.arguments, again, tool.strict) == read
    known = {field.encode_name for field in msgspec.structs.fields(tool.arguments)}
    for name in said.keys() & known:
        assert again[name] == said[name], (name, said)


class _Stream(trio.abc.Stream):
    """A server that says the input in pieces, then closes."""

    def __init__(self, octets: bytes, size: int) -> None:
        self._left = iter(pieces(octets, size))
        self.asked = b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """The question."""
        self.asked += data

    async def wait_send_all_might_not_block(self) -> None:
        """At once."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """The next piece; nothing at the end."""
        return next(self._left, b"")

    async def aclose(self) -> None:
        """Nothing is open."""


_HERE = VerifyHost("https", "a.test", 443, "/probe")


async def _answered(octets: bytes, size: int, sunk: list[bytes] | None = None) -> "httpget.Answer | str":
    def sink(piece: bytes, _length: int | None) -> None:
        assert sunk is not None
        sunk.append(piece)

    try:
        stream = _Stream(octets, size)
        return await httpget._exchange(stream, httpget._Question(_HERE, sink=None if sunk is None else sink))
    except Unreached as unreached:
        assert unreached.cause == "answer" and unreached.why.isprintable()
        return "no answer"
    except h11.RemoteProtocolError:
        return "no answer"


@target(
    "http-answer",
    "aimx/provision/httpget aimx/provision/verifyhost site-packages/h11/",
    b"HTTP/1.1~ 200~OK 302~Found 100~Continue 204~x 999~ \\r\\n \\n Content-Length:~ Transfer-Encoding:~chunked Location:~ https://a.test/ http://a.test/ //b.test/ /x https://a@b/ https://[::1]:8/ 0 5 -1 99999999999999999999 ;a=b ~ : \x00 \x80 Connection:~close",
    seeds=lambda: [
        b"\7HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"\7HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nA: b\r\n\r\n",
        b"\7HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nuntil the end",
        b"\7HTTP/1.1 302 Found\r\nLocation: https://b.test:8443/x?y=z\r\nContent-Length: 0\r\n\r\n",
        b"\7HTTP/1.1 307 x\r\nLocation: /else\r\n\r\n",
    ],
    longest=1200,
    bound=limits.HTTP_ANSWER_OCTETS,
    within_s=PROGRAM_S,
    cost=lambda octets: trio.run(_answered, octets, limits.READ_OCTETS),
    frames=(
        Frame(),
        Frame(b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n"),
        Frame(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Frame(b"HTTP/1.1 200 OK\r\n\r\n"),
    ),
    units=(b"1\r\na\r\n", b"A: b\r\n", b" a\r\n", b"HTTP/1.1 100 a\r\n\r\n"),
)
def http_answer(octets: bytes) -> None:
    """The same answer in any pieces, bounded, told to a sink as a body is; a redirect never leaves its scheme."""
    size, octets = step(octets)
    sunk: list[bytes] = []

    async def thrice() -> "list[httpget.Answer | str]":
        sizes = ((size, None), (len(octets) + 1, None), (size, sunk))
        return [await _answered(octets, *one) for one in sizes]

    answer, same, other = trio.run(thrice)
    assert answer == same
    if isinstance(answer, str):
        return
    assert len(answer.body) <= limits.HTTP_ANSWER_OCTETS and not isinstance(other, str)
    assert answer.body == (b"".join(sunk) if answer.status == 200 else other.body)
    if answer.redirects:
        with contextlib.suppress(Unreached):
            there = httpget._next(_HERE, answer.location)
            assert there.scheme == "https" and "@" not in str(there) and str(there).isprintable()


@target(
    "service-file",
    "aimx/effects/systemfiles aimx/provision/service/ /shlex.py",
    b"ExecStart= command= \\n \" ' \\\\ % %% $ ~ \\t # ; /opt/aimx \\r \xe2\x80\xa8 \xff \x1e",
    seeds=lambda: [
        b"/opt/aimx/bin/aimx",
        b"/srv/a b/aimx",
        b"/srv/'a\"b\\/%i/$x",
        b"\nExecStart=/a b\ncommand='\"/x y\"'\n",
    ],
    longest=600,
    bound=4096,  # of a path
    frames=(Frame(), Frame(b"\nExecStart="), Frame(b"\ncommand=")),
    units=(b"a ", b"''", b'"', b"\\", b"\n"),
    within_s=PROGRAM_S,
)
def service_file(octets: bytes) -> None:
    """Which program a service runs is read as it was written, or its path refused; from any other file it is one word."""
    home = Path(_tree.name)
    for service, made in ((systemd.Systemd(home), systemd.unit), (openrc.OpenRc(home), openrc.script)):
        service.path.parent.mkdir(parents=True, exist_ok=True)
        service.path.write_bytes(octets)
        assert "\n" not in service.runs()
        program = "/" + legal(octets).replace("\0", "")
        try:
            text = made((program,), Path("/etc/aimx"), Path("/var/lib/aimx"))
        except Failed as failed:
            assert failed.reason and any(character < " " for character in program)
            continue
        service.path.write_text(text, newline="")
        assert service.installed(text) and service.runs() == program, (service.runs(), program)


def _shown(octets: bytes) -> dict[str, str | None]:
    return logs._entry(octets.replace(b"\n", b" ") + b"\n")


@target(
    "journal-line",
    "aimx/cli/logs",
    b'{ } [ ] , : "MESSAGE": "__REALTIME_TIMESTAMP": "1769851800000000" "0" "-1" null true 1e999 NaN [104,255] [[104],"a"] [256] "a" "\\\\ud800" "\\\\u0000" "\\\\n" \xc3\xa4 \xff \xef\xbb\xbf \0 \r',
    seeds=lambda: [
        b'{"__REALTIME_TIMESTAMP":"1769851800000000","MESSAGE":"event=stopped"}',
        b'{"__REALTIME_TIMESTAMP":"1769851800000000","MESSAGE":[104,105,255]}',
        b'{"__REALTIME_TIMESTAMP":["1","2"],"MESSAGE":["a",[98]]}',
        b'["MESSAGE"]',
        b"-- No entries --",
    ],
    longest=600,
    within_s=PROGRAM_S,
    cost=_shown,
    frames=(
        Frame(),
        Frame(b'{"MESSAGE":"', b'"}'),
        Frame(b'{"MESSAGE":[1', b"]}"),
        Frame(b'{"__REALTIME_TIMESTAMP":"'),
    ),
    nests=((b"[", b"]"), (b'{"a":', b"}")),
    units=(b",1", b"1", b"a", b'"a":1,'),
)
def journal_line(octets: bytes) -> None:
    """Each line is shown, as one object of two fields: the message of an entry, at its time, or the line as it is."""
    shown = _shown(octets)
    assert "\n" not in json.dumps(shown) and list(shown) == ["at", "line"] and isinstance(shown["line"], str)
    try:
        said = json.loads(octets.replace(b"\n", b" "))
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        assert (
            shown["at"] is None
            and shown["line"].strip() == octets.replace(b"\n", b" ").decode(errors="replace").strip()
        )
        return
    message, since = said.get("MESSAGE"), said.get("__REALTIME_TIMESTAMP")
    assert shown["line"] == message or not isinstance(message, str)
    if isinstance(since, str) and since.isascii() and since.isdecimal() and len(since) < 17:
        assert shown["at"] is not None
        at = calendar.timegm(time.strptime(shown["at"], "%Y-%m-%dT%H:%M:%SZ"))
        assert at == int(since) // 1_000_000
