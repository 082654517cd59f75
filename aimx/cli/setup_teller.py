"""What setup says without a screen: notes, the checklist, what is being done now. Asks nothing."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from aimx import limits
from aimx.cli import output
from aimx.cli.diagnostics import visible
from aimx.cli.style import Mark, Role, Style
from aimx.provision.records import Verdict
from aimx.provision.setup.api import Note, Seen, Watch
from aimx.provision.setup.steps import SYMBOLS, Checklist, Line, State

_MARKS: dict[str, Mark] = {"ok": "ok", "warn": "warn", "fail": "fail", "hint": "arrow"}
_ROLES: dict[State, Role] = {
    "pending": "dim", "progress": "head", "done": "good", "skipped": "dim", "handoff": "head", "failed": "bad",
}  # fmt: skip
_ENDED: tuple[State, ...] = ("done", "skipped", "handoff", "failed")
_TYPE_WIDTH, _NAME_WIDTH = 5, 44  # reference 4.3
_ERASE = "\r\x1b[K"


class Teller:
    """Everything that api.Ui says; to stdout, questions and errors apart."""

    def __init__(self) -> None:
        self._style = Style()
        self._checklist = Checklist()
        self._lock = threading.Lock()
        self._moving = ""  # what stands on the terminal's last line and goes again

    def say(self, text: str = "") -> None:
        """A line, or several."""
        with self._lock:
            self._erase()
            output.write(visible(text) if not self._style.coloured else text)

    def checklist(self, checklist: Checklist) -> None:
        """How the step ended that has just ended; then all of them."""
        changed = [new for old, new in zip(self._checklist.lines, checklist.lines, strict=True) if old != new]
        self._checklist = checklist
        ended = [line for line in changed if line.state in _ENDED]
        for line in ended:
            self.say(self._end(line))
        if ended or not changed:
            self.say("\n" + "\n".join(self._row(line) for line in checklist.lines))

    def _end(self, line: Line) -> str:
        number, why = line.step.number, visible(line.reason)
        if line.state == "failed":  # the whole of it is the error at the end
            return f"{self._style.mark('fail')} Step {number} failed."
        if line.state == "skipped":
            return f"{self._style.mark('warn')} Step {number} skipped ({why})."
        return f"{self._style.mark('ok')} Step {number} complete."

    def _row(self, line: Line) -> str:
        symbol, word = SYMBOLS[line.state]
        reason = f" ({visible(line.reason)})" if line.state == "skipped" and line.reason else ""
        text = f"  {symbol if self._style.coloured else word} {line.step.number}. {line.step.title}{reason}"
        return self._style.paint(_ROLES[line.state], text)

    def tell(self, note: Note) -> None:
        """A note with its mark."""
        text = visible(note.text)
        if note.kind == "title":
            self.say("\n" + self._style.paint("head", text))
        elif note.kind == "command":
            self.say("\n    " + self._style.paint("head", text.strip()) + "\n")
        elif note.kind == "text":
            self.say(f"  {text}")
        else:
            mark = self._style.mark(_MARKS[note.kind])
            self.say(f"  {mark} " + text.replace("\n", "\n    "))

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Says it, and on a terminal the seconds once there is one."""
        if not output.colour():
            self.say(f"{what}...")
            yield
            return
        ended = threading.Event()
        thread = threading.Thread(target=self._count, args=(what, ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            with self._lock:
                self._erase()

    def _count(self, what: str, ended: threading.Event) -> None:
        begun = time.monotonic()
        self._show(f"{what}...")
        while not ended.wait(limits.PROGRESS_S):
            self._show(f"{what}... {int(time.monotonic() - begun)} s")

    def _show(self, text: str) -> None:
        with self._lock:
            self._erase()
            self._moving = text
            sys.stdout.write(f"{_ERASE}{text}")
            sys.stdout.flush()

    def _erase(self) -> None:
        if self._moving:
            self._moving = ""
            sys.stdout.write(_ERASE)
            sys.stdout.flush()

    def table(self, watch: Watch) -> None:
        """The records to publish."""
        rows = [("TYPE", "NAME", "VALUE"), *((one.rtype, one.name, one.value) for one in watch.zone.records)]
        self.say("\nAdd these DNS records at your domain registrar:\n")
        for rtype, name, value in rows:
            self.say(f"  {rtype:<{_TYPE_WIDTH}} {visible(name):<{_NAME_WIDTH}} {visible(value)}")
        self.say()

    def seen(self, seen: Seen) -> None:
        """What was found, record by record; what to add where that is known."""
        for verdict in seen.verdicts:
            self.say(f"  {verdict.check}: {self._style.mark(_mark(verdict))}{self._why(verdict)}")
            if verdict.state == "wrong" and verdict.record is not None:
                rtype, name, value = verdict.record
                self.say(f"    {self._style.mark('arrow')} Add: {rtype}  {visible(name)}  {visible(value)}")
        self.say(self._style.paint("dim", f"  Asked: {visible(seen.servers)}"))

    def _why(self, verdict: Verdict) -> str:
        return f" - {visible(verdict.why)}" if verdict.why else ""


def _mark(verdict: Verdict) -> Mark:
    marks: dict[str, Mark] = {"ok": "ok", "warn": "warn", "wrong": "fail", "unknown": "skip"}
    return marks[verdict.state]
