"""Which executor runs hooks on this host."""

from pathlib import Path

from aimx.effects.api import Executor, Spawner
from aimx.effects.forked import Forked


def choose(spawner: Spawner, runtime: Path) -> Executor:  # noqa: ARG001
    """The executor of this daemon."""
    return Forked(spawner)
