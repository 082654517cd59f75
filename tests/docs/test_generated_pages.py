"""Pages that are made from the program are what it says. `UPDATE_GOLDEN=1 nox -s docs` writes them anew."""

import importlib
import os
import pkgutil

import msgspec
import pytest

from aimx.model import event
from aimx.wire import codec, frames
from tests.docs import generated, pages
from tests.docs.generated import errors, events, frontmatter, limits
from tests.docs.pages import ROOT

PAGES = {
    "errors": "errors.md",
    "frames": "frames.md",
    "events": "event-types.md",
    "config": "config-schema.md",
    "frontmatter": "frontmatter.md",
    "limits": "limits.md",
    "agents": "agent-entries.md",
}


@pytest.mark.parametrize(("module", "name"), PAGES.items(), ids=PAGES)
def test_the_page_is_what_the_program_says(module, name):
    text = importlib.import_module(f"tests.docs.generated.{module}").page()
    path = ROOT / "book" / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text, "UPDATE_GOLDEN=1 nox -s docs writes it anew"


def test_every_generator_has_its_page():
    assert set(PAGES) == {one.name for one in pkgutil.iter_modules(generated.__path__)} - {"markup"}


@pytest.mark.parametrize("shape", frames.SHAPES, ids=lambda shape: shape.verb)
def test_requests_that_are_shown_are_requests(shape):
    (block,) = [
        one for one in pages.blocks(ROOT / "book" / "frames.md") if one.text.split("\n")[0] == f"AIMX/1 {shape.verb}"
    ]
    parser = codec.RequestParser()
    parser.feed(block.text.encode() + (b"\n" if block.text.endswith("}\n") else b""))
    assert type(parser.next_request()) is shape.frame


@pytest.mark.parametrize("kind", event.Event.__args__, ids=lambda kind: kind.__struct_config__.tag)
def test_events_that_are_shown_are_lines_of_the_stream(kind):
    told = msgspec.json.decode(events.line(kind))
    assert list(told)[:4] == ["cursor", "type", "at", "mailbox"]


def test_files_that_are_shown_have_the_fields_of_the_chapter():
    chapter = ROOT / "book" / "mailboxes-and-email.md"
    received = [row[0].strip("`") for row in pages.rows(chapter, "## The message file")]
    assert [key for key in frontmatter.fields(frontmatter.full()) if key != "attachments"] == received
    more = {row[0].strip("`") for row in pages.rows(chapter, "## Sent records")}
    assert set(frontmatter.fields(frontmatter.sent_full())) - set(received) == more | {"attachments"}


def test_the_page_of_errors_has_every_one():
    text = errors.page()
    assert all(
        f"| `{cls.__name__}` |" in text
        for cls in errors._tree(errors.AimxError)[1:]
        if cls is not errors.errors.DaemonRefused
    )


def test_units_are_those_of_the_names():
    names = ("SEARCH_S", "REPEAT_S", "MESSAGE_OCTETS", "EVENTS_KEPT", "SLUG_CHARACTERS")
    assert [limits.shown(name) for name in names] == ["1 second", "1 day", "25 MiB", "100,000", "20"]
