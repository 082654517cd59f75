"""The targets; importing this registers all of them."""

from tests.fuzz.targets import (
    agents,
    answering,
    authentication,
    composing,
    configuration,
    dialogs,
    letters,
    lookups,
    network,
    programs,
    strangers,
    texts,
    wires,
    workers,
)

__all__ = [
    "agents",
    "answering",
    "authentication",
    "composing",
    "configuration",
    "dialogs",
    "letters",
    "lookups",
    "network",
    "programs",
    "strangers",
    "texts",
    "wires",
    "workers",
]
