"""`aimx hooks runs`, `test` and `explain`: what became of hooks, and why."""

import argparse
from collections.abc import Sequence
from typing import Any

from aimx import limits
from aimx.cli import asking, diagnostics, output, parsing
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


def table(head: tuple[str, ...], rows: list[tuple[str, ...]], below: Sequence[Sequence[str]] = ()) -> None:
    """Columns as wide as they have to be, so that nothing is cut. `below`: lines that belong to each row."""
    cells = [tuple(map(shown, row)) for row in rows]
    widths = [max(len(row[column]) for row in (head, *cells)) for column in range(len(head))]
    for number, row in enumerate((head, *cells)):
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        output.write(line if number else output.bold(line))
        for text in below[number - 1] if number and below else ():
            output.write(f"    {shown(text)}")


def _email(options: argparse.Namespace) -> str | None:
    return options.id if options.email is None else options.email


# runs


def _runs_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--mailbox", metavar="NAME", help="only those of one mailbox of yours")
    add("--hook", metavar="NAME", help="only those of one hook")
    add("--email", "--id", dest="id", metavar="ID", help="only those for one email")
    most = limits.HOOK_RUNS_ROWS_MAX
    add(
        "--limit", metavar="N", type=parsing.count, default=most, help=f"how many of the last; default and most: {most}"
    )
    _json(parser, "the rows")


def _runs(options: argparse.Namespace) -> int:
    asked = asking.ask(options, HookRuns(options.mailbox, options.hook, options.id, options.limit), _WORK)
    if options.json:
        output.write_json(asked.response.body)
    elif rows := asked.value():
        _table(rows)
    else:
        output.write("No hook runs.")
    return 0


def _table(rows: list[dict[str, Any]]) -> None:
    table(
        ("CREATED", "HOOK", "MAILBOX", "EVENT", "EMAIL", "STATE", "EXIT", "MS", "CPU", "MEMORY", "NOTE"),
        [
            (row["created"], row["hook"], row["mailbox"], row["event"], row["email_id"] or "-", row["state"],
             _number(row["exit_code"]), _number(row["duration_ms"]), *_usage(row), _note(row))
            for row in rows
        ],
        [last_lines(row["stderr_tail"] or "") for row in rows],
    )  # fmt: skip


def _number(value: int | None, unit: str = "") -> str:
    return "-" if value is None else f"{value}{unit}"


def _usage(row: dict[str, Any]) -> tuple[str, str]:
    """Processor time and peak of memory; a daemon of another version may not tell them."""
    peak = row.get("peak_octets")
    return _number(row.get("cpu_ms"), " ms"), "-" if peak is None else f"{peak / limits.MIB:.1f} MiB"


def _note(row: dict[str, Any]) -> str:
    notes = ["test"] if row["test"] else []
    notes += ["timed out"] if row["timed_out"] else []
    notes += [row["reason"]] if row["reason"] else []
    return ", ".join(notes)


def last_lines(text: str) -> list[str]:
    """The end of what a hook wrote, as much of it as a table has room for."""
    lines = [line for line in text.splitlines() if line.strip()][-limits.HOOK_RUNS_LINES :]
    width = limits.HOOK_RUNS_LINE_CHARACTERS
    return [f"stderr: {line if len(line) <= width else line[: width - 1] + '…'}" for line in lines]


# explain


def _explain_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="HOOK", help="the hook")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--email", metavar="ID", help="the email, in the inbox or sent folder of the hook's mailbox")
    which.add_argument("id", metavar="ID", nargs="?", help="the same")
    _json(parser, "the explanation")


def _explain(options: argparse.Namespace) -> int:
    asked = asking.ask(options, HookExplain(options.name, _email(options) or ""), _WORK)
    if options.json:
        output.write_json(asked.response.body)
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
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--email", metavar="ID", help="for this email")
    which.add_argument("--sample", action="store_true", help="for a sample that nobody sent; so too without --email")
    which.add_argument("--id", metavar="ID", help="the same as --email")
    _json(parser, "the outcome")


def _test(options: argparse.Namespace) -> int:
    asked = asking.ask(options, HookTest(options.name, _email(options)), _WORK, limits.CLIENT_TEST_S)
    told = asked.value()
    fine = told["exit_code"] == 0 and not told["timed_out"] and told["reason"] is None
    if options.json:
        output.write_json(asked.response.body)
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
