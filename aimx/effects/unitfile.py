"""One run of a hook as systemd is told it. Pure.

Never puts a value of a mail where others see it: not into a command line, not into a property. Those of the environment
are in a file of root's (`environment_file`), which is named here and nowhere read.
"""

from collections.abc import Iterable
from typing import NamedTuple

from aimx import limits
from aimx.model.job import Execution
from aimx.policy import firing

SLICE = "aimx-hooks.slice"
LINKS = ("stdin", "stdout", "stderr")  # in the directory of a start
ENVIRONMENT = "environment"
# What service managers put into every service, each since its own version (systemd.exec(5), "Environment variables").
_SERVICE_VARIABLES = (
    "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "SYSTEMD_UNIT",
    "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE", "MANAGERPID", "MANAGERPIDFDID", "NOTIFY_SOCKET", "LOG_NAMESPACE",
    "RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY",
    "CREDENTIALS_DIRECTORY", "EXIT_CODE", "EXIT_STATUS", "SERVICE_RESULT", "REMOTE_ADDR", "REMOTE_PORT", "TERM",
    "PIDFILE", "MAINPID", "TRIGGER_UNIT", "TRIGGER_PATH", "TRIGGER_TIMER_REALTIME_USEC", "TRIGGER_TIMER_MONOTONIC_USEC",
    "FDSTORE", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID", "WATCHDOG_USEC", "XDG_RUNTIME_DIR",
)  # fmt: skip
_STANDARD = tuple(zip(("Input", "Output", "Error"), LINKS, strict=True))
_ESCAPED = str.maketrans({character: "\\" + character for character in '\\"$`'})
# A program whose own path holds `$` cannot be named to systemd-run and have it doubled as well.
_BY_NAME = ("/bin/sh", "-c", 'exec "$$@"', "sh")


class Programs(NamedTuple):
    """Where systemd's commands are."""

    systemd_run: str
    systemctl: str
    journalctl: str


def environment_file(env: dict[str, str]) -> bytes:
    """An EnvironmentFile= with exactly these values.

    Within double quotes only four characters mean anything, a line break included in none; values hold neither
    NUL nor what systemd refuses (`policy.firing.bounded`).
    """
    return "".join(f'{name}="{text.translate(_ESCAPED)}"\n' for name, text in env.items()).encode()


def obstacle(order: Execution) -> str:
    """Why systemd would take no such command line; empty when it does."""
    if any(word != firing.without_noncharacters(word) for word in order.spec.argv):
        return "exec: a word of cmd has a character that is none (U+FFFE and the like), which systemd refuses"
    return ""


def start_words(programs: Programs, order: Execution, directory: str, foreign: Iterable[str]) -> tuple[str, ...]:
    """The command line that starts a run; it ends well exactly when the program was executed.

    Args:
        directory: has the links of stdin, stdout and stderr and the environment file.
        foreign: variables that the service manager would give to every service.
    """
    properties = (*_properties(order, directory), _unset(order, foreign))
    return (
        programs.systemd_run, "--quiet", "--no-ask-password", "--service-type=exec", f"--unit={order.unit}",
        f"--slice={SLICE}", f"--description={order.title}", *(f"--property={text}" for text in properties),
        "--", *_command(order.spec.argv),
    )  # fmt: skip


def _properties(order: Execution, directory: str) -> tuple[str, ...]:
    spec = order.spec
    return (
        "RemainAfterExit=yes",  # its outcome is kept until it has been recorded, by whichever daemon
        *(f"Standard{which}=file:{directory}/{link}" for which, link in _STANDARD),
        f"EnvironmentFile={directory}/{ENVIRONMENT}",
        f"WorkingDirectory={spec.cwd}",
        *_identity(order),
        f"RuntimeMaxSec={order.timeout_s}s",
        f"TimeoutStartSec={limits.HOOK_START_S:g}s",
        f"TimeoutStopSec={limits.HOOK_KILL_AFTER_S:g}s",
        "KillMode=control-group",
        "OOMPolicy=kill",
        f"MemoryMax={order.memory_max}",
        f"TasksMax={limits.HOOK_TASKS}",
        "CPUAccounting=yes",
        "ProtectSystem=strict",
        f"ReadWritePaths={_writable(spec.env.get('HOME', ''))}",
        "PrivateDevices=yes",
        "NoNewPrivileges=yes",
        "UMask=0022",
        "LimitCORE=0",
        # Ignored, unlike a forked hook's: where nobody keeps its outputs, writing is an error and not its end.
        "IgnoreSIGPIPE=yes",
    )


def _identity(order: Execution) -> tuple[str, ...]:
    """Numbers: a name could be written like an option or belong to somebody else by now."""
    spec = order.spec
    groups = f"SupplementaryGroups={' '.join(str(group) for group in spec.groups)}"
    if spec.uid == 0:
        return (groups,)
    return (f"User={spec.uid}", f"Group={spec.gid}", groups)


def _writable(home: str) -> str:
    """What is not read-only below ProtectSystem=strict (U4). All of `/` as a home would take it all away."""
    paths = ["-/tmp", "-/var/tmp", "-/var/log/aimx"]
    if home.startswith("/") and home.strip("/"):
        paths.insert(0, f"-{home}")
    return " ".join(_word(path) for path in paths)


def _word(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unset(order: Execution, foreign: Iterable[str]) -> str:
    names = {*_SERVICE_VARIABLES, *foreign} - order.spec.env.keys()
    return f"UnsetEnvironment={' '.join(sorted(names))}"


def _command(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The program's own words: every `$` doubled, because the service manager expands what it finds in them.

    systemd-run of 254 and later could be told not to; doubled, each version says the same.
    """
    words = tuple(word.replace("$", "$$") for word in argv)
    return (*_BY_NAME, *words) if "$" in argv[0] else words
