"""Setup with nobody there: the command line has answered, or the question has an answer that harms nobody."""

from aimx.cli.setup_plain import DOMAIN_NEEDED
from aimx.cli.setup_teller import Teller
from aimx.errors import AnswerNeeded
from aimx.provision.setup.api import Check, Question, Ui, Watch


class Unattended(Teller, Ui):
    """Implements api.Ui. `yes`: what is grave was agreed to on the command line."""

    def __init__(self, yes: bool) -> None:
        super().__init__()
        self._yes = yes

    async def domain(self, offered: str | None, check: Check) -> str:  # noqa: ARG002  a seam
        """The configured one. Raises: AnswerNeeded without it."""
        if offered is None:
            raise AnswerNeeded(DOMAIN_NEEDED)
        return offered

    async def confirm(self, question: Question, back: bool = False) -> bool:  # noqa: ARG002  a seam
        """Raises: AnswerNeeded for what is grave and was not agreed to."""
        if question.grave and not self._yes:
            raise AnswerNeeded(f"{question.text} Nobody can be asked here: pass --yes")
        return question.grave or question.default

    async def senders(self, check: Check, back: bool = False) -> str:  # noqa: ARG002  a seam
        """Nobody; the story warns."""
        return ""

    async def records(self, watch: Watch, back: bool = False) -> bool:  # noqa: ARG002  a seam
        """One look: nobody is there to wait for."""
        self.table(watch)
        with self.working("Looking up the records"):
            seen = await watch.look()
        self.seen(seen)
        return seen.verified
