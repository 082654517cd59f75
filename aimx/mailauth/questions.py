"""What is known of the DNS while one message is verified, and what has to be asked next."""

from collections.abc import Mapping

from aimx import limits
from aimx.model.dns import Answer, Question, RecordType


class Asked:
    """The answers of one message; looking one up that is missing notes its question."""

    def __init__(self, answers: Mapping[Question, Answer], final: bool) -> None:
        self._answers = answers
        self._final = final
        self._missing: dict[Question, None] = {}
        self._hints: dict[Question, None] = {}

    def answer(self, name: str, rtype: RecordType) -> Answer | None:
        """The answer; None when it must be asked first. In the last round what is missing is a `temperror`."""
        question = Question(name, rtype)
        known = self._answers.get(question)
        if known is None:
            if self._final:
                return Answer(question, "temperror")
            self._missing[question] = None
        return known

    def hint(self, name: str, rtype: RecordType) -> None:
        """Ask this too, if anything must be asked; alone it does not make a round."""
        question = Question(name, rtype)
        if question not in self._answers:
            self._hints[question] = None

    def given_up(self, name: str, rtype: RecordType) -> Answer:
        """The answer, or a `temperror` where there is none: nothing more is asked."""
        question = Question(name, rtype)
        return self._answers.get(question) or Answer(question, "temperror")

    def missing(self) -> tuple[Question, ...]:
        """Every question noted, the necessary ones first, bounded; empty when none is necessary."""
        if not self._missing:
            return ()
        return tuple(self._missing | self._hints)[: limits.DNS_QUESTIONS]
