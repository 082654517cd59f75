"""Lines and events of the log that pages show are the program's: event, level, and the fields in their order."""

import ast
import re
from typing import NamedTuple

import pytest

from tests.docs import pages
from tests.docs.pages import PAGES, ROOT

_LEVELS = {"info": "info", "warning": "warn", "error": "error"}
_FILES = [*(ROOT / "aimx").rglob("*.py"), *(ROOT / "aimx_tui").rglob("*.py")]


class Logged(NamedTuple):
    """One call that logs. `open`: further fields come by **."""

    level: str
    fields: tuple[str, ...]
    open: bool


def _calls() -> dict[str, list[Logged]]:
    found: dict[str, list[Logged]] = {}
    for path in _FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name not in (*_LEVELS, "say") or not isinstance(node.args[0].value, str):
                continue
            fields = tuple(word.arg for word in node.keywords if word.arg)
            found.setdefault(node.args[0].value, []).append(
                Logged(_LEVELS.get(name, "any"), fields, len(fields) < len(node.keywords))
            )
    return found


CALLS = _calls()
# A hook's run is told with the event of the hook; flows/fire.py makes that line.
_RUN = (ROOT / "aimx/flows/fire.py").read_text().split('"hook_name": task.hook.name', 1)[1].split("}", 1)[0]
NAMED = (  # what pages say of the log by its name alone
    ("configuration.md", "descriptor-limit", "warn"),
    ("configuration.md", "config-differs", "warn"),
    ("events.md", "events-not-logged", "error"),
    ("mailboxes-and-email.md", "duplicate", "info"),
    ("troubleshooting.md", "config-reload-failed", "error"),
    ("troubleshooting.md", "deletion-not-settled", "error"),
)
LINES = [
    (pages.name(page), line)
    for page in PAGES
    for line in re.findall(r"(?:level=\w+ )?(?:hook_name=\S+ )?event=[a-z][a-z_-]+[^`\n]*", page.read_text())
]


@pytest.mark.parametrize(("page", "line"), LINES)
def test_a_line_is_one_that_the_program_writes(page, line):
    event = re.search(r"event=([a-z_-]+)", line)[1]
    level = re.match(r"level=(\w+)", line)
    fields = re.findall(r"(?:^| )([a-z_]+)=", re.sub(r'"[^"]*"', '""', line.split(f"event={event}", 1)[1]))
    if line.startswith("level=info hook_name="):
        shown = re.findall(r"(?:^| )([a-z_]+)=", re.sub(r'"[^"]*"', '""', line))
        assert shown == ["level", "hook_name", *re.findall(r'"([a-z_]+)":', _RUN), "stderr_tail"]
        return
    assert event in CALLS, line
    assert any(_fits(call, level[1] if level else None, fields) for call in CALLS[event]), CALLS[event]


def _fits(call: Logged, level: str | None, fields: list[str]) -> bool:
    ordered = [field for field in call.fields if field in fields]
    return (level is None or call.level in (level, "any")) and (call.open or ordered == fields)


@pytest.mark.parametrize(("page", "event", "level"), NAMED, ids=[f"{page}: {event}" for page, event, _ in NAMED])
def test_an_event_that_is_named_alone_is_logged(page, event, level):
    assert f"`{event}`" in (ROOT / "book" / page).read_text()
    assert level in {call.level for call in CALLS[event]}


def test_there_are_some():
    assert len(LINES) > 5
