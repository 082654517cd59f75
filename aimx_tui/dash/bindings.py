"""Every key of the dashboard in one table, for whoever checks a keymap or writes the book. Loads all screens."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, NamedTuple

from textual.app import App
from textual.binding import Binding
from textual.widget import Widget

_OURS = ("aimx_tui.dash.", "aimx_tui.grid", "aimx_tui.shell", "aimx_tui.help")

_MODES = {"MailMode", "HooksMode", "HealthMode"}


class Row(NamedTuple):
    """One binding. `scopes`: the classes that have it, by name."""

    id: str
    keys: tuple[str, ...]
    about: str
    scopes: frozenset[str]


def rows() -> tuple[Row, ...]:
    """By id; a binding that several screens share is one row."""
    from aimx_tui import dash

    for module in pkgutil.walk_packages(dash.__path__, dash.__name__ + "."):
        importlib.import_module(module.name)
    found: dict[str, Row] = {}
    for owner in {*_descendants(Widget), *_descendants(App)}:
        if owner.__module__.startswith(_OURS):
            for binding in owner.__dict__.get("BINDINGS", ()):
                if isinstance(binding, Binding) and binding.id is not None:
                    scopes = found[binding.id].scopes if binding.id in found else frozenset()
                    keys = tuple(key.strip() for key in binding.key.split(","))
                    found[binding.id] = Row(binding.id, keys, str(binding.tooltip), scopes | _scopes(owner))
    return tuple(sorted(found.values()))


def clashes(keys: dict[str, str], known: tuple[Row, ...]) -> Iterator[str]:
    """Where a keymap gives one key two meanings on one screen, a sentence each."""
    changed = {name: tuple(key.strip() for key in text.split(",")) for name, text in keys.items()}
    now = [row._replace(keys=changed.get(row.id, row.keys)) for row in known]
    for at, one in enumerate(now):
        for other in now[at + 1 :]:
            both = set(one.keys) & set(other.keys)
            if both and {one.id, other.id} & set(changed) and _meet(one, other):
                yield f"{min(both)} means both {one.id} and {other.id}"


def _meet(one: Row, other: Row) -> bool:
    if one.scopes & other.scopes or "Dashboard" in one.scopes | other.scopes:
        return True
    return any("Grid" in a.scopes and _MODES & b.scopes for a, b in ((one, other), (other, one)))


def _scopes(owner: type[Any]) -> frozenset[str]:
    """The class and those that inherit its bindings."""
    return frozenset(one.__name__ for one in (owner, *_descendants(owner)))


def _descendants(owner: type[Any]) -> Iterator[type[Any]]:
    for one in owner.__subclasses__():
        yield one
        yield from _descendants(one)
