"""Hooks in the text of config.toml: which are there, one more, one less; every other line stays as it is (S5).

Hooks stand there in two ways, as `[[mailboxes.x.hooks]]` and as an array of inline tables; both are edited as they are
found. A result that does not say exactly what was asked for is refused: nothing is ever nearly right. Reads no file.
"""

import re
import secrets
import tomllib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Array, InlineTable, Item, Table

from aimx.config import naming
from aimx.errors import ConfigInvalid
from aimx.model.config import Hook
from aimx.model.hook import Written

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_BY_HAND = "config.toml cannot be edited without touching other lines; edit it by hand"


def hooks(text: str) -> tuple[Written, ...]:
    """All hooks of a file, in its order. Raises: ConfigInvalid."""
    return tuple(written for _, _, written in _each(_values(text)))


def owner(text: str, mailbox: str) -> str | None:
    """Who owns a mailbox; None: no such mailbox. Raises: ConfigInvalid."""
    found = _mailboxes(_values(text)).get(mailbox)
    return str(found.get("owner")) if isinstance(found, dict) else None


def added(text: str, mailbox: str, hook: Hook, document: Any = None) -> str:
    """The file with one more hook, the last of its mailbox. Raises: ConfigInvalid.

    `document`: the text as it was parsed already; it is of no use afterwards.
    """
    wanted = _values(text)
    _mailboxes(wanted)[mailbox].setdefault("hooks", []).append(_fields(hook))
    return _checked(wanted, lambda: _add(document or tomlkit.parse(text), text, mailbox, hook))


def removed(text: str, mailbox: str, name: str, document: Any = None) -> str:
    """The file without the hook of this effective name. `document`: as for `added`. Raises: ConfigInvalid."""
    wanted = _values(text)
    index = next(index for box, index, written in _each(wanted) if (box, written.name) == (mailbox, name))
    kept = _mailboxes(wanted)[mailbox]["hooks"]
    del kept[index]
    if not kept:
        del _mailboxes(wanted)[mailbox]["hooks"]
    return _checked(wanted, lambda: _remove(document or tomlkit.parse(text), text, mailbox, index))


class File(NamedTuple):
    """A file as text, and as it was parsed already."""

    text: str
    document: Any


def by_text(change: Callable[[File], str]) -> Callable[[Any], str]:
    """An edit of a document, given as one of its text."""
    return lambda document: change(File(tomlkit.dumps(document), document))


# What a file says


def _values(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigInvalid(f"config.toml is not valid TOML: {error}") from error


def _mailboxes(values: dict[str, Any]) -> dict[str, Any]:
    found = values.get("mailboxes", {})
    return found if isinstance(found, dict) else {}


def _each(values: dict[str, Any]) -> Iterator[tuple[str, int, Written]]:
    """Mailbox, index and hook; what is no hook is for validation to refuse."""
    for mailbox, table in _mailboxes(values).items():
        tables = table.get("hooks", []) if isinstance(table, dict) else []
        for index, hook in enumerate(tables if isinstance(tables, list) else []):
            written = _written(mailbox, hook) if isinstance(hook, dict) else None
            if written is not None:
                yield mailbox, index, written


def _written(mailbox: str, hook: dict[str, Any]) -> Written | None:
    event, cmd, name = hook.get("event"), hook.get("cmd"), hook.get("name")
    if not isinstance(event, str) or not isinstance(cmd, list) or not all(isinstance(word, str) for word in cmd):
        return None
    effective = (
        name if isinstance(name, str) else naming.derived(event, tuple(cmd), bool(hook.get("fire_on_untrusted")))
    )
    return Written(mailbox, effective, event, tuple(cmd))


def _fields(hook: Hook) -> dict[str, Any]:
    """The keys of a new hook; what has its default is not written."""
    fields: dict[str, Any] = {"name": hook.name} if hook.explicit_name else {}
    fields |= {"event": hook.event, "cmd": list(hook.cmd)}
    usual = Hook(hook.name, hook.event, hook.cmd)
    for key in ("fire_on_untrusted", "timeout_secs", "skip_automated"):
        if getattr(hook, key) != getattr(usual, key):
            fields[key] = getattr(hook, key)
    return fields


# How it is changed


def _checked(wanted: dict[str, Any], change: Callable[[], str]) -> str:
    try:
        result = change()
        found = tomllib.loads(result)
    except (TOMLKitError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigInvalid(_BY_HAND, detail=f"{type(error).__name__}: {error}") from error
    for values in (found, wanted):
        for mailbox in _mailboxes(values).values():
            if isinstance(mailbox, dict) and mailbox.get("hooks") == []:
                del mailbox["hooks"]
    if found != wanted:
        raise ConfigInvalid(_BY_HAND, detail="the result says something else")
    return result


def _add(document: tomlkit.TOMLDocument, text: str, mailbox: str, hook: Hook) -> str:
    table: Any = document["mailboxes"][mailbox]
    tables = table.get("hooks")
    if isinstance(tables, Array):
        tables.append(_inline(hook))
        return tomlkit.dumps(document)
    if isinstance(table, InlineTable):
        array = tomlkit.array()
        array.append(_inline(hook))
        table["hooks"] = array
        return tomlkit.dumps(document)
    lines = text.splitlines(keepends=True)
    last = tables[-1] if isinstance(tables, AoT) and len(tables) else table
    at = _after_comments(lines, _last_line(document, last) + 1)
    return _with_block(lines, at, _block(mailbox, hook), _line_end(text))


def _inline(hook: Hook) -> InlineTable:
    table = tomlkit.inline_table()
    table.update(_fields(hook))
    return table


def _block(mailbox: str, hook: Hook) -> list[str]:
    name = mailbox if _BARE.match(mailbox) else tomlkit.item(mailbox).as_string()
    fields = [f"{key} = {tomlkit.item(value).as_string()}" for key, value in _fields(hook).items()]
    return [f"[[mailboxes.{name}.hooks]]", *fields]


def _with_block(lines: list[str], at: int, block: list[str], end: str) -> str:
    """The lines with a block before the line `at`, set off by empty lines."""
    before, after = lines[:at], lines[at:]
    if before and not before[-1].endswith("\n"):
        before[-1] += end
    if after and after[0].strip():
        block = [*block, ""]
    return "".join([*before, end, *(line + end for line in block), *after])


def _remove(document: tomlkit.TOMLDocument, text: str, mailbox: str, index: int) -> str:
    table: Any = document["mailboxes"][mailbox]
    tables = table["hooks"]
    if isinstance(tables, Array):
        del tables[index]
        if not len(tables):
            del table["hooks"]
        return tomlkit.dumps(document)
    hook = tables[index]
    first, last = _line_of(document, hook), _last_line(document, hook)
    lines = text.splitlines(keepends=True)
    before, after = lines[:first], lines[last + 1 :]
    if (not before or not before[-1].strip()) and after and not after[0].strip():
        del after[0]
    elif before and not before[-1].strip() and not after:
        del before[-1]
    return "".join([*before, *after])


def _after_comments(lines: list[str], at: int) -> int:
    """Past the comments that stand directly below a hook, unless they stand directly above what comes next."""
    end = at
    while end < len(lines) and lines[end].lstrip().startswith("#"):
        end += 1
    return end if end == len(lines) or not lines[end].strip() else at


def _last_line(document: tomlkit.TOMLDocument, table: Table) -> int:
    """The line on which the last value of a table's own ends."""
    own = [item for key, item in table.value.body if key is not None and not isinstance(item, Table | AoT)]
    return _line_of(document, own[-1] if own else table)


def _line_of(document: tomlkit.TOMLDocument, item: Item) -> int:
    """The line of a table's header, or the one on which a value ends: where a comment of it stands."""
    mark, kept = secrets.token_hex(16), (item.trivia.comment_ws, item.trivia.comment)
    item.trivia.comment_ws, item.trivia.comment = " ", f"# {mark}"
    lines = tomlkit.dumps(document).splitlines()
    item.trivia.comment_ws, item.trivia.comment = kept
    return next(number for number, line in enumerate(lines) if line.endswith(mark))


def _line_end(text: str) -> str:
    return "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"
