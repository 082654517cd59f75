"""`aimx logs`: what `aimx serve` wrote, from wherever the init system keeps it (guide, "Logs").

Never reads config.toml and never asks the daemon: it is for the day on which neither works.
"""

import argparse
import json
import os
import stat
import subprocess
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from aimx import limits
from aimx.cli import diagnostics, output
from aimx.errors import Exit, Failed
from aimx.provision import initsystem

NOWHERE = (
    "no init system collects the log of aimx here (neither systemd nor OpenRC runs): `aimx serve` writes it to the"
    " standard error of whoever started it"
)
NO_FOLLOW = "--follow is unsupported on OpenRC; follow the file itself: tail -F {}"
HIDDEN = "journald shows the log of a service to root and to the groups adm and systemd-journal: try sudo aimx logs"
_EPOCH_US = 1_000_000
_OCTET = range(256)


def arguments(parser: argparse.ArgumentParser) -> None:
    """The guide's flags and --json."""
    parser.add_argument(
        "-n", "--lines", metavar="N", type=_count, default=limits.LOG_LINES, help="how many lines (default: 50)"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with new lines as they come, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line of the log")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text[:10]) > limits.LOG_LINES_MAX:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of lines (0 to {limits.LOG_LINES_MAX})")
    return int(text)


def run(options: argparse.Namespace, root: Path = Path("/")) -> int:
    """Show them. `root` is where this machine's files are."""
    kind = initsystem.detect(root).kind
    if kind == "none":
        raise Failed(NOWHERE)
    if kind == "openrc":
        return _files(options, root)
    try:
        return _journal(options, root)
    except FileNotFoundError:
        raise Failed("journalctl is not on the PATH; it belongs to systemd") from None


def _journal(options: argparse.Namespace, root: Path) -> int:
    """Raises: FileNotFoundError when there is no journalctl."""
    words = ["journalctl", "-u", "aimx", "-n", str(options.lines), "--no-pager"]
    words += ["-f"] * options.follow + ["-o", "json"] * options.json
    pipe = subprocess.PIPE if options.json else None
    try:
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=pipe)
        try:
            if child.stdout is not None:
                for entry in child.stdout:
                    _print(_entry(entry))
            code = child.wait()
        finally:
            _end(child)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED  # the way to leave; nothing to say about it
    if _hidden(root):
        diagnostics.say(HIDDEN)
    if code:
        raise Failed(f"journalctl ended with exit code {code}")
    return Exit.OK


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Ctrl-C went to both of us; that a reader of our output left, nobody told it."""
    with child:
        if child.poll() is None:
            child.terminate()
        try:
            child.wait(limits.LOG_CHILD_END_S)
        except subprocess.TimeoutExpired:
            child.kill()


def _hidden(root: Path) -> bool:
    """Whether there are journals of the system, and none that we may read."""
    journals = [file for place in ("var/log/journal", "run/log/journal") for file in _listed(root / place)]
    return bool(journals) and not any(os.access(file, os.R_OK) for file in journals)


def _listed(directory: Path) -> list[Path]:
    return list(directory.glob("*/system.journal"))


def _entry(line: bytes) -> dict[str, str | None]:
    """A line of `journalctl -o json`; one that is no entry, such as a word of a tool before it, is shown as it is."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        return {"at": None, "line": line.decode(errors="replace").rstrip("\r\n")}
    return {"at": _at(entry.get("__REALTIME_TIMESTAMP")), "line": _text(entry.get("MESSAGE"))}


def _at(microseconds: object) -> str | None:
    try:
        at = datetime.fromtimestamp(int(str(microseconds)) / _EPOCH_US, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at.isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def _text(message: object) -> str:
    """What a field holds: text, octets as numbers where it is no UTF-8, several of them as a list, null if too long."""
    if isinstance(message, str):
        return message
    if not isinstance(message, list):
        return "" if message is None else json.dumps(message)
    if message and all(type(one) is int and one in _OCTET for one in message):
        return bytes(message).decode(errors="replace")
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in message)


def _print(entry: dict[str, str | None]) -> None:
    output.write(json.dumps(entry, ensure_ascii=False))


def _files(options: argparse.Namespace, root: Path) -> int:
    """OpenRC keeps no journal: the files that its service may write, else the system's log."""
    system = root / "var/log/messages"
    lines: deque[str] = deque(maxlen=options.lines)
    try:
        own = sorted((root / "var/log/aimx").glob("*.log"), key=_modified)
        if options.follow:
            raise Failed(NO_FOLLOW.format(own[-1] if own else system))
        for path in own:
            lines.extend(_tail(path))
        if not own:
            lines.extend(line for line in _tail(system) if "aimx" in line)
    except OSError as error:
        raise Failed(f"{error.filename or system}: {error.strerror}; try sudo aimx logs") from error
    for line in lines:
        if options.json:
            _print({"at": None, "line": line})
        else:
            output.write(diagnostics.visible(line))
    if not lines:
        diagnostics.say(f"no line of aimx in {', '.join(map(str, own)) or system}")
    return Exit.OK


def _modified(path: Path) -> float:
    return os.stat(path, follow_symlinks=False).st_mtime


def _tail(path: Path) -> Iterator[str]:
    """The lines at the end of a log. Hooks may write beside it: what is no file of its own is left out."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if not path.is_symlink():
            raise
        diagnostics.say(f"{path} is left out: {error.strerror}")
        return
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        diagnostics.say(f"{path} is left out: it is no file")
        return
    with open(fd, "rb") as file:
        if status.st_size > limits.LOG_TAIL_OCTETS:
            file.seek(status.st_size - limits.LOG_TAIL_OCTETS)
            file.readline()
        for line in file:
            yield line.decode(errors="replace").rstrip("\r\n")
