"""SMTP replies from octets (RFC 5321 section 4.2, RFC 2034): incremental, bounded, total.

Never raises for what a peer sends; text for people leaves here without control characters.
"""

import re

import msgspec

from aimx import limits

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?: |\Z)")


class Reply(msgspec.Struct, frozen=True):
    """One reply. `lines` are its texts, cleaned, without enhanced codes; `enhanced` is empty when there was none."""

    code: int
    enhanced: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it on one line, as a person is told."""
        words = (str(self.code), self.enhanced, *self.lines)
        return shortened(" ".join(word for word in words if word))


class Garbled(msgspec.Struct, frozen=True):
    """What came is no reply. Nothing after it can be trusted to belong to any command."""

    why: str


class ReplyParser:
    """Octets in, replies out. A line may end with LF alone: no other reader exists that could see it otherwise."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._code = b""
        self._lines: list[bytes] = []
        self._octets = 0
        self._garbled: Garbled | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is left over, not even part of a reply."""
        return not self._buffer and not self._lines

    def receive(self, octets: bytes | bytearray) -> None:
        """What the peer sent, cut anywhere."""
        if self._garbled is None:
            self._buffer += octets

    def next(self) -> Reply | Garbled | None:
        """The next reply; None until more octets come. After Garbled there is only Garbled."""
        while self._garbled is None:
            end = self._buffer.find(b"\n", self._searched)
            if end < 0:
                self._searched = len(self._buffer)
                if len(self._buffer) > limits.MX_REPLY_LINE_OCTETS:
                    return self._give_up("a reply line without end")
                return None
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            self._searched = 0
            last = self._take(line)
            if last:
                return self._reply()
        return self._garbled

    def _take(self, line: bytes) -> bool:
        """One line of a reply; whether it is the last one."""
        match = _LINE.fullmatch(line)
        self._octets += len(line)
        if match is None:
            self._give_up(f"not a reply: {shown(line[:80])}" if line else "an empty line instead of a reply")
        elif self._lines and match[1] != self._code:
            self._give_up(f"a reply of two codes: {shown(self._code)} and {shown(match[1])}")
        elif len(line) > limits.MX_REPLY_LINE_OCTETS or self._octets > limits.MX_REPLY_OCTETS:
            self._give_up("a reply that is too long")
        elif len(self._lines) >= limits.MX_REPLY_LINES:
            self._give_up("a reply of too many lines")
        else:
            self._code = match[1]
            self._lines.append(match[3] or b"")
            return match[2] != b"-"
        return False

    def _give_up(self, why: str) -> Garbled:
        self._garbled = Garbled(why)
        self._buffer.clear()
        self._lines.clear()
        return self._garbled

    def _reply(self) -> Reply:
        code, lines = int(self._code), [shown(line) for line in self._lines]
        self._lines, self._octets = [], 0
        enhanced = ""
        for number, line in enumerate(lines):
            match = _ENHANCED.match(line)
            if match is not None and match[1] == str(code)[0]:
                enhanced = enhanced or match[0].strip()
                lines[number] = line[match.end() :]
        return Reply(code, enhanced, tuple(lines))


def shown(octets: bytes) -> str:
    """A stranger's text for a record, a log or a terminal: no control, format or private character."""
    return "".join(
        c if c.isprintable() else " " if c == "\t" else "?" for c in octets.decode("utf-8", "replace")
    ).strip()


def shortened(text: str) -> str:
    """As much of a text as anybody needs."""
    return text if len(text) <= limits.MX_TEXT_CHARACTERS else text[: limits.MX_TEXT_CHARACTERS - 1] + "…"
