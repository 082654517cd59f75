"""events.md shows every event with its fields, every line of a stream, and the limits as they are."""

import json
import re
import typing

from aimx import limits
from aimx.daemon import watching
from aimx.model import cursor, event
from aimx.store.eventlog import Ends
from aimx.wire import answers
from aimx.wire.frames import Response
from tests.docs import pages
from tests.docs.pages import ROOT

PAGE = ROOT / "book" / "events.md"
OF_ALL = {"at", "mailbox", "owner_uid"}
EPOCH = "1f2e3d4c5b6a7988"


def _fields(kind) -> str:
    own = [name for name in kind.__struct_encode_fields__ if name not in OF_ALL]
    return ", ".join(f"`{name}`" for name in own) or "none"


def test_every_event_has_its_row():
    wanted = {f"`{kind.__struct_config__.tag}`": _fields(kind) for kind in typing.get_args(event.Event)}
    assert {row[0]: row[1] for row in pages.rows(PAGE, "## What is told")} == wanted


def test_the_stream_that_is_shown_is_one():
    (shown,) = [block.text for block in pages.blocks(PAGE) if block.text.startswith("AIMX/1")]
    head = answers.encode_response(Response("stream")).decode()
    assert shown.startswith(head)
    lines = [json.loads(line) for line in shown.removeprefix(head).splitlines()]
    assert [line["type"] for line in lines] == ["hello", "received", "heartbeat"]
    assert all(list(line)[:3] == ["cursor", "type", "at"] for line in lines)
    assert {cursor.parse(line["cursor"]).epoch for line in lines} == {EPOCH}
    assert lines[0]["heartbeat_s"] == limits.STREAM_HEARTBEAT_S
    assert list(lines[1])[3:] == ["mailbox", *event.Received.__struct_encode_fields__[3:]]


def test_the_reasons_of_a_gap_are_those_there_are():
    ends = Ends(10, 20)
    why = {watching.why_gap(place, ends, EPOCH) for place in (
        None, cursor.Cursor("0" * 16, 15), cursor.Cursor(EPOCH, 21), cursor.Cursor(EPOCH, 9)
    )}  # fmt: skip
    (row,) = [row[1] for row in pages.rows(PAGE, "## The stream") if row[0] == "`gap`"]
    assert set(re.findall(r"`([a-z-]+)` \(", row)) == why
    assert {watching.why_gap(cursor.Cursor(EPOCH, seq), ends, EPOCH) for seq in (10, 15, 20)} == {""}


def test_the_numbers_are_true():
    text = " ".join(PAGE.read_text().split())
    for said in (
        f"nothing for {limits.STREAM_HEARTBEAT_S:.0f} seconds",
        f"more than {limits.EVENTS_KEPT} events ago",
        f"takes nothing for {limits.STREAM_STALL_S:.0f} seconds",
        f"At most {limits.WATCHERS_PER_UID} streams of one user and {limits.WATCHERS} in all",
    ):
        assert said in text
