"""Which messages are wanted? The headers of a list and the words of a search, as one Query.

A list is a search without words. Whatever does not fit is refused by name and place; nothing is guessed.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from aimx import limits
from aimx.errors import Refused
from aimx.model.delivery import Folder
from aimx.model.query import Query, Term, TermField
from aimx.policy import moments

FOLDERS: dict[str, Folder | None] = {"inbox": "inbox", "sent": "sent", "all": None}
FIELDS = ("from", "to", "subject", "has", "is", "in", "after", "before", "thread")
_TERM_FIELDS: dict[str, TermField] = {"from": "from", "to": "to", "subject": "subject", "": ""}
_SAME = {"since": "after"}  # as the header calls it
_FIELD = re.compile(r"([A-Za-z][A-Za-z_-]*):(?!//)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_BARE = re.compile(r"\S+")
_SPACE = re.compile(r"\s*")
_THREAD = re.compile(r"[0-9a-f]{16}\Z")


class Filter(NamedTuple):
    """The headers that narrow a list. None asks nothing."""

    folder: str | None = None
    unread: bool | None = None
    has_attachment: bool | None = None
    from_: str | None = None
    to: str | None = None
    subject: str | None = None
    since: str | None = None
    before: str | None = None
    thread: str | None = None
    text: str | None = None


class Word(NamedTuple):
    """One word of a search and the place of its first character, counted from 1."""

    text: str
    field: str
    value: str
    negated: bool
    place: int


def query(narrowing: Filter, text: str, now: float) -> Query:
    """What is asked for by headers and words together. Raises: Refused."""
    asked = _Asked(now)
    for field, value in (
        ("in", narrowing.folder), ("from", narrowing.from_), ("to", narrowing.to), ("subject", narrowing.subject),
        ("after", narrowing.since), ("before", narrowing.before), ("thread", narrowing.thread), ("", narrowing.text),
    ):  # fmt: skip
        if value is not None:
            asked.take(field, value, False, f"{_header(field)} '{value}'")
    if narrowing.unread is not None:
        asked.flag("unread", narrowing.unread, "Unread")
    if narrowing.has_attachment is not None:
        asked.flag("has_attachment", narrowing.has_attachment, "Has-Attachment")
    for word in words(text):
        asked.take(word.field, word.value, word.negated, f"'{word.text}' at character {word.place} of the search")
    return asked.query()


def _header(field: str) -> str:
    return {"in": "Folder", "after": "Since", "": "Text"}.get(field, field.capitalize())


def words(text: str) -> Iterator[Word]:
    """The words of a search: `value`, `"several words"`, `field:value`, `field:"several words"`, each after `-` or not.

    Raises: Refused.
    """
    at = _match(_SPACE, text, 0).end()
    while at < len(text):
        start = at
        negated = text[at] == "-"
        at += negated
        field = _FIELD.match(text, at)
        at = field.end() if field else at
        if text[at : at + 1] == '"':
            quoted = _QUOTED.match(text, at)
            if quoted is None:
                raise Refused(
                    f'the quote at character {at + 1} of the search has no end; write \\" for a quote in a quote'
                )
            at, value = quoted.end(), _ESCAPE.sub(r"\1", quoted[1])
        else:
            bare = _BARE.match(text, at)
            at, value = (bare.end(), bare[0]) if bare else (at, "")
        yield Word(text[start:at], _name(field[1]) if field else "", value, negated, start + 1)
        at = _match(_SPACE, text, at).end()


def _match(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    match = pattern.match(text, at)
    assert match is not None
    return match


def _name(field: str) -> str:
    return _SAME.get(field.lower(), field.lower())


class _Asked:
    """What has been asked so far."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._folder: list[Folder | None] = []
        self._flags: dict[str, bool] = {}
        self._since: float | None = None
        self._before: float | None = None
        self._thread = ""
        self._terms: list[Term] = []

    def query(self) -> Query:
        """All of it."""
        return Query(
            folder=self._folder[0] if self._folder else "inbox",
            unread=self._flags.get("unread"),
            has_attachment=self._flags.get("has_attachment"),
            since=self._since,
            before=self._before,
            thread=self._thread,
            terms=tuple(self._terms),
        )

    def take(self, field: str, value: str, negated: bool, what: str) -> None:
        """One word or header. `what` is what it is called in a refusal. Raises: Refused."""
        if field not in FIELDS and field:
            known = ", ".join(f"{name}:" for name in FIELDS)
            raise Refused(f"{what} has no field of ours; there are {known}; in quotes it is looked for as text")
        if not value:
            raise Refused(f"{what} needs a value")
        if field in _TERM_FIELDS:
            self._term(_TERM_FIELDS[field], value, negated, what)
        elif field in ("after", "before"):
            self._time(value, (field == "after") != negated, what)
        elif field == "is":
            self._choice(value, {"unread": True, "read": False}, "unread", negated, what)
        elif field == "has":
            self._choice(value.removesuffix("s"), {"attachment": True}, "has_attachment", negated, what)
        elif negated:
            raise Refused(f"{what} cannot be negated")
        elif field == "in":
            self._in(value, what)
        else:
            self._in_thread(value, what)

    def _term(self, field: TermField, value: str, negated: bool, what: str) -> None:
        if not any(character.isalnum() for character in value):
            raise Refused(f"{what} holds no letter or digit")
        if len(self._terms) == limits.SEARCH_TERMS:
            raise Refused(f"more than {limits.SEARCH_TERMS} words to look for")
        self._terms.append(Term(value, field, negated))

    def _time(self, value: str, since: bool, what: str) -> None:
        at = moments.moment(value, self._now)
        if at is None:
            raise Refused(f"{what} names no date; write {moments.WAYS}")
        if since:
            self._since = at if self._since is None else max(at, self._since)
        else:
            self._before = at if self._before is None else min(at, self._before)

    def _choice(self, value: str, choices: dict[str, bool], flag: str, negated: bool, what: str) -> None:
        if value.lower() not in choices:
            raise Refused(f"{what} is unknown; there is {' or '.join(choices)}")
        self.flag(flag, choices[value.lower()] != negated, what)

    def flag(self, name: str, value: bool, what: str) -> None:
        """A yes or no. Raises: Refused when the other was asked for before."""
        if self._flags.setdefault(name, value) != value:
            raise Refused(f"{what} contradicts what stands before it")

    def _in(self, value: str, what: str) -> None:
        folder = value.lower()
        if folder not in FOLDERS:
            raise Refused(f"{what} is no folder; there is {' or '.join(FOLDERS)}")
        if self._folder and self._folder[0] != FOLDERS[folder]:
            raise Refused(f"{what} contradicts what stands before it")
        self._folder = [FOLDERS[folder]]

    def _in_thread(self, value: str, what: str) -> None:
        thread = value.lower()
        if not _THREAD.match(thread):
            raise Refused(f"{what} is no thread_id; it has 16 hexadecimal digits, as in the frontmatter")
        if self._thread and self._thread != thread:
            raise Refused(f"{what} contradicts what stands before it")
        self._thread = thread
