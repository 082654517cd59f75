"""Setup by plain questions, one after the other: without a screen, on any terminal, or from a pipe.

The end of input answers what has a harmless answer; what has none is an error that names the option.
"""

from aimx import limits
from aimx.cli import prompt
from aimx.cli.setup_teller import Teller
from aimx.errors import AnswerNeeded, Failed
from aimx.provision.setup import texts
from aimx.provision.setup.api import Check, Note, Question, SetupCancelled, Ui, Watch

DOMAIN_NEEDED = "which domain? Nobody can be asked here: pass it, as in `sudo aimx setup agent.example.com`"


class Plain(Teller, Ui):
    """Implements api.Ui. There is no way back to an earlier question."""

    async def domain(self, offered: str | None, check: Check) -> str:
        """Raises: SetupCancelled; AnswerNeeded at the end of input."""
        while True:
            for text in texts.DOMAIN_PROMPT:
                self.say(text)
            typed = prompt.line(f"[{offered}] > " if offered is not None else "> ")
            if typed is None and offered is None:
                raise AnswerNeeded(DOMAIN_NEEDED)
            if not typed:
                if offered is None:
                    raise SetupCancelled(texts.NO_DOMAIN)
                return offered
            refusal = check(typed)
            if refusal is None:
                return typed
            self.tell(Note("fail", refusal))

    async def confirm(self, question: Question, back: bool = False) -> bool:  # noqa: ARG002  a seam
        """Raises: AnswerNeeded at the end of input, for what is grave."""
        while True:
            hint = "[Y/n]" if question.default else "[y/N]"
            typed = prompt.line(f"{question.text} {hint} ")
            if typed is None and question.grave:
                raise AnswerNeeded(f"{question.text} Nobody can be asked here: pass --yes")
            if typed is None:
                return question.default
            if question.grave:
                return prompt.is_yes(typed)
            meant = prompt.agrees(typed, question.default)
            if meant is not None:
                return meant
            self.tell(Note("fail", "Type y or n."))

    async def senders(self, check: Check, back: bool = False) -> str:  # noqa: ARG002  a seam
        """Raises: Failed when what is typed is wrong again and again."""
        for text in texts.SENDERS_PROMPT:
            self.say(text)
        refusal: str | None = ""
        for _ in range(limits.SENDERS_ATTEMPTS):
            typed = prompt.line("> ") or ""
            refusal = check(typed)
            if refusal is None:
                return typed
            self.tell(Note("fail", refusal))
        raise Failed(f"{limits.SENDERS_ATTEMPTS} times no list of senders; the last one: {refusal}")

    async def records(self, watch: Watch, back: bool = False) -> bool:  # noqa: ARG002  a seam
        """Enter looks, `q` puts it off; so does the end of input."""
        self.table(watch)
        while True:
            self.say(f"{texts.PRESS_ENTER}\n{texts.PRESS_Q}")
            typed = prompt.line("> ")
            if typed is None or typed.lower() in ("q", "quit"):
                return False
            with self.working("Looking up the records"):
                seen = await watch.look()
            self.seen(seen)
            if seen.verified:
                return True
            self.tell(Note("warn", texts.NOT_YET))
            self.say(f"  {texts.PROPAGATION}")
