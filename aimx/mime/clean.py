"""Text hygiene (R7): what header values and file names lose before anybody sees them, what bodies keep.

Must never let a control character, a line separator or a lone surrogate into a header value.
"""

import re

from aimx import limits

# Bidi controls, Unicode tags, invisible format characters, surrogates.
_HIDDEN = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
UNWANTED = "\x00-\x1f\x7f-\x9f" + _HIDDEN  # and Cc; of these TAB is folded to a space first
_UNWANTED = re.compile(f"[{UNWANTED}]")
_INVISIBLE = re.compile(f"[{_HIDDEN}]")
_BLANKS = re.compile("[ \t\r\n]+")
_BREAKS = re.compile("[\r\f\v]")
# A body is data and stays faithful (joiners and direction marks belong to many scripts); but a control character is
# never text, and a terminal that shows the file must not obey it.
_NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ASCII_CONTROLS = bytes([*range(9), *range(11, 32), 127])
_C1 = re.compile(b"\xc2[\x80-\x9f]")  # in UTF-8


def one_line(text: str) -> str:
    """A header value as one trimmed line without control, bidi, tag or invisible format characters."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    return _BLANKS.sub(" ", _UNWANTED.sub("", _BLANKS.sub(" ", text))).strip()


def visible(text: str) -> str:
    """The text without the characters that nobody sees; blanks stay."""
    return text if text.isascii() and text.isprintable() else _UNWANTED.sub("", text)


def bare(text: str) -> str:
    """Text for those who obey what they read: as `body`, and nothing in it that its reader's user could not see."""
    return text if text.isascii() and text.isprintable() else _INVISIBLE.sub("", body(text))


def body(text: str) -> str:
    """Body text with LF line ends and each control character but TAB and LF as U+FFFD."""
    text = text.replace("\r\n", "\n")
    if "\r" in text or "\f" in text or "\v" in text:
        text = _BREAKS.sub("\n", text)
    if text.isascii():
        octets = text.encode()
        if len(octets.translate(None, _ASCII_CONTROLS)) == len(octets):
            return text
    elif text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return _NOT_TEXT.sub("\ufffd", text)


def is_body(text: str) -> bool:
    """Whether `body` would leave the text as it is; faster than that, and in pieces, so that other threads go on.

    Raises: UnicodeEncodeError for a lone surrogate.
    """
    size = limits.BODY_PIECE_CHARACTERS
    return all(_is_text(text[at : at + size]) for at in range(0, len(text), size))


def _is_text(piece: str) -> bool:
    octets = piece.encode()
    if len(octets.translate(None, _ASCII_CONTROLS)) != len(octets):
        return False
    return piece.isascii() or _C1.search(octets) is None
