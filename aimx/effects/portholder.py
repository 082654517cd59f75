"""Who listens on a TCP port of this network namespace, as /proc tells it. Never connects to it, changes nothing."""

import contextlib
import ipaddress
import os
import socket
import struct
from pathlib import Path
from typing import NamedTuple

_LISTEN = "0A"  # include/net/tcp_states.h
_UNIT_SUFFIX = ".service"


class Listening(NamedTuple):
    """One listening socket. `pids`: the processes that hold it, none when they are not of this pid namespace."""

    address: str
    inode: int
    pids: tuple[int, ...]


class Holder(NamedTuple):
    """A process. `name` is what it calls itself: any text at all. `unit`: of systemd, if it is in a service."""

    pid: int
    name: str
    unit: str


def listening(port: int, proc: Path = Path("/proc")) -> tuple[Listening, ...]:
    """All sockets that listen on that port. What may not be looked at has no pids."""
    found = [one for table in ("tcp", "tcp6") for one in _sockets(proc / "thread-self" / "net" / table, port)]
    if not found:
        return ()
    pids = _pids({inode for _, inode in found}, proc)
    return tuple(Listening(address, inode, tuple(sorted(pids.get(inode, ())))) for address, inode in found)


def holder(pid: int, proc: Path = Path("/proc")) -> Holder:
    """What is known of a process; the name is empty when it has gone."""
    name = unit = ""
    with contextlib.suppress(OSError):
        name = (proc / str(pid) / "comm").read_bytes().decode("utf-8", "replace").rstrip("\n")
    with contextlib.suppress(OSError):
        group = (proc / str(pid) / "cgroup").read_bytes().decode("utf-8", "replace").split("\n")[0]
        last = group.rpartition("/")[2]
        unit = last if last.endswith(_UNIT_SUFFIX) else ""
    return Holder(pid, name, unit)


def parent(pid: int, proc: Path = Path("/proc")) -> int:
    """The parent of a process; 0 when it is not known."""
    try:
        text = (proc / str(pid) / "stat").read_bytes()
        return int(text.rpartition(b")")[2].split()[1])  # the name before may hold anything
    except (OSError, ValueError, IndexError):
        return 0


def _sockets(table: Path, port: int) -> list[tuple[str, int]]:
    """(address, inode) of one table; a kernel without IPv6 has no second one."""
    found = []
    wanted = f":{port:04X}"
    with contextlib.suppress(OSError), table.open() as lines:
        for line in lines:
            words = line.split()
            if len(words) > 9 and words[3] == _LISTEN and words[1].endswith(wanted):
                found.append((_address(words[1].partition(":")[0]), int(words[9])))
    return found


def _address(hexadecimal: str) -> str:
    """The kernel writes words of 32 bits in the byte order of the machine."""
    words = [int(hexadecimal[start : start + 8], 16) for start in range(0, len(hexadecimal), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return str(ipaddress.ip_address(socket.inet_ntop(family, packed)))


def _pids(inodes: set[int], proc: Path) -> dict[int, set[int]]:
    names = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, set[int]] = {}
    for entry in os.scandir(proc):
        if not entry.name.isdigit():
            continue
        # Somebody else's process, or one that ends while it is looked at.
        with contextlib.suppress(OSError), os.scandir(f"{entry.path}/fd") as descriptors:
            for descriptor in descriptors:
                with contextlib.suppress(OSError):
                    inode = names.get(os.readlink(descriptor.path))
                    if inode is not None:
                        found.setdefault(inode, set()).add(int(entry.name))
    return found
