"""A hook or a run of one, as text for a pane: everything that is known of it. Draws nothing, asks nothing."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from aimx import limits
from aimx_tui import safe
from aimx_tui.dash.hooks import words
from aimx_tui.dash.state import Mail

Told = dict[str, Any]
_LABEL = 11


def of_hook(hook: Told, runs: Sequence[Told]) -> Text:
    """What it is. `runs`: those of it that are known, for how the last one ended."""
    lines = [
        safe.text(hook["name"], "bold"),
        _fact("mailbox", hook["mailbox"]),
        _fact("event", words.event(hook["event"])),
        _fact("fires for", words.fires_in_full(hook)),
        _fact("command", words.command(hook["cmd"])),
        _fact("time limit", f"{hook['timeout_secs']} s"),
        _fact("made", words.origin(hook.get("origin"))),
    ]
    last = next((run for run in runs if run["hook"] == hook["name"]), None)
    ended = "none is known" if last is None else f"{words.moment(last['created'])} UTC  {words.outcome(last).text}"
    return Text("\n").join([*lines, _fact("last run", ended)])


def of_run(run: Told, mail: Mail | None) -> Text:
    """What became of it. `mail`: the message it was for, where that is loaded."""
    lines = [safe.text(words.outcome(run).text, "bold"), *_run(run, mail)]
    tail = str(run["stderr_tail"] or "")
    if run["state"] in ("done", "interrupted"):
        lines.append(Text("stderr:" if tail else "stderr: nothing"))
    lines += [safe.text(f"  {line}") for line in tail.splitlines()]
    return Text("\n").join(lines)


def _run(run: Told, mail: Mail | None) -> Iterator[Text]:
    yield _fact("hook", f"{run['hook']} on {run['mailbox']}, {run['event']}, run {run['run']}")
    yield _fact("email", run["email_id"] or "a send that left no record")
    if mail is not None:
        yield _fact("subject", safe.line(mail.subject))
    if run["reason"]:
        yield _fact("reason", run["reason"])
    yield _fact("created", f"{words.moment(run['created'])} UTC")
    if run["started"]:
        yield _fact("started", f"{words.moment(run['started'])} UTC")
    if run["ended"] and run["started"]:
        yield _fact("took", used(run))


def used(run: Told) -> str:
    """Time, processor time and memory."""
    took = words.took(run["duration_ms"])
    cpu = "not known" if run.get("cpu_ms") is None else words.took(run["cpu_ms"])
    return f"{took}; processor {cpu}; memory {words.memory(run.get('peak_octets'))}"


def of_test(told: Told) -> Text:
    """The outcome of a run that was asked for, with both of its outputs."""
    sample = told["email_id"] == "sample"
    lines = [
        safe.text(words.ended(told).text, "bold"),
        _fact("hook", f"{told['hook']} on {told['mailbox']}, run {told['run']}"),
        _fact("email", "a sample that nobody sent" if sample else told["email_id"]),
        _fact("took", used(told)),
    ]
    for name in ("stdout", "stderr"):
        tail = str(told[f"{name}_tail"])
        lines.append(Text(f"{name}:" if tail else f"{name}: nothing", style="bold"))
        lines += [safe.text(f"  {line}") for line in tail.splitlines()]
    return Text("\n").join(lines)


def of_explanation(told: Told) -> Text:
    """Every gate with its sign and why, then the verdict and what happened."""
    lines = [
        _fact("hook", f"{told['hook']} on {told['mailbox']}, {words.event(told['event'])}"),
        _fact("made", words.origin(told["origin"])),
        _fact("email", f"{told['email_id']} ({told['folder']})"),
        Text(),
        *_gates(told),
        Text(),
    ]
    runs = told["runs"]
    lines.append(Text("What happened:" if runs else "It has not run for this email, and does not wait to."))
    for run in runs[: limits.HOOK_RUNS_ROWS]:
        lines.append(safe.text(f"  {words.moment(run['created'])} UTC  {words.outcome(run).text}"))
    return Text("\n").join(lines)


def _gates(told: Told) -> Iterator[Text]:
    closed = ", ".join(gate["gate"] for gate in told["gates"] if gate["passes"] is False)
    verdict = f"✖ It would not fire now, because of: {closed}." if closed else "✔ It would fire now."
    yield safe.text(verdict, "bold")
    signs = {True: "✔ open  ", False: "✖ closed", None: "– no say"}
    width = max((len(gate["gate"]) for gate in told["gates"]), default=0)
    for gate in told["gates"]:
        line = f"{signs[gate['passes']]}  {gate['gate']:<{width}}  {gate['why']}  [{gate['source']}]"
        yield safe.text(line, "bold" if gate["passes"] is False else "")


def _fact(label: str, text: object) -> Text:
    return Text.assemble((f"{label:<{_LABEL}}", "dim"), safe.text(str(text)))
