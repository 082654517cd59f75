"""Seam: a hook as a file has it, who made it, and what its runs came to."""

from typing import Literal, NamedTuple

Origin = Literal["operator", "mcp"]


class Written(NamedTuple):
    """One hook as it stands in config.toml, by its effective name."""

    mailbox: str
    name: str
    event: str
    cmd: tuple[str, ...]
