"""Small languages and texts for people: searches, cursors, addresses of resources, what a terminal is shown, units."""

import contextlib
import json
import re

import msgspec

from aimx import limits
from aimx.effects import unitstate
from aimx.errors import Refused, WireCode
from aimx.mcp import uris
from aimx.model import cursor
from aimx.model.address import folded
from aimx.model.query import Term
from aimx.policy import mailboxname, search, trust
from aimx.store import indexkey, layout
from aimx.wire import answers
from aimx.wire.frames import Response
from aimx_tui import safe
from tests.fuzz.target import PROGRAM_S, Frame, target
from tests.fuzz.targets.pieces import legal, one_safe_line, text


def _search(octets: bytes) -> None:
    try:
        search.query(search.Filter(), legal(octets), 1_744_727_422.0)
    except Refused:
        return


@target(
    "search",
    "aimx/policy/search aimx/mime/dates",
    b'from: to: subject: body: in:inbox in:sent in:thread: after:2025-04-15 before: since:7d is:unread has:attachment - " \\\\ * ~ : ( ) or AND \xc3\xa4 \x00 \xef\xbc\x9a thread:',
    seeds=lambda: [b'from:alice subject:"a b" -is:read after:2025-01-01 invoice*', b'has:attachment in:sent "x'],
    bound=1 << 17,
    cost=_search,
    frames=(Frame(), Frame(b'"'), Frame(b"from:"), Frame(b'from:"', b'"')),
    units=(b"a ", b"-a ", b"from:a ", b'"a" ', b'a"', b"\\"),
)
def searches(octets: bytes) -> None:
    """Words are a query or refused, naming the word; asked again they are the same."""
    source = legal(octets)
    try:
        found = search.query(search.Filter(), source, 1_744_727_422.0)
    except Refused as refused:
        _told(refused)
        return
    assert search.query(search.Filter(), source, 1_744_727_422.0) == found
    if len(found.terms) < limits.SEARCH_TERMS:
        for word, term in (("zq", Term("zq")), ("-zq", Term("zq", "", True)), ('-to:"z q"', Term("z q", "to", True))):
            asked = search.query(search.Filter(), f"{word} {source}", 1_744_727_422.0)
            assert asked == msgspec.structs.replace(found, terms=(term, *found.terms))


def _told(refused: Refused) -> None:
    """It can be answered with, on one line."""
    head = answers.encode_response(Response("error", code=WireCode.VALIDATION, reason=refused.reason))
    assert answers.decode_response(head).code == WireCode.VALIDATION


@target(
    "names",
    "aimx/model/ aimx/mcp/uris aimx/store/indexkey aimx/store/layout aimx/policy/",
    b"0123456789abcdef- aimx://mailbox/ /inbox/ /sent/ aimx://guide %2f %00 %c3%a4 2025-04-15-143022- - . .. / \xc3\xa4 \xc4\xb0 * @ *@ \\ ~ : +",
    seeds=lambda: [
        b"0123456789abcdef-7",
        b"aimx://mailbox/a/inbox/b",
        b"2025-04-15-143022-hello",
        b"*@example.com",
        b"a@b.test",
    ],
    longest=600,
    bound=1 << 16,
    frames=(Frame(), Frame(b"aimx://mailbox/"), Frame(b"*")),
    units=(b"a", b"*a", b"-", b"%41", b"\xc3\xa4"),
)
def names(octets: bytes) -> None:
    """Cursors, resources, ids, slugs and patterns: none raises, and what is read is written the same."""
    value = legal(octets)
    place = cursor.parse(value)
    assert place is None or cursor.parse(str(place)) == place
    found = uris.read(value)
    if isinstance(found, uris.Email):
        assert uris.read(uris.email(*found)) == found
        assert "/" not in found.id
    if isinstance(found, uris.Mailbox):
        assert uris.read(uris.mailbox(found.name)) == found
    slug = layout.slug(value)
    assert len(slug) <= limits.SLUG_CHARACTERS and layout.is_component(slug or "a")
    if layout.is_email_id(value):
        assert "/" not in value and "\0" not in value
    indexkey.place(value[:200])
    try:
        key = indexkey.read_cursor(value)
    except Refused:
        key = None
    assert key is None or indexkey.read_cursor(indexkey.cursor(key)) == key
    half = len(value) // 2
    _glob(value[:half], value[half:][: limits.AUTHOR_CHARACTERS])
    assert folded(folded(value)) == folded(value) or not value.isascii()
    try:
        mailboxname.check(value)
    except Refused as refused:
        _told(refused)
        return
    assert re.fullmatch(r"(?!\.)[a-z0-9._-]{1,64}(?<!\.)", value) and ".." not in value and value != "catchall"


def _glob(pattern: str, author: str) -> None:
    """As a regular expression says it; of few stars, which that is slow with."""
    wild = {"*": ".*", "?": "."}
    glob = re.sub(r"\*+", "*", pattern.strip().lower())
    found = trust.matches(pattern, author)
    if glob.count("*") <= 3:
        expression = "".join(wild.get(character) or re.escape(character) for character in glob)
        assert found == bool(re.fullmatch(expression, author.lower(), re.DOTALL))


@target(
    "terminal",
    "aimx_tui/safe aimx/cli/",
    b"\x1b[2J \x1b]8;; \x9b \x07 \\r \\n \\t \xe2\x80\xae \xe2\x80\xa8 \xed\xa0\x80 [red] [/] :smile: \xcc\x81 \xf3\xa0\x80\x81 \xc2\xad",
    seeds=lambda: [b"a\x1b[2J\xc2\x9bb\n", "é\u202e".encode()],
    bound=1 << 20,
    units=(b"a", b"\xcc\x81"),
    cost=lambda octets: safe.whole(text(octets)),
    within_s=PROGRAM_S,
)
def terminal(octets: bytes) -> None:
    """What is shown has line feeds and nothing else that a terminal obeys; markup is not read."""
    value = text(octets)
    for shown in (safe.shown(value), safe.whole(value)):
        assert shown.replace("\n", "").isprintable(), ascii(shown)
        assert safe.whole(shown) == shown
    assert safe.line(value).isprintable()
    assert safe.text(value).plain == safe.shown(value)
    assert len(safe.shown(value)) <= 10 * limits.TUI_TEXT_CHARACTERS + 1
    one_safe_line(safe.line(value))


_SHOWN = "".join(f"{name}=0\n" for name in unitstate.PROPERTIES).encode()


def _units(octets: bytes) -> None:
    value = text(octets)
    unitstate.variables(value)
    unitstate.told(value)
    unitstate.problem(None, value)
    with contextlib.suppress(ValueError):
        unitstate.seen(value)


@target(
    "unit-state",
    "aimx/effects/unitstate",
    b'LoadState=loaded\\n MainPID= \\n = {"MESSAGE_ID":"641257651c1b4ec9a8624d7a40a9e1e7","MESSAGE":"a~at~step~EXEC~b","ERRNO":"2"}\\n "ERRNO":"9999999999" "ERRNO":"-1" [ ] { } null \xc2\xb2 "\\\\ud800"',
    seeds=lambda: [
        _SHOWN,
        _SHOWN.replace(b"LoadState=0", b"LoadState=loaded"),
        b'{"MESSAGE_ID":"641257651c1b4ec9a8624d7a40a9e1e7","MESSAGE":"x at step EXEC y","ERRNO":"2"}\n',
    ],
    bound=limits.TOOL_OUTPUT_OCTETS,
    cost=_units,
    nests=((b"[", b"]"), (b'{"a":', b"}")),
    units=(b"a=b\n",),
)
def unit_state(octets: bytes) -> None:
    """What systemd tells of a unit is read as it is written, or is no answer; a journal never breaks anything."""
    value = text(octets)
    names = [line.partition("=")[0] for line in value.split("\n") if "=" in line]
    assert list(unitstate.variables(value)) == [name for name in names if name.isascii() and name.isidentifier()]
    _journal(value)
    begins = "\n" + value
    at = begins.find("\nFailed to find executable ")
    assert unitstate.is_missing(value) == (at >= 0 and ": " in begins[at:])
    assert unitstate.problem(None, value).startswith(("exec: ", "systemd-run: "))
    try:
        unit = unitstate.seen(value)
    except ValueError:
        return
    if unit is None:
        assert "\nLoadState=loaded\n" not in f"\n{value}\n" or value.count("LoadState=") > 1
        return
    assert unitstate.seen(_shown(unit)) == unit
    ended = unitstate.ended(unit)
    assert ended.lost == (unit.main_code == 0)
    assert not (unitstate.untouched(unit) and unit.stage in ("running", "stopping"))
    assert unitstate.problem(unit, value)


def _journal(value: str) -> None:
    entries = []
    for line in value.splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            entries.append(json.loads(line))
    entries = [entry for entry in entries if isinstance(entry, dict) and entry]
    failed = any(entry.get("MESSAGE_ID") == "641257651c1b4ec9a8624d7a40a9e1e7" for entry in entries)
    told = unitstate.told(value)
    assert (told.anything, bool(told.problem)) == (bool(entries), failed)
    assert told.problem.isprintable()


def _shown(unit: unitstate.Seen) -> str:
    """The unit as systemctl would write it."""
    numbers = (
        unit.main_pid, unit.main_code, unit.main_status, unit.main_start_us, unit.main_exit_us, int(unit.executed),
    )  # fmt: skip
    counts = ("[not set]" if count is None else count for count in (unit.cpu_ns, unit.peak_octets))
    values = ("loaded", unit.active, unit.sub, unit.result, *numbers, *counts, unit.control_group)
    return "".join(f"{name}={told}\n" for name, told in zip(unitstate.PROPERTIES, values, strict=True))
