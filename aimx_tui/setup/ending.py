"""What stays on the normal screen when the wizard has gone: the checklist, what to look at, what to do next. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from aimx.provision.setup import texts
from aimx.provision.setup.api import Note
from aimx.provision.setup.steps import SYMBOLS, Checklist, Key
from aimx_tui import safe

Notes = Mapping[Key, Sequence[Note]]
_SIGNS = {"ok": ("✓ ", "[OK] "), "warn": ("⚠ ", "[WARN] "), "fail": ("✗ ", "[FAIL] "), "hint": ("→ ", "[>] ")}
_WORDS = {"pending": "", "progress": "interrupted", "done": "done", "skipped": "skipped", "handoff": "handoff",
          "failed": "failed"}  # fmt: skip


def lines(checklist: Checklist, notes: Notes, signs: bool) -> list[str]:
    """All of it. `signs`: the reader has more than ASCII."""
    complete = checklist.line("agents").state == "handoff"
    found = [texts.FINISHED if complete else texts.WELCOME, ""]
    for line in checklist.lines:
        word = _WORDS[line.state]
        if line.state == "skipped" and line.reason:
            word = f"{word}: {safe.line(line.reason)}"
        found.append(f"  {SYMBOLS[line.state][0 if signs else 1]} {line.step.title}{f' ({word})' if word else ''}")
    failed = [line.step.key for line in checklist.lines if line.state == "failed"]
    for key, told in notes.items():
        kinds = ("ok", "warn", "fail", "hint", "text") if key in failed else ("warn", "fail", "hint")
        if key != "agents":
            found += _block(told, kinds, signs)
    if complete:
        found += _block(notes.get("agents", ()), ("ok", "text", "command"), signs)
    return found


def _block(notes: Iterable[Note], kinds: tuple[str, ...], signs: bool) -> list[str]:
    found = []
    for note in notes:
        if note.kind in kinds:
            sign = _SIGNS.get(note.kind, ("", ""))[0 if signs else 1]
            found.append(f"{sign}{safe.shown(note.text)}")
    return ["", *found] if found else []
