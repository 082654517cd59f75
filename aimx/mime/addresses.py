"""Address lists (RFC 5322 section 3.4 with its obsolete forms, RFC 6532): text to mailboxes.

Lenient for display, strict for trust: `sound` says that nothing had to be guessed. Must never raise; linear.
"""

import re
from typing import NamedTuple

from aimx import limits
from aimx.mime import clean, structured, words

_TOKEN = re.compile(
    r'(?P<quoted>"(?:[^"\\]|\\.)*+"?)|(?P<special>[()<>,;:@\[\]\\])|(?P<blank>\s++)|(?P<atom>[^\s"()<>,;:@\[\]\\]++)',
    re.DOTALL,
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_ATOM = r"[^\s\x00-\x20\x7f\"(),.:;<>@\[\]\\]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
# U+3002, U+FF0E and U+FF61 are dots to IDNA and letters to nobody else.
_LABEL = r"[A-Za-z0-9_\u00a1-\u3001\u3003-\uff0d\uff10-\uff60\uff62-\uffdc\U00010000-\U000dffff-]+"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
# Nearly every field there is: read at once, with the result that the long way gives.
_PLAIN_SPEC = r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
_PLAIN = re.compile(rf"[ \t]*(?:([A-Za-z0-9]+(?: [A-Za-z0-9]+)*)[ \t]*<({_PLAIN_SPEC})>|({_PLAIN_SPEC}))[ \t]*\Z")
_PLAIN_CHARACTERS = 300
_PARENTHESIS = re.compile(r"[()\\]")
_NAME_SPECIALS = re.compile(r'[()<>\[\]:;@\\,"]')


class Mailbox(NamedTuple):
    """One address with its display name (both cleaned). `sound`: written without any doubt about the addr-spec."""

    name: str
    addr_spec: str
    sound: bool

    def __str__(self) -> str:
        name = self.name
        if not name or not self.addr_spec:
            return name or self.addr_spec
        if _NAME_SPECIALS.search(name):  # quoted, so that whoever reads the field again finds the same address
            name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{name} <{self.addr_spec}>"


class Listing(NamedTuple):
    """The mailboxes of one field. `sound`: no group, no control character, no stray syntax between them."""

    mailboxes: tuple[Mailbox, ...]
    sound: bool


class _Reader:
    """What was seen of the list, and of the current mailbox."""

    def __init__(self) -> None:
        self.found: list[Mailbox] = []
        self.sound = True
        self.restart()

    def restart(self) -> None:
        """Forget the current mailbox."""
        self.phrase: list[tuple[str, str]] = []  # what stands before, or instead of, an angle-addr
        self.comments: list[str] = []
        self.angle: list[str] | None = None
        self.closed = False
        self.doubtful = False

    @property
    def inside(self) -> bool:
        """Between `<` and `>`."""
        return self.angle is not None and not self.closed

    def finish(self) -> None:
        """End of one mailbox: a comma, a semicolon, or the end."""
        if self.angle is not None or any(kind != "blank" for kind, _ in self.phrase):
            self.found.append(self._mailbox())
        self.restart()

    def _mailbox(self) -> Mailbox:
        words_ = [
            _QUOTED_PAIR.sub(r"\1", token[1:].removesuffix('"')) if kind == "quoted" else token
            for kind, token in self.phrase
        ]
        display = clean.one_line(words.decode(" ".join("".join(words_).split())))
        written = "".join(token for _, token in self.phrase).strip()
        if self.angle is None:
            if "@" not in written:
                return Mailbox(display, "", False)
            spec, exact = _addr_spec(written)
            return Mailbox(self._comment(), spec, exact and not self.doubtful)
        spec, exact = _addr_spec("".join(self.angle))
        exact = exact and self.closed and not self.doubtful
        if any(token == "@" for _, token in self.phrase) and display != spec:
            exact = False  # a second address without quotes: readers disagree about which one it is
        return Mailbox(display or self._comment(), spec, exact)

    def _comment(self) -> str:
        return clean.one_line(words.decode(" ".join(self.comments)))

    def add(self, kind: str, token: str) -> None:
        """One token outside comments that does not end the mailbox."""
        if token == "<":
            self.doubtful = self.doubtful or self.angle is not None
            self.angle, self.closed = [], False
        elif token == ">":
            self.doubtful = self.doubtful or not self.inside
            self.closed = True
        elif token == ":" and self.angle is not None:  # an obsolete source route: the address is what follows
            self.doubtful = True
            self.angle.clear()
        elif self.angle is not None and not self.closed:
            self.angle.append(token)
        elif self.closed:
            self.doubtful = self.doubtful or kind != "blank"
        else:
            torn = kind == "quoted" and (len(token) < 2 or not token.endswith('"'))
            self.doubtful = self.doubtful or torn or token == "\\"
            self.phrase.append((kind, token))

    def comment(self, text: str) -> None:
        """A whole comment; inside an angle-addr it hides what is read."""
        self.comments.append(text)
        if self.inside:
            self.doubtful = True
        elif self.angle is None:
            self.phrase.append(("blank", " "))


def _addr_spec(text: str) -> tuple[str, bool]:
    """An addr-spec as one token, and whether it is plainly dot-atom@domain exactly as it stood."""
    text = text.strip()
    spec = clean.one_line(structured.latin(text))
    local, at, domain = spec.rpartition("@")
    exact = spec == text and at == "@" and "=?" not in spec and _DOMAIN.match(domain) is not None
    if len(local) > 2 and local[0] == local[-1] == '"':
        content = _QUOTED_PAIR.sub(r"\1", local[1:-1])
        if _DOT_ATOM.match(content):
            return f"{content}@{domain}", exact
    return spec, exact and _DOT_ATOM.match(local) is not None


def read(value: str) -> Listing:
    """The mailboxes of an unfolded address-list value; at most `limits.ADDRESSES` of them."""
    plain = _PLAIN.match(value) if len(value) <= _PLAIN_CHARACTERS else None
    if plain is not None:
        return Listing((Mailbox(plain[1] or "", plain[2] or plain[3], True),), True)
    return _read_tokens(value)


def _read_tokens(value: str) -> Listing:
    reader, depth = _Reader(), 0
    comment: list[str] = []
    reader.sound = _CONTROLS.search(value) is None
    for match in _TOKEN.finditer(value):
        kind, token = str(match.lastgroup), match[0]
        if depth or token == "(":
            depth += {"(": 1, ")": -1}.get(token, 0)
            comment.append(token)
            # Readers that know no quotes in comments, or no escapes, end this comment elsewhere.
            reader.doubtful = reader.doubtful or (_PARENTHESIS.search(token) is not None and kind == "quoted")
            reader.doubtful = reader.doubtful or token == "\\"
            if not depth:
                reader.comment("".join(comment)[1:-1])
                comment = []
        elif token in (",", ";") and not reader.inside:
            reader.sound = reader.sound and token == ","
            reader.finish()
            if len(reader.found) >= limits.ADDRESSES:
                return Listing(tuple(reader.found), False)
        elif token == ":" and reader.angle is None:  # the display name of a group
            reader.sound = False
            reader.restart()
        elif token == ")":
            reader.doubtful = True
        else:
            reader.add(kind, token)
    reader.doubtful = reader.doubtful or depth > 0
    reader.finish()
    return Listing(tuple(reader.found), reader.sound)
