"""What a worker remembers of the DNS, so that the mail of a busy sender needs no questions.

The resolver's cache is the authority (A5); this one repeats its answers for a short while and takes its clock from the
envelopes. Never holds anything of a message.
"""

from collections.abc import Iterator, Mapping

from aimx import limits
from aimx.model.dns import Answer, Question


class Memory:
    """Question → answer and when to forget it. Bounded."""

    def __init__(self) -> None:
        self._known: dict[Question, tuple[float, Answer]] = {}

    def learn(self, answers: tuple[Answer, ...], now: float) -> None:
        """Keep what may be kept: errors are always asked again."""
        for answer in answers:
            keep_s = min(answer.ttl_s, limits.DNS_WORKER_TTL_S)
            if answer.status == "temperror" or keep_s <= 0:
                continue
            if len(self._known) >= limits.DNS_WORKER_ENTRIES:
                self._known.clear()
            self._known[answer.question] = (now + keep_s, answer)

    def recall(self, question: Question, now: float) -> Answer | None:
        """The answer, if it is still fresh. A clock that was set back forgets."""
        expires, answer = self._known.get(question, (0.0, None))
        return answer if now < expires <= now + limits.DNS_WORKER_TTL_S else None


class Known(Mapping[Question, Answer]):
    """The answers for one message: its own first, then remembered ones, which stay the same until it is done."""

    def __init__(self, memory: Memory, now: float) -> None:
        self._memory = memory
        self._now = now
        self._own: dict[Question, Answer] = {}

    def add(self, answers: tuple[Answer, ...]) -> None:
        """The resolver's answers for this message."""
        self._own.update((answer.question, answer) for answer in answers)
        self._memory.learn(answers, self._now)

    def __getitem__(self, question: Question) -> Answer:
        answer = self._own.get(question)
        if answer is None:
            answer = self._memory.recall(question, self._now)
            if answer is None:
                raise KeyError(question)
            self._own[question] = answer
        return answer

    def __iter__(self) -> Iterator[Question]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)
