"""One result of a check: an id that never changes, how bad it is, what is the matter, and what to type."""

import shlex
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from aimx.provision.facts import Facts

_CONFIG, _SOCKET, _BIND = "/etc/aimx/config.toml", "/run/aimx/aimx.sock", "0.0.0.0:25"
Severity = Literal["fail", "warn", "info", "skip"]


class Finding(NamedTuple):
    """`skip`: what could not be checked, which is never a failure. `fix`: lines to type or to publish; may be none."""

    id: str
    severity: Severity
    text: str
    fix: tuple[str, ...] = ()


Findings = Iterable[Finding]
Check = Callable[[Facts], Findings]


def sudo(facts: Facts, *words: str) -> str:
    """A command line; with sudo where the daemon is root's."""
    line = shlex.join(words)
    return f"sudo {line}" if facts.as_root else line


def ours(facts: Facts, *words: str) -> str:
    """A command line of ours, for the installation that was looked at."""
    return ("sudo " if facts.as_root else "") + shlex.join([*_places(facts), "aimx", *words])


def flagged(facts: Facts, command: str, *words: str) -> str:
    """The same, with the data directory that a flag of the daemon names."""
    flag = facts.probe.data_dir_flag
    places = ("--data-dir", flag) if flag is not None and facts.override is None else ()
    return ours(facts, command, *places, *words)


def look_again(facts: Facts) -> tuple[str, ...]:
    """What shows everything; root has seen it already."""
    return () if facts.root else (shlex.join(["sudo", *_places(facts), "aimx", "doctor"]),)


def _places(facts: Facts) -> list[str]:
    """sudo takes no environment along."""
    places = (("AIMX_CONFIG_DIR", facts.config_file.path, _CONFIG), ("AIMX_RUNTIME_DIR", facts.probe.socket, _SOCKET))
    found = [f"{name}={path.rpartition('/')[0]}" for name, path, usual in places if path != usual]
    return [*found, f"AIMX_DATA_DIR={facts.override}"] if facts.override is not None else found


def reload(facts: Facts) -> tuple[str, ...]:
    """What makes the daemon read its configuration again."""
    if facts.init.service:
        return (facts.init.command("reload"),)
    return (sudo(facts, "kill", "-HUP", str(facts.probe.pid)),) if facts.probe.pid is not None else start(facts)


def restart(facts: Facts) -> tuple[str, ...]:
    """What starts the daemon anew."""
    if facts.init.service:
        return (facts.init.command("restart"),)
    if facts.probe.pid is None:
        return start(facts)
    status = facts.probe.status
    bind = ("--bind", status.smtp.address) if status is not None and status.smtp.address != _BIND else ()
    return (sudo(facts, "kill", str(facts.probe.pid)), flagged(facts, "serve", *bind))


def start(facts: Facts) -> tuple[str, ...]:
    """What starts the daemon."""
    return (facts.init.command("start"),) if facts.init.service else (ours(facts, "serve"),)
