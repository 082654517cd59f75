"""What became of a letter, from the daemon's answer: for each recipient where that can be told apart. Computes only.

A server's words are a stranger's: what could be read in two ways is shown as it came.
"""

import re
from typing import Literal, NamedTuple

from aimx.errors import WireCode
from aimx.model.address import folded
from aimx.model.domain import a_label
from aimx.policy import verdict
from aimx.wire.frames import Response

State = Literal["delivered", "partial", "failed", "deferred", "unknown", "lost", "conflict", "refused"]
SIGNS = {"delivered": "✓", "failed": "✗", "deferred": "◌", "unknown": "?"}
_ADVICE: dict[State, str] = {
    "delivered": "",
    "partial": "Ctrl+N keeps only those who do not have it.",
    "failed": "Nobody has it. What you change and send now is a letter of its own.",
    "deferred": "Nothing was delivered; later it may work. Ctrl+S tries again.",
    "unknown": "Look into the Sent list before you send it again; Ctrl+N sends this as a letter of its own.",
    "lost": "Nobody knows whether it left. Ctrl+S asks again, and never sends it twice.",
    "conflict": "An earlier text of this draft may have been sent: the Sent list tells. "
    "Ctrl+N sends this one as a letter of its own.",
    "refused": "Nothing was sent.",
}
TITLES: dict[State, str] = {
    "delivered": "✓ Delivered",
    "partial": "✗ Not delivered to everybody",
    "failed": "✗ Not delivered",
    "deferred": "◌ Not delivered yet",
    "unknown": "? It may have been delivered",
    "lost": "? No answer",
    "conflict": "✗ Not sent: the text is not the one that was sent before",
    "refused": "✗ Not sent",
}
# With these, what became of it is known: whatever is sent next is another wish.
SETTLED: frozenset[State] = frozenset({"delivered", "partial", "failed"})
# Sent as it is, or once more: both have to be meant.
ANEW: frozenset[State] = frozenset({"partial", "unknown", "conflict"})


class Row(NamedTuple):
    """One recipient. `result` is one of SIGNS; `reply`: the words of his server, or the daemon's."""

    rcpt: str
    result: str
    reply: str = ""


class Outcome(NamedTuple):
    """Of one attempt. `rows` is empty where only `text` is known."""

    state: State
    rows: tuple[Row, ...] = ()
    text: str = ""
    message_id: str = ""

    @property
    def title(self) -> str:
        """In a word, with its sign."""
        return TITLES[self.state]

    @property
    def advice(self) -> str:
        """What to do next."""
        return _ADVICE[self.state]

    @property
    def without(self) -> list[str]:
        """Who does not have it."""
        return [row.rcpt for row in self.rows if row.result != "delivered"]


def of(response: Response, recipients: list[str]) -> Outcome:
    """Of the daemon's answer to a letter to these recipients."""
    if response.kind != "error":
        rows = tuple(Row(rcpt, "delivered") for rcpt in recipients)
        return Outcome("delivered", rows, message_id=response.note)
    state, text = _state(str(response.code), response.reason)
    if state in ("refused", "conflict"):
        return Outcome(state, text=text)
    return Outcome(state, _rows(state, text, recipients), text)


def _state(code: str, reason: str) -> tuple[State, str]:
    if reason.startswith(verdict.UNKNOWN):
        return "unknown", reason.removeprefix(verdict.UNKNOWN).removeprefix("; ")
    if reason.startswith(verdict.PARTIAL):
        return "partial", reason.removeprefix(verdict.PARTIAL).removeprefix("; ")
    known: dict[str, State] = {WireCode.DELIVERY: "failed", WireCode.TEMP: "deferred", WireCode.ECONFLICT: "conflict"}
    return known.get(code, "refused"), reason


def _rows(state: State, text: str, recipients: list[str]) -> tuple[Row, ...]:
    if len(recipients) == 1:
        return (Row(recipients[0], state if state in SIGNS else "failed", text),)
    words = "|".join(SIGNS)
    found: list[tuple[int, int, str, str]] = []
    for rcpt in recipients:
        hits = list(re.finditer(rf"(?:^|; ){re.escape(_wire(rcpt))}: ({words})(?=: |; |$)", text, re.IGNORECASE))
        if len(hits) != 1:
            return ()  # left out of a long answer, or written into his answer by somebody else's server
        found.append((hits[0].start(), hits[0].end(), rcpt, hits[0][1]))
    found.sort()
    ends = [start for start, *_ in found[1:]] + [len(text)]
    told_of = zip(found, ends, strict=True)
    read = {rcpt: Row(rcpt, said.lower(), text[end:to].removeprefix(": ")) for (_, end, rcpt, said), to in told_of}
    return tuple(read[rcpt] for rcpt in recipients)


def _wire(rcpt: str) -> str:
    """As the daemon names it: the domain in ASCII."""
    local, _, domain = rcpt.rpartition("@")
    return f"{local}@{domain if domain.isascii() else a_label(domain) or folded(domain)}"


def lines(outcome: Outcome) -> list[str]:
    """For the screen: what, for whom, in whose words, what next. Untrusted text is in it."""
    told = [
        f"  {SIGNS[row.result]} {': '.join(filter(None, (row.rcpt, row.result, row.reply)))}" for row in outcome.rows
    ]
    if not outcome.rows and outcome.text:
        told = [f"  {outcome.text}"]
    return [outcome.title, *told, *filter(None, [outcome.advice])]
