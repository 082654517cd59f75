"""Records and verdicts for people: doctor and `aimx dns` say the same in the same words."""

from collections.abc import Iterator

from aimx.cli import table
from aimx.cli.diagnostics import visible
from aimx.cli.style import Mark, Style
from aimx.cli.table import Column
from aimx.provision.records import Record, State, Verdict

_MARKS: dict[State, Mark] = {"ok": "ok", "warn": "warn", "wrong": "fail", "unknown": "skip"}
_COLUMNS = (Column("Type"), Column("Name"), Column("Value"))


def verdicts(found: tuple[Verdict, ...], style: Style) -> Iterator[str]:
    """A line for each, and the record to publish where one is named."""
    for verdict in found:
        yield from one(verdict, style)


def one(verdict: Verdict, style: Style) -> Iterator[str]:
    """The line of one verdict."""
    text = f" - {visible(verdict.why)}" if verdict.why and verdict.state != "ok" else ""
    yield f"{verdict.check}: {style.mark(_MARKS[verdict.state])}{text}"
    if verdict.record is not None:
        rtype, name, value = verdict.record
        yield f"  {style.mark('arrow')} Add: {rtype}  {name}  {visible(value)}"
    if verdict.check == "DKIM" and verdict.state == "wrong":
        yield style.paint("bad", "  !! signatures of outgoing mail fail at every receiver until the record is right")


def records(found: tuple[Record, ...]) -> list[str]:
    """A table in which every value stands whole: it is there to be copied."""
    return table.lines(_COLUMNS, [(record.rtype, record.name, record.value) for record in found], None)
