"""Whose port 25 is: nobody's, our daemon's, or somebody else's. Asks /proc, and our daemon's socket for its process."""

from pathlib import Path
from typing import Literal, NamedTuple

from aimx.effects import portholder
from aimx.effects.portholder import Holder, Listening
from aimx.provision import probe
from aimx.smtp.parser import shown

_PRINTED = 64  # characters of a process's name; the kernel keeps 15


class OwnPort(NamedTuple):
    """Where the check takes place: our daemon's socket, our port, the verifier's, and where to listen meanwhile."""

    socket: Path
    port: int = 25
    verifier_port: int = 25
    addresses: tuple[str, ...] = ("0.0.0.0", "::")


class Occupant(NamedTuple):
    """`name`: for people, empty when nobody has it. `listens`: the addresses, as the kernel has them."""

    state: Literal["free", "ours", "foreign"]
    name: str = ""
    listens: tuple[str, ...] = ()

    @property
    def local_only(self) -> bool:
        """Nobody from outside can get through to it."""
        return bool(self.listens) and all(a.startswith("127.") or a == "::1" for a in self.listens)


def look(own: OwnPort) -> Occupant:
    """Ours is what the process at our socket holds, whatever others call themselves. Blocks for some milliseconds."""
    found = portholder.listening(own.port)
    if not found:
        return Occupant("free")
    daemon = probe.peer(own.socket)
    ours = [one for one in found if daemon is not None and daemon.pid in one.pids]
    if ours:
        return Occupant("ours", "aimx serve", tuple(one.address for one in ours))
    return Occupant("foreign", _named(found), tuple(one.address for one in found))


def _named(found: tuple[Listening, ...]) -> str:
    pids = {pid for one in found for pid in one.pids}
    heads = sorted(pid for pid in pids if portholder.parent(pid) not in pids)
    names = [text for text in (_text(portholder.holder(pid)) for pid in heads) if text]
    return ", ".join(dict.fromkeys(names)) or "another process"


def _text(holder: Holder) -> str:
    """The process for people: any name at all may be chosen by it."""
    name = shown(holder.name.encode())[:_PRINTED]
    if not name:
        return ""
    unit = shown(holder.unit.encode())[:_PRINTED]
    return f"{name} (pid {holder.pid}, {unit})" if unit else f"{name} (pid {holder.pid})"
