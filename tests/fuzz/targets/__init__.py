"""The targets; importing this registers all of them."""

from tests.fuzz.targets import (
    answering,
    authentication,
    composing,
    configuration,
    dialogs,
    letters,
    network,
    texts,
    wires,
)

__all__ = [
    "answering",
    "authentication",
    "composing",
    "configuration",
    "dialogs",
    "letters",
    "network",
    "texts",
    "wires",
]
