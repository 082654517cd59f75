"""`aimx hooks runs`, `test` and `explain`: what became of hooks, and why."""

import argparse
from typing import Any

from aimx import limits
from aimx.cli import asking, diagnostics, output
from aimx.cli.parsing import Sub
from aimx.errors import Exit
from aimx.wire.frames import HookExplain, HookRuns, HookTest

_WORK = "hook runs"
_MARKS = {True: "pass", False: "FAIL", None: "-"}
_ORIGINS = {"mcp": "created over the socket", "operator": "set up by the operator"}


def _json(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON")


def shown(text: str) -> str:
    """A text of somebody else's for one place in a line."""
    return diagnostics.visible(text).replace("\n", "\\x0a")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Columns as wide as they have to be, so that nothing is cut."""
    cells = [tuple(map(shown, row)) for row in rows]
    widths = [max(len(row[column]) for row in (head, *cells)) for column in range(len(head))]
    for number, row in enumerate((head, *cells)):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        output.write(line if number else output.bold(line))


# runs


def _runs_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--mailbox", metavar="NAME", help="only those of one mailbox of yours")
    add("--hook", metavar="NAME", help="only those of one hook")
    add("--id", metavar="ID", help="only those for one email")
    add("--limit", metavar="N", type=int, default=limits.HOOK_RUNS_ROWS, help="how many, up to 500 [default: 50]")
    _json(parser, "the rows")


def _runs(options: argparse.Namespace) -> int:
    asked = asking.ask(options, HookRuns(options.mailbox, options.hook, options.id, options.limit), _WORK)
    if options.json:
        output.write(asked.response.body.decode())
    elif rows := asked.value():
        _table(rows)
    else:
        output.write("No hook runs.")
    return 0


def _table(rows: list[dict[str, Any]]) -> None:
    table(
        ("CREATED", "HOOK", "MAILBOX", "EVENT", "EMAIL", "STATE", "EXIT", "MS", "NOTE"),
        [
            (row["created"], row["hook"], row["mailbox"], row["event"], row["email_id"] or "-", row["state"],
             _number(row["exit_code"]), _number(row["duration_ms"]), _note(row))
            for row in rows
        ],
    )  # fmt: skip


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _note(row: dict[str, Any]) -> str:
    notes = ["test"] if row["test"] else []
    notes += ["timed out"] if row["timed_out"] else []
    notes += [row["reason"]] if row["reason"] else []
    return ", ".join(notes)


# explain


def _explain_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="HOOK", help="the hook")
    parser.add_argument("id", metavar="ID", help="the email, in the inbox or the sent folder of the hook's mailbox")
    _json(parser, "the explanation")


def _explain(options: argparse.Namespace) -> int:
    asked = asking.ask(options, HookExplain(options.name, options.id), _WORK)
    if options.json:
        output.write(asked.response.body.decode())
        return 0
    told = asked.value()
    where = f"{told['event']} on mailbox {told['mailbox']}, {_ORIGINS.get(told['origin'], told['origin'])}"
    output.write(shown(f"Hook {told['hook']} ({where})"))
    output.write(shown(f"Email {told['email_id']} ({told['folder']})"))
    output.write()
    width = max(len(gate["gate"]) for gate in told["gates"])
    for gate in told["gates"]:
        line = (
            f"  {_MARKS[gate['passes']]:<4}  {shown(gate['gate']):<{width}}  {shown(gate['why'])}  [{gate['source']}]"
        )
        output.write(output.yellow(line) if gate["passes"] is False else line)
    output.write()
    closed = ", ".join(gate["gate"] for gate in told["gates"] if gate["passes"] is False)
    output.write(shown(f"It would not fire now: {closed}." if closed else "It would fire now."))
    if told["runs"]:
        output.write("What happened:")
        _table(told["runs"])
    else:
        output.write("It has not run for this email, and does not wait to.")
    return 0


# test


def _test_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="HOOK", help="the hook")
    parser.add_argument("--id", metavar="ID", help="for this email; without it, for a sample that nobody sent")
    _json(parser, "the outcome")


def _test(options: argparse.Namespace) -> int:
    asked = asking.ask(options, HookTest(options.name, options.id), _WORK, limits.CLIENT_TEST_S)
    told = asked.value()
    fine = told["exit_code"] == 0 and not told["timed_out"] and told["reason"] is None
    if options.json:
        output.write(asked.response.body.decode())
        return Exit.OK if fine else Exit.FAILED
    end = "timed out" if told["timed_out"] else told["reason"] or f"exit code {told['exit_code']}"
    line = shown(f"Hook {told['hook']} ran for {told['email_id']}: {end} after {told['duration_ms']} ms")
    output.good(line) if fine else output.write(output.yellow(line))
    for name in ("stdout", "stderr"):
        tail = told[f"{name}_tail"]
        output.write(f"{name}:" if tail else f"{name}: nothing")
        for text in tail.splitlines():
            output.write(f"  {shown(text)}")
    return Exit.OK if fine else Exit.FAILED


SUBCOMMANDS = (
    Sub("runs", "Show past, running and waiting runs of hooks", _runs_arguments, _runs),
    Sub("test", "Run a hook now and show how it ended", _test_arguments, _test),
    Sub("explain", "Explain why a hook fires for an email, or does not", _explain_arguments, _explain),
)
