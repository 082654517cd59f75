"""Change one member of an object in JSON5 text and no other octet: comments, order and layout stay (spec.json5.org).

Computes only. A text of strict JSON stays strict JSON.
"""

import json
import re
from typing import NamedTuple

from aimx import limits
from aimx.errors import Refused

_SPACE = re.compile(r"(?:[\s\ufeff]|//[^\n\r\u2028\u2029]*|/\*.*?\*/)*", re.DOTALL)
_LINES = re.compile(r"[\n\r\u2028\u2029]")
_BLANK_TO_THE_END = re.compile(r"[ \t]*\r?\n")
_STRING = re.compile(r"\"(?:[^\"\\\n\r]|\\(?:\r\n|.))*\"|'(?:[^'\\\n\r]|\\(?:\r\n|.))*'", re.DOTALL)
_IDENTIFIER = re.compile(r"(?:[\w$\u200c\u200d]|\\u[0-9a-fA-F]{4})+")
_SCALAR = re.compile(r"[^\s,:\[\]{}\"'/]+")
_LITERAL = re.compile(
    r"null|true|false|[+-]?(?:Infinity|NaN|0[xX][0-9a-fA-F]+|(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|\r\n|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


class NotJson5(Refused):
    """The text is no JSON5, or not the objects that it should be; the reason says where."""


class _Member(NamedTuple):
    """`key` with the place where it begins, its value, and the place after the comma that follows it, if one does."""

    key: str
    start: int
    value: "_Value"
    comma: int | None


class _Value(NamedTuple):
    """A value from `start` up to `end`. `members`: of an object; None for anything else."""

    start: int
    end: int
    members: tuple[_Member, ...] | None


def get(text: str, path: tuple[str, ...]) -> str | None:
    """The text of the value at that path of keys; None when there is none. Raises: NotJson5."""
    found = _find(text, path)
    return text[found.value.start : found.value.end] if found is not None else None


def put(text: str, path: tuple[str, ...], value: object) -> str:
    """The text with that value at that path; objects on the way are made.

    Args:
        text: JSON5 whose root is an object; one of blanks and comments counts as `{}`.
        value: what json.dumps takes.

    Raises: NotJson5.
    """
    if not _SPACE.sub("", text):
        text = f"{text.rstrip()}\n{{}}\n".lstrip()
    root = _root(text)
    holder, depth = root, 0
    while depth < len(path):
        member = _member(text, holder, path[depth])
        if member is None:
            break
        depth += 1
        if depth == len(path):
            fresh = _in_place(text, member.start, value, _unit(text, root))
            return text[: member.value.start] + fresh + text[member.value.end :]
        holder = _object(text, member.value, path[:depth])
    for key in reversed(path[depth + 1 :]):
        value = {key: value}
    return _added(text, root, holder, path[depth], value)


def remove(text: str, path: tuple[str, ...]) -> str:
    """The text without the member at that path; the same when there is none. Raises: NotJson5."""
    found = _find(text, path)
    if found is None:
        return text
    holder = _root(text)
    for depth, key in enumerate(path[:-1]):
        member = _member(text, holder, key)
        assert member is not None
        holder = _object(text, member.value, path[: depth + 1])
    members = holder.members or ()
    at = members.index(found)
    start, end = found.start, found.comma if found.comma is not None else found.value.end
    if _BLANK_TO_THE_END.match(text, end):  # its own line goes with it
        line = start - len(_indent(text, start))
        if text[line:start].strip(" \t") == "" and text[line - 1 : line] == "\n":
            start = line - (2 if text[line - 2 : line - 1] == "\r" else 1)
    before = members[at - 1] if at else None
    if at == len(members) - 1 and found.comma is None and before is not None and before.comma is not None:
        return text[: before.comma - 1] + text[before.comma : start] + text[end:]
    return text[:start] + text[end:]


def _find(text: str, path: tuple[str, ...]) -> _Member | None:
    if not _SPACE.sub("", text):
        return None
    holder = _root(text)
    member = None
    for depth, key in enumerate(path):
        member = _member(text, holder, key)
        if member is None:
            return None
        if depth < len(path) - 1:
            holder = _object(text, member.value, path[: depth + 1])
    return member


def _member(text: str, holder: _Value, key: str) -> _Member | None:
    found = [member for member in holder.members or () if member.key == key]
    if len(found) > 1:
        raise NotJson5(f"{key} stands there twice ({_line(text, found[1].start)})")
    return found[0] if found else None


def _object(text: str, value: _Value, path: tuple[str, ...]) -> _Value:
    if value.members is None:
        raise NotJson5(f"{'.'.join(path) or 'the whole'} is no object ({_line(text, value.start)})")
    return value


def _added(text: str, root: _Value, holder: _Value, key: str, value: object) -> str:
    """One more member, last in its object, laid out as the object is."""
    members, close = holder.members or (), holder.end - 1
    inner = text[holder.start : holder.end]
    unit = _unit(text, root)
    if members and _LINES.search(inner) is None:
        at = members[-1].value.end
        comma = "" if members[-1].comma is not None else ","
        last = members[-1].comma or at
        rest = text[last:close].rstrip()
        gap = text[last:close][len(rest) :]
        member = f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        return f"{text[:at]}{comma}{text[at:last]}{rest} {member}{gap}{text[close:]}"
    outer = _indent(text, holder.start)
    indent = _indent(text, members[0].start) if members else outer + unit
    newline = _newline(text)
    member = f"{indent}{json.dumps(key)}: {_written(value, newline + indent, unit)}"
    start = holder.start + 1
    content = text[start:close].rstrip()
    if members and members[-1].comma is None:
        at = members[-1].value.end - start
        content = f"{content[:at]},{content[at:]}"
    return f"{text[:start]}{content}{newline}{member}{newline}{outer}{text[close:]}"


def _in_place(text: str, at: int, value: object, unit: str) -> str:
    """A value of a member that begins there: over several lines only if the member has a line of its own."""
    line = max(text.rfind(end, 0, at) for end in "\n\r\u2028\u2029") + 1
    if line and not text[line:at].strip(" \t"):
        return _written(value, _newline(text) + _indent(text, at), unit)
    return json.dumps(value, ensure_ascii=False)


def _written(value: object, between: str, unit: str) -> str:
    """Over several lines, with that between them."""
    return json.dumps(value, indent=unit or "  ", ensure_ascii=False).replace("\n", between)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _indent(text: str, at: int) -> str:
    """The blanks that begin the line on which that place is."""
    line = text.rfind("\n", 0, at) + 1
    return text[line : line + len(text[line:]) - len(text[line:].lstrip(" \t"))]


def _unit(text: str, root: _Value) -> str:
    """What one level of the text is indented by; two blanks where nothing tells."""
    outer = _indent(text, root.start)
    for member in root.members or ():
        found = _indent(text, member.start).removeprefix(outer)
        if found and text[: member.start].rstrip(" \t").endswith("\n"):
            return found
    return "  "


def _line(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1}"


def _root(text: str) -> _Value:
    if len(text) > limits.AGENT_CONFIG_CHARS:
        raise NotJson5(f"it is longer than {limits.AGENT_CONFIG_CHARS} characters")
    start = _skip(text, 0)
    root = _value(text, start, 0)
    end = _skip(text, root.end)
    if end != len(text):
        raise _bad(text, end)
    return _object(text, root, ())


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _bad(text: str, at: int) -> NotJson5:
    what = "it ends too early" if at >= len(text) else f"{json.dumps(text[at])} is not expected"
    return NotJson5(f"{_line(text, at)}: {what}")


def _value(text: str, at: int, depth: int) -> _Value:
    if depth > limits.AGENT_CONFIG_DEPTH:
        raise NotJson5(f"{_line(text, at)}: nested deeper than {limits.AGENT_CONFIG_DEPTH} levels")
    match text[at : at + 1]:
        case "{":
            return _members(text, at, depth)
        case "[":
            return _items(text, at, depth)
        case '"' | "'":
            found = _STRING.match(text, at)
        case _:
            found = _SCALAR.match(text, at)
            if found is None or _LITERAL.fullmatch(found.group()) is None:
                raise _bad(text, at)
    if found is None:
        raise NotJson5(f"{_line(text, at)}: a string does not end")
    return _Value(at, found.end(), None)


def _members(text: str, at: int, depth: int) -> _Value:
    start, members = at, []
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        key, key_start = _STRING.match(text, at) or _IDENTIFIER.match(text, at), at
        if key is None:
            raise _bad(text, at)
        at = _skip(text, key.end())
        if text[at : at + 1] != ":":
            raise _bad(text, at)
        value = _value(text, _skip(text, at + 1), depth + 1)
        at = _skip(text, value.end)
        comma = at + 1 if text[at : at + 1] == "," else None
        members.append(_Member(_name(key.group()), key_start, value, comma))
        if comma is None:
            break
        at = _skip(text, comma)
    if text[at : at + 1] != "}":
        raise _bad(text, at)
    return _Value(start, at + 1, tuple(members))


def _items(text: str, at: int, depth: int) -> _Value:
    start = at
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        at = _skip(text, _value(text, at, depth + 1).end)
        if text[at : at + 1] != ",":
            break
        at = _skip(text, at + 1)
    if text[at : at + 1] != "]":
        raise _bad(text, at)
    return _Value(start, at + 1, None)


def _name(token: str) -> str:
    """The key that a token writes."""
    body = token[1:-1] if token[:1] in "\"'" else token
    return _ESCAPE.sub(_unescaped, body)


def _unescaped(found: "re.Match[str]") -> str:
    code = found.group(1)
    if code[0] in "ux" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code in ("\n", "\r", "\r\n", "\u2028", "\u2029"):
        return ""
    return _ESCAPED.get(code, code)
