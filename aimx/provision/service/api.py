"""What setup, uninstall and upgrade want of an init system: one service, `aimx`, described by one file."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from aimx.errors import Failed

NAME = "aimx"


def writable(*words: str) -> None:
    """Raises: Failed for a word that no line of a service's file can hold, as one that is read again as it was."""
    for word in words:
        if any(ord(character) < ord(" ") for character in word):
            raise Failed(f"{word!r} cannot be written into a service's file; use a path without control characters")


class Life(NamedTuple):
    """What the init system says of the service. `why`: its own words about a failure; empty when there is none."""

    active: bool
    failed: bool
    why: str = ""


class Service(Protocol):
    """The service on this host. Every method may be called again: what is so already stays so. All raise Failed."""

    @property
    def path(self) -> Path:
        """Its file."""

    def text(self, program: Sequence[str], config_dir: Path, data_dir: Path) -> str:
        """What the file is to say. `program` starts the command line (effects.running). Raises: Failed."""

    def installed(self, text: str) -> bool:
        """Whether the file says just that."""

    def runs(self) -> str:
        """The program that the file names; empty: there is no file, or it names none."""

    async def install(self, text: str) -> None:
        """Write the file; the service starts at every boot from now on. What runs goes on as it was."""

    async def renew(self, text: str) -> None:
        """Write the file anew; whether the service starts at boot stays as it is."""

    async def start(self) -> None:
        """Start it unless it runs; forget that it failed before."""

    async def restart(self) -> None:
        """Another daemon, by the file as it is now."""

    async def stop(self) -> None:
        """It does not run when this returns; it has had its time to end sessions."""

    async def life(self) -> Life:
        """How it is."""

    async def active(self) -> bool:
        """Whether it runs."""

    async def last_words(self) -> tuple[str, ...]:
        """The end of its log: texts of others, as they are. Never raises."""

    async def remove(self) -> None:
        """Stop it, forget it, remove its file. What of it is gone already is passed over."""
