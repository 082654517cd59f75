"""Structured field values: media types, dispositions and their parameters (RFC 2045 section 5.1, 2183, 2231).

Must never raise: what does not fit the grammar is skipped. Every expression is possessive, so every cost is linear.
"""

import re

from aimx.mime import charset

_COMMENT_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|\\.|[()]|[^"\\()]++|["\\]', re.DOTALL)
_TYPE = re.compile(r"\s*+([A-Za-z0-9!#$&^_.+-]{1,127})(?:\s*+/\s*+([A-Za-z0-9!#$&^_.+-]{1,127}))?")
_PARAMETER = re.compile(r""";\s*+([^\s=;"<>@,\\\[\]?]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^;]*+))""", re.DOTALL)
# Only these two: `filename="C:\\new\\x.txt"` is a path that nobody escaped.
_QUOTED_PAIR = re.compile(r'\\(["\\])')
_SECTION = re.compile(r"([^*]++)(?:\*(\d{1,4}))?(\*)?\Z")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_STRUCTURED_OCTETS = 65_536  # no media type needs more; its tokens cost time each
_PARAMETERS = 2000  # pieces of RFC 2231 continuations included

Typed = tuple[str, dict[str, str]]


def text(raw: bytes) -> str:
    """A raw value as unfolded text; octets that are not UTF-8 become lone surrogates, so that nothing is lost yet."""
    value = raw.removesuffix(b"\r").decode("utf-8", "surrogateescape")
    return _FOLD.sub("", value) if "\n" in value else value


def latin(value: str) -> str:
    """Text in which octets that were not UTF-8 are read as windows-1252 (a raw 8-bit header)."""
    if value.isascii():
        return value
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return charset.decode(value.encode("utf-8", "surrogateescape"), None)
    return value


def without_comments(value: str) -> str:
    """The value without its (nested) comments (RFC 5322 section 3.2.2)."""
    if "(" not in value:
        return value
    pieces, depth = [], 0
    for token in _COMMENT_TOKEN.findall(value):
        if token == "(":
            depth += 1
        elif token == ")" and depth:
            depth -= 1
        elif not depth:
            pieces.append(token)
    return "".join(pieces)


def content_type(raw: bytes | None, default: str) -> Typed:
    """`type/subtype` in lower case and the parameters; the default when there is no readable type."""
    if raw is None:
        return default, {}
    return _typed(raw, default, True)


def disposition(raw: bytes | None) -> Typed:
    """`attachment`, `inline`, … in lower case and the parameters; an empty word when there is none."""
    if raw is None:
        return "", {}
    return _typed(raw, "", False)


def _typed(raw: bytes, default: str, slash: bool) -> Typed:
    value = without_comments(text(raw[:_STRUCTURED_OCTETS]))
    match = _TYPE.match(value)
    if match is None or (slash and match[2] is None):
        word, rest = default, value
    else:
        word, rest = (f"{match[1]}/{match[2]}" if slash else match[1]), value[match.end() :]
    return word.lower(), parameters(rest) if ";" in rest else {}


def parameters(value: str) -> dict[str, str]:
    """Parameters by lower-case name: the first of equal ones; RFC 2231 forms joined, decoded and preferred."""
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for count, match in enumerate(_PARAMETER.finditer(value)):
        if count >= _PARAMETERS:
            break
        quoted, token = match[2], match[3]
        item = _QUOTED_PAIR.sub(r"\1", quoted) if quoted is not None else token.rstrip()
        section = _SECTION.match(match[1].lower())
        if section is None:
            continue
        name, index, encoded = section.groups()
        if index is None and encoded is None:
            plain.setdefault(name, item)
        else:
            pieces.setdefault(name, {}).setdefault(int(index or 0), (item, encoded is not None))
    for name, sections in pieces.items():
        plain[name] = _joined(sections)
    return plain


def _joined(sections: dict[int, tuple[str, bool]]) -> str:
    """RFC 2231 section 3 and 4: consecutive sections from 0; the first one may name charset and language."""
    octets, label = bytearray(), "utf-8"
    for index in range(len(sections)):
        if index not in sections:
            break
        item, encoded = sections[index]
        if encoded:
            if index == 0 and item.count("'") >= 2:
                label, _, item = item.split("'", 2)
            octets += _PERCENT.sub(lambda match: bytes([int(match[1], 16)]), item.encode("utf-8", "surrogateescape"))
        else:
            octets += item.encode("utf-8", "surrogateescape")
    return charset.decode(bytes(octets), label or None)
