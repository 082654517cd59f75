"""Answers kept by their TTL: least recently used leave first, bounded in number and in octets. Reads no clock."""

from collections import OrderedDict

from aimx import limits
from aimx.model.dns import Answer, Question

_OVERHEAD_OCTETS = 300  # the objects around one record's text, measured


class AnswerCache:
    """Positive, negative and failed answers with the time until which each is a hit."""

    def __init__(self, entries: int = limits.DNS_CACHE_ENTRIES, octets: int = limits.DNS_CACHE_OCTETS) -> None:
        self._entries = entries
        self._octets = octets
        self._held = 0
        self._known: OrderedDict[Question, tuple[float, Answer]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, question: Question, now: float) -> Answer | None:
        """The answer while it lasts."""
        entry = self._known.get(question)
        if entry is None:
            return None
        expires, answer = entry
        if expires <= now:
            self._drop(question)
            return None
        self._known.move_to_end(question)
        return answer

    def put(self, answer: Answer, now: float) -> None:
        """Keep an answer for its TTL; a TTL of zero is never kept (RFC 1035 section 3.2.1)."""
        if answer.ttl_s <= 0:
            return
        if answer.question in self._known:
            self._drop(answer.question)
        self._known[answer.question] = (now + answer.ttl_s, answer)
        self._held += _cost(answer)
        while len(self._known) > self._entries or self._held > self._octets:
            self._drop(next(iter(self._known)))

    def clear(self) -> None:
        """Forget everything: other servers may answer otherwise."""
        self._known.clear()
        self._held = 0

    def _drop(self, question: Question) -> None:
        _, answer = self._known.pop(question)
        self._held -= _cost(answer)


def _cost(answer: Answer) -> int:
    records = sum(_OVERHEAD_OCTETS + len(record) for record in answer.records)
    return _OVERHEAD_OCTETS + len(answer.question.name) + records
