"""Our server in the registers of agents that have a command for it. A working entry is never lost to a failed one (P7).

Runs the agents' own programs, as the user and with his environment; each within a time, none asked anything.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, NamedTuple

from aimx import limits
from aimx.integrations import homefiles, snippets
from aimx.integrations.api import Note, Program, Tell
from aimx.integrations.homes import Home
from aimx.integrations.registry import Activation, Agent


class _Ran(NamedTuple):
    """`code` None: the program is not there."""

    code: int | None
    why: str


def add(agent: Agent, home: Home, program: Program, tell: Tell) -> None:
    """Register, and tell how it went; when it did not go, what the user can type himself."""
    activation = agent.activation
    old = _entry(activation, home)
    if old is not None and _same(old, program):
        tell(Note("ok", f"MCP server is registered with {agent.display} already."))
        return
    ran = _run((activation.program, *snippets.words(activation.add, program)), home)
    if ran.code not in (0, None) and old is not None:
        ran = _replace(activation, home, program, old)
    if ran.code == 0:
        tell(Note("ok", f"MCP server registered with {agent.display}."))
        tell(Note("hint", activation.after))
        return
    if ran.code is None:
        tell(Note("hint", f"{activation.program} is not on PATH. Once it is, run:"))
    else:
        tell(Note("warn", f"MCP auto-registration failed: {ran.why}. Run it yourself:"))
    tell(Note("block", command(activation, program)))
    tell(Note("hint", activation.after))


def remove(agent: Agent, home: Home, tell: Tell) -> None:
    """Take it out again, and tell how that went."""
    activation = agent.activation
    argv = (activation.program, *activation.remove)
    ran = _run(argv, home)
    if ran.code == 0:
        tell(Note("ok", f"MCP server unregistered from {agent.display}."))
    elif activation.entry and ran.code is not None and _entry(activation, home) is None:
        tell(Note("text", f"MCP server was not registered with {agent.display}."))
    else:
        why = f"{activation.program} is not on PATH" if ran.code is None else ran.why
        tell(Note("warn", f"MCP server could not be unregistered from {agent.display}: {why}. Run it yourself:"))
        tell(Note("block", removal(activation)))


def command(activation: Activation, program: Program) -> str:
    """The command line that registers."""
    return snippets.shell((activation.program, *snippets.words(activation.add, program)))


def removal(activation: Activation) -> str:
    """The command line that takes it out again."""
    return snippets.shell((activation.program, *activation.remove))


def _replace(activation: Activation, home: Home, program: Program, old: str) -> _Ran:
    """Where an entry has to go before another comes: back with it when the other does not."""
    restore = (activation.program, *snippets.words(activation.restore, program, old))
    try:
        ran = _run((activation.program, *activation.remove), home)
        if ran.code == 0:
            ran = _run((activation.program, *snippets.words(activation.add, program)), home)
    except BaseException:  # Ctrl-C
        if _entry(activation, home) is None:
            _run(restore, home)
        raise
    if ran.code == 0 or _entry(activation, home) == old:
        return ran
    back = _run(restore, home)
    stands = "what was registered before is back" if back.code == 0 else f"what was registered before was {old}"
    return _Ran(ran.code, f"{ran.why}; {stands}")


def _entry(activation: Activation, home: Home) -> str | None:
    """What is registered under our name, as JSON; None when nothing is, or it cannot be told."""
    if not activation.entry:
        return None
    try:
        servers = json.loads(homefiles.read(home.path(activation.entry), limits.AGENT_REGISTER_CHARS))["mcpServers"]
        return json.dumps(servers[snippets.NAME], ensure_ascii=False)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _same(entry: str, program: Program) -> bool:
    found = json.loads(entry)
    return isinstance(found, dict) and snippets.server(program).items() <= found.items()


def _run(argv: tuple[str, ...], home: Home) -> _Ran:
    if shutil.which(argv[0]) is None:
        return _Ran(None, "")
    try:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            # A session of its own has no terminal to ask at, and ends as a whole. Files, since what it may leave
            # running holds a pipe open.
            process = None
            try:
                with _uninterrupted():
                    process = subprocess.Popen(
                        argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=home.home, start_new_session=True,
                        env={**os.environ, "HOME": str(home.home)},  # a sudo may have left another's
                    )  # fmt: skip
                code = process.wait(limits.AGENT_COMMAND_S)
            except BaseException:
                if process is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                raise
            return _Ran(code, f"{_first_line(err) or _first_line(out)} (exit {code})".strip())
    except subprocess.TimeoutExpired:
        return _Ran(-1, f"{argv[0]} did not end within {limits.AGENT_COMMAND_S} s")
    except OSError as error:
        return _Ran(-1, homefiles.told(error))


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until it is known what has been started, and so has to be ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if came and callable(previous):
            previous(signal.SIGINT, None)


def _first_line(file: IO[bytes]) -> str:
    file.seek(0)
    line = file.read(limits.AGENT_WORDS).decode("utf-8", "replace").strip().partition("\n")[0]
    return "".join(character if character.isprintable() else " " for character in line)
