"""A hook or a run of one, as text for a pane: everything that is known of it. Draws nothing, asks nothing."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from aimx_tui import safe
from aimx_tui.dash.hooks import words
from aimx_tui.dash.state import Mail

Told = dict[str, Any]
_SIGNS = {True: ("✔", "open"), False: ("✖", "closed"), None: ("–", "no say")}


def of_hook(hook: Told, runs: Sequence[Told]) -> RenderableType:
    """What it is. `runs`: those of it that are known, for how the last one ended."""
    last = next((run for run in runs if run["hook"] == hook["name"]), None)
    ended = "none is known" if last is None else f"{words.moment(last['created'])} UTC  {words.outcome(last).text}"
    facts = [
        ("mailbox", hook["mailbox"]),
        ("event", words.event(hook["event"])),
        ("fires for", words.fires_in_full(hook)),
        ("command", words.command(hook["cmd"])),
        ("time limit", f"{hook['timeout_secs']} s"),
        ("made", words.origin(hook.get("origin"))),
        ("last run", ended),
    ]
    return Group(safe.text(hook["name"], "bold"), _table(facts))


def of_run(run: Told, mail: Mail | None) -> RenderableType:
    """What became of it. `mail`: the message it was for, where that is loaded."""
    parts: list[RenderableType] = [safe.text(words.outcome(run).text, "bold"), _table(_run(run, mail))]
    if run["state"] in ("done", "interrupted"):
        parts.append(_output("stderr", run["stderr_tail"]))
    return Group(*parts)


def _run(run: Told, mail: Mail | None) -> Iterator[tuple[str, str]]:
    yield "hook", f"{run['hook']} on {run['mailbox']}, {run['event']}, run {run['run']}"
    yield "email", run["email_id"] or "a send that left no record"
    if mail is not None:
        yield "subject", safe.line(mail.subject)
    if run["reason"]:
        yield "reason", run["reason"]
    yield "created", f"{words.moment(run['created'])} UTC"
    if run["started"]:
        yield "started", f"{words.moment(run['started'])} UTC"
    if run["ended"] and run["started"]:
        yield "took", words.used(run)


def of_test(told: Told) -> RenderableType:
    """The outcome of a run that was asked for, with both of its outputs."""
    facts = [
        ("hook", f"{told['hook']} on {told['mailbox']}, run {told['run']}"),
        ("email", "a sample that nobody sent" if told["email_id"] == words.SAMPLE else told["email_id"]),
        ("took", words.used(told)),
    ]
    outputs = [_output(name, told[f"{name}_tail"]) for name in ("stdout", "stderr")]
    return Group(safe.text(words.ended(told).text, "bold"), _table(facts), *outputs)


def of_explanation(told: Told) -> RenderableType:
    """The verdict, every gate with its sign and why, and what happened."""
    closed = ", ".join(gate["gate"] for gate in told["gates"] if gate["passes"] is False)
    verdict = f"✖ It would not fire now, because of: {closed}." if closed else "✔ It would fire now."
    facts = [
        ("hook", f"{told['hook']} on {told['mailbox']}, {words.event(told['event'])}"),
        ("made", words.origin(told["origin"])),
        ("email", f"{told['email_id']} ({told['folder']})"),
    ]
    runs = told["runs"]
    happened = [
        Text("What happened:" if runs else "It has not run for this email, and does not wait to."),
        *(safe.text(f"  {words.moment(run['created'])} UTC  {words.outcome(run).text}") for run in runs),
    ]
    return Group(safe.text(verdict, "bold"), _table(facts), Text(), _gates(told["gates"]), Text(), *happened)


def _gates(gates: Sequence[Told]) -> Table:
    table = Table.grid(padding=(0, 1))
    for _ in range(3):
        table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for gate in gates:
        sign, word = _SIGNS[gate["passes"]]
        why = safe.text(f"{gate['why']}  [{gate['source']}]")
        table.add_row(Text(sign), Text(word), safe.text(gate["gate"]), why, style="bold" if word == "closed" else "")
    return table


def _table(facts: Iterable[tuple[str, object]]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(ratio=1, overflow="fold")
    for label, text in facts:
        table.add_row(Text(label), safe.text(str(text)))
    return table


def _output(name: str, tail: str | None) -> Text:
    if not tail:
        return Text(f"{name}: nothing", style="dim")
    return Text("\n").join([Text(f"{name}:", style="bold"), *(safe.text(f"  {line}") for line in tail.splitlines())])
