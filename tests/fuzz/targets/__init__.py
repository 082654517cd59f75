"""The targets; importing this registers all of them."""

from tests.fuzz.targets import authentication, composing, configuration, dialogs, letters, network, texts, wires

__all__ = ["authentication", "composing", "configuration", "dialogs", "letters", "network", "texts", "wires"]
