"""Text hygiene (R7): what header values lose before anybody sees them."""

import re

# Cc except TAB (folded to a space first), bidi controls, Unicode tags, invisible format characters, surrogates.
_UNWANTED = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_BLANKS = re.compile("[ \t\r\n]+")


def one_line(text: str) -> str:
    """A header value as one trimmed line without control, bidi, tag or invisible format characters."""
    return _UNWANTED.sub("", _BLANKS.sub(" ", text)).strip()
