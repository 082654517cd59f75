"""One-time codes and links in the text of a message, for whoever waits for them. Guesses; never opens anything.

A code is a short word with a digit in it that stands near a word such as `code`, or alone on a line of a message that
speaks of one. Linear in the text, of which only the beginning is looked at.
"""

import re

from aimx import limits

_ABOUT = re.compile(
    r"\b(?:codes?|otp|pin|passcode|password|verif\w*|confirm\w*|one[- ]time|2fa|two[- ]factor|security|log ?in"
    r"|sign[- ]?in|authenticat\w*|token|einmal\w*|best(?:ä|ae)tigung\w*|sicherheits\w*|c(?:ó|o)digo|vérification)\b",
    re.IGNORECASE,
)
_CANDIDATE = re.compile(
    r"(?<![\w@#$€£¥%.,:/+=&?-])(?:[A-Z]{1,3}-\d{4,8}|\d{3}[ -]\d{3}|\d{4,8}|(?=[A-Z0-9]{0,9}\d)[A-Z0-9]{5,10})"
    r"(?![\w@$€£¥%/=-]|[.,:]\d)"
)
_YEAR = re.compile(r"(?:19|20)\d\d\Z")
_SAYS = re.compile(r"(?:\bis|:|=|→|->)\W{0,8}\Z", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s<>\"'`\\^{|}\x00-\x1f]+", re.IGNORECASE)
_AROUND = " \t*_`#>|-"  # of a code that stands alone on its line
_TRAILING = ".,;:!?*_~'\""
_CONFIRMS = re.compile(r"verif|confirm|activat|magic|token|reset|log-?in|sign-?in|auth|invit|otp|code=", re.IGNORECASE)


def codes(subject: str, body: str) -> tuple[str, ...]:
    """What may be one-time codes, the likeliest first, without the blanks or hyphens that group their digits."""
    text = f"{subject[: limits.CODE_CHARACTERS]}\n{_LINK.sub(' ', body[: limits.CODE_CHARACTERS])}"
    spoken = [match.span() for match in _ABOUT.finditer(text)]
    if not spoken:
        return ()
    scored: dict[str, tuple[int, int]] = {}
    at = 0
    for match in _CANDIDATE.finditer(text):
        while at + 1 < len(spoken) and spoken[at + 1][0] <= match.start():
            at += 1
        score = _score(text, match, spoken[at : at + 2])
        code = re.sub(r"(?<=\d)[ -](?=\d)", "", match[0])
        if score and (code not in scored or scored[code][0] < score):
            scored[code] = score, -match.start()
        if len(scored) > limits.CODE_CANDIDATES:
            break
    return tuple(sorted(scored, key=lambda code: scored[code], reverse=True)[: limits.CODES])


def _score(text: str, match: re.Match[str], spoken: list[tuple[int, int]]) -> int:
    """How likely it is one; 0: not at all."""
    start, end = match.span()
    before = any(0 <= start - behind <= limits.CODE_NEAR_CHARACTERS for _, behind in spoken)
    after = any(0 <= ahead - end <= limits.CODE_NEAR_CHARACTERS // 2 for ahead, _ in spoken)
    alone = _is_alone(text, start, end)
    says = _SAYS.search(text, max(0, start - limits.CODE_NEAR_CHARACTERS), start) is not None
    if not (before or after or alone) or (_YEAR.match(match[0]) and not (alone or (before and says))):
        return 0
    return 2 * before + after + 3 * alone + 2 * says + (6 <= end - start <= 8)


def _is_alone(text: str, start: int, end: int) -> bool:
    """Whether nothing else stands on its line. Looks no further than CODE_NEAR_CHARACTERS."""
    _, line_start, left = text[max(0, start - limits.CODE_NEAR_CHARACTERS) : start].rpartition("\n")
    right, line_end, _ = text[end : end + limits.CODE_NEAR_CHARACTERS].partition("\n")
    whole = (line_start or start == len(left)) and (line_end or end + len(right) == len(text))
    return bool(whole) and not left.strip(_AROUND) and not right.strip(_AROUND)


def links(body: str) -> tuple[str, ...]:
    """The addresses of links, those first that look as if they confirm something. They are never opened."""
    found: dict[str, None] = {}
    for match in _LINK.finditer(body[: limits.CODE_CHARACTERS]):
        link = _trimmed(match[0])
        if len(link) <= limits.LINK_CHARACTERS:
            found.setdefault(link)
        if len(found) >= limits.CODE_CANDIDATES:
            break
    return tuple(sorted(found, key=lambda link: _CONFIRMS.search(link) is None)[: limits.LINKS])


def _trimmed(link: str) -> str:
    """Without what ends the sentence, or the Markdown around it."""
    while link and (link[-1] in _TRAILING or (link[-1] in ")]" and _unopened(link))):
        link = link[:-1]
    return link


def _unopened(link: str) -> bool:
    closing = link[-1]
    return link.count(closing) > link.count({")": "(", "]": "["}[closing])
