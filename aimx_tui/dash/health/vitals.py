"""STATUS in a few lines of words: versions, counters, what waits. Pure."""

from collections.abc import Iterator
from typing import Any

from aimx.effects.build import Build

Told = dict[str, Any]
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
LOG = "The daemon's log: aimx logs, or aimx logs --follow."


def lines(status: Told | None, client: Build) -> Iterator[str]:
    """The daemon, then who looks at it."""
    if status is None:
        yield f"Client {_version(client.tag, client.git_hash)}. The daemon has not said how it is."
        yield LOG
        return
    yield _versions(status, client)
    yield from (_process(status), _listener(status), _socket(status), _waiting(status))
    yield LOG


def _versions(status: Told, client: Build) -> str:
    tag, git_hash = (str(status["version"].get(key, "unknown")) for key in ("tag", "git_hash"))
    server, own = _version(tag, git_hash), _version(client.tag, client.git_hash)
    if server == own:
        return f"Server and client {server}"
    return f"Server {server}, client {own}: they differ, which is no fault"


def _version(tag: str, git_hash: str) -> str:
    """As doctor shows it: a number has a `v` before it."""
    return f"{'v' * tag[:1].isdigit()}{tag} ({git_hash})"


def _process(status: Told) -> str:
    rights = "" if status["privileged"] else ", not as root"
    config = "; config.toml on disk is not in force: reload" if status["config"]["differs"] else ""
    counted = f"{_count(status['mailboxes'], 'mailbox', 'mailboxes')}, {_count(status['hooks'], 'hook', 'hooks')}"
    return f"Up {uptime(status['uptime_s'])} (process {status['pid']}{rights}); {counted}{config}"


def _listener(status: Told) -> str:
    smtp, helpers = status["smtp"], status["helpers"]
    sessions = f", sessions {_share(smtp['sessions'])}" if smtp["sessions"] is not None else ""
    tls = "STARTTLS" if smtp["tls"] else "no STARTTLS"
    sick = [] if helpers["resolver"] else ["✗ no resolver"]
    sick += [] if status["index_healthy"] else ["✗ the index takes nothing"]
    sick += [] if status["dkim"]["record"] is not None else ["✗ no key signs"]
    words = [f"SMTP on {smtp['address']}, {tls}{sessions}", f"workers {_share(helpers['workers'])}", *sick]
    return "; ".join(words)


def _socket(status: Told) -> str:
    everybody = status["all_watchers"]
    all_ = f" (of everybody {_share(everybody)})" if everybody is not None else ""
    return (
        f"Your share of the socket: requests {_share(status['requests'])}, watchers {_share(status['watchers'])}{all_}"
    )


def _waiting(status: Told) -> str:
    spool, runs = status["spool"], status["hook_runs"]
    hooks = f"hook runs: {runs['pending']} wait, {runs['running']} run, {runs['held']} held"
    if not spool:
        return f"No copy waits for its mailbox; {hooks}"
    copies = sum(one["copies"] for one in spool)
    where = ", ".join(f"{one['mailbox']} ({one['reason']})" for one in spool)
    return f"⚠ {_count(copies, 'copy waits', 'copies wait')} for {where}; {hooks}"


def uptime(seconds: int) -> str:
    """In its two greatest units."""
    parts: list[str] = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _share(told: Told) -> str:
    return f"{told['now']} of {told['most']}"


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
