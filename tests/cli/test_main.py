"""The command line from outside: groups, global options everywhere, usage errors, quiet ends."""

import gc
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aimx.cli import main
from aimx.cli.main import COMMANDS

SOURCE = {"PYTHONPATH": os.fspath(Path(__file__).resolve().parents[2])}  # with -S nothing else is found
AIMX = [sys.executable, "-m", "aimx.cli.main"]
VERSION = re.compile(
    r"AIMX \(AI Mail Exchange\) version \S+ \((?:[0-9a-f]{8}|unknown)\) \S+-linux-\S+ built (\d{4}-\d\d-\d\d|unknown)\n"
)


def aimx(*words: str, stdin: bytes = b"", **env: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*AIMX, *words], input=stdin, capture_output=True, env={**os.environ, **env}, timeout=60)
    assert b"Traceback" not in done.stderr
    return subprocess.CompletedProcess(words, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    "words",
    [("--version",), ("-V",), ("--data-dir", "/x", "--version"), ("--data-dir=/x", "-V"), ("-V", "serve")],
    ids=" ".join,
)
def test_version_is_one_line(words):
    done = aimx(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert VERSION.fullmatch(done.stdout)


@pytest.mark.parametrize("word", ["--version", "--help", "nonsense"])
def test_what_needs_no_command_loads_next_to_nothing(word):
    code = f"""
import sys
from aimx.cli.main import run
try:
    run([{word!r}])
except SystemExit:
    pass
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, timeout=60, env=SOURCE)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "aimx" in loaded, done.stderr
    assert not loaded & {"msgspec", "argparse", "trio", "asyncio", "tomllib", "json", "socket", "subprocess", "pathlib"}


def test_help_shows_the_groups_and_hides_ingest():
    text = aimx("--help").stdout
    assert text.startswith("AIMX (AI Mail Exchange) version ")
    assert text.index("Operations (as current user):") < text.index("  demo ")
    assert text.index("  demo ") < text.index("Server administration:") < text.index("  serve ")
    assert "ingest" not in text
    for option in ("--data-dir", "AIMX_DATA_DIR", "-V, --version", "-h, --help"):
        assert option in text
    assert aimx("help").stdout == aimx("-h").stdout == text


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help_with_the_global_option(command):
    done = aimx(command.name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--data-dir" in done.stdout
    assert aimx("help", command.name).stdout == done.stdout


def _leaves():
    for command in COMMANDS:
        parser = main.parser(command)
        yield from [(command.name, sub.name, parser.leaf(sub.name)) for sub in parser.subs] or [
            (command.name, "", parser)
        ]


# They do not end, or do something with a person who watches; what they made is read elsewhere.
TALKING = {
    ("serve", ""),
    ("mcp", ""),
    ("tui", ""),
    ("setup", ""),
    ("uninstall", ""),
    ("agents", "setup"),
    ("agents", "remove"),
}


@pytest.mark.parametrize(
    "leaf", [leaf for leaf in _leaves() if leaf[:2] not in TALKING], ids=lambda leaf: "-".join(leaf[:2])
)
def test_every_command_that_ends_has_json(leaf):
    assert "--json" in leaf[2]._option_string_actions


SUBS = [(command, sub) for command in COMMANDS for sub in main.parser(command).subs]


@pytest.fixture
def here(capsysbinary):
    """Run a command line in this process; exit code, stdout, stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        try:
            code = main.run(list(words))
        except SystemExit as error:
            code = int(error.code or 0)
        told = capsysbinary.readouterr()
        return code, told.out.decode(), told.err.decode()

    yield run
    gc.enable()


@pytest.mark.parametrize(("command", "sub"), SUBS, ids=lambda value: getattr(value, "name", ""))
def test_every_subcommand_has_help_however_it_is_asked_for(here, command, sub):
    code, text, errors = here(command.name, sub.name, "--help")
    assert (code, errors) == (0, "")
    assert text.startswith(f"Usage: aimx {command.name} {sub.name} ")
    assert "--data-dir" in text
    words = [("help", command.name, sub.name), (command.name, "help", sub.name), (command.name, sub.name, "-h")]
    for asked in [*words, *((alias, sub.name, "-h") for alias in command.aliases)]:
        assert here(*asked) == (0, text, "")


@pytest.mark.parametrize(("command", "sub"), SUBS, ids=lambda value: getattr(value, "name", ""))
@pytest.mark.parametrize("where", [0, 1, 2])
def test_data_dir_is_accepted_around_every_subcommand(here, command, sub, where):
    words = [command.name, sub.name]
    words[where:where] = ["--data-dir", "/x"]
    assert here(*words, "--help")[0] == 0
    if where:
        needed = NEEDED.get((command.name, sub.name), ())
        assert main.parser(command).parse_args([*words[1:], *needed]).data_dir == "/x"


NEEDED = {
    ("agents", "remove"): ("a",),
    ("mailboxes", "create"): ("a",),
    ("mailboxes", "show"): ("a",),
    ("mailboxes", "delete"): ("a",),
    ("hooks", "create"): ("--mailbox=a", "--event=on_receive", "--cmd=[]"),
    ("hooks", "delete"): ("a",),
    ("hooks", "test"): ("a",),
    ("hooks", "explain"): ("a", "b"),
    ("emails", "search"): ("a",),
    ("emails", "read"): ("a", "b"),
    ("emails", "thread"): ("a", "b"),
    ("emails", "mark"): ("a", "b", "--read"),
}


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if main.parser(command).subs], ids=lambda c: c.name
)
def test_a_group_without_a_subcommand_shows_its_help_and_fails(here, command):
    text = here(command.name, "--help")[1]
    assert here(command.name) == (2, "", text)
    assert all(here(alias, "--help") == (0, text, "") for alias in command.aliases)


def test_no_command_shows_the_help_and_fails():
    done = aimx()
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: aimx" in done.stderr


WRONG = {
    "unknown": (("status",), "unrecognized subcommand 'status'"),
    "near-help": (("hlep",), "a similar subcommand exists: 'help'"),
    "near": (("sevre",), "a similar subcommand exists: 'serve'"),
    "not-the-hidden-one": (("ingst",), "unrecognized subcommand 'ingst'\n\nUsage"),
    "option-before": (("--colour", "serve"), "unexpected argument '--colour' found"),
    "data-dir-without-value": (("--data-dir",), "a value is required for '--data-dir <DIR>'"),
    "data-dir-empty": (("--data-dir", "", "serve"), "'--data-dir <DIR>' needs a path"),
    "data-dir-empty-after": (("serve", "--data-dir="), "'--data-dir <DIR>' needs a path"),
    "option-after": (("serve", "--colour"), "unexpected argument '--colour' found"),
    "abbreviation": (("serve", "--data", "/x"), "unexpected argument '--data' found"),
    "abbreviation-completed": (
        ("serve", "--data", "/x"),
        "tip: '--data' is no option; a similar one exists: '--data-dir'",
    ),
    "option-mistyped": (
        ("dkim-keygen", "--selecter=a"),
        "'--selecter' is no option; a similar one exists: '--selector'",
    ),
    "option-mistyped-that-is-required": (
        ("send", "--form", "a@b"),
        "'--form' is no option; a similar one exists: '--from'",
    ),
    "option-unheard-of": (("send", "--sender", "a@b"), "tip: '--sender' is no option\n"),
    "bind": (("serve", "--bind", "25"), "'25' is no ADDRESS:PORT"),
    "bind-port": (("serve", "--bind", "::1:99999"), "'::1:99999' is no ADDRESS:PORT"),
    "half-a-certificate": (("serve", "--tls-cert", "/x"), "--tls-cert and --tls-key go together"),
    "ingest-nothing": (("ingest",), "the following arguments are required: rcpt"),
    "sub-unknown": (("mailboxes", "status"), "unrecognized subcommand 'status'\n\nUsage: aimx mailboxes [OPTIONS]"),
    "sub-near": (("hooks", "crate"), "a similar subcommand exists: 'create'"),
    "sub-of-the-alias": (("hook", "crate"), "a similar subcommand exists: 'create'"),
    "sub-option": (("mailboxes", "list", "--jsn"), "'--jsn' is no option; a similar one exists: '--json'"),
    "sub-option-before-it": (("mailboxes", "--jsn", "list"), "unexpected argument '--jsn' found"),
    "sub-too-many": (("mailboxes", "list", "x"), "unexpected argument 'x' found\n\nUsage: aimx mailboxes list "),
    "sub-data-dir-without-value": (("mailboxes", "--data-dir"), "a value is required for '--data-dir <DIR>'"),
    "sub-data-dir-empty": (("mailboxes", "--data-dir=", "list"), "'--data-dir <DIR>' needs a path"),
    "choice": (
        ("hooks", "create", "--event", "on_recieve"),
        "invalid value 'on_recieve' for '--event <EVENT>'\n  [possible values: on_receive, after_send]\n\n"
        "  tip: a similar value exists: 'on_receive'",
    ),
    "number": (
        ("hooks", "create", "--timeout-secs", "ten"),
        "invalid value 'ten' for '--timeout-secs <N>': not a whole number",
    ),
    "value-missing": (("logs", "--lines"), "a value is required for '--lines <N>'"),
    "value-too-many": (("logs", "--follow=x"), "unexpected value 'x' for '--follow' found"),
    "exclusive": (("emails", "list", "--read", "--unread"), "'--unread' cannot be used with '--read'"),
    "help-of-nothing": (("help", "status"), "unrecognized subcommand 'status'"),
    "help-of-no-subcommand": (("help", "mailboxes", "lst"), "a similar subcommand exists: 'list'"),
    "manual-of-nothing": (("help", "--man", "mailboxes", "lst"), "a similar subcommand exists: 'list'"),
    "control": (("a\x1b[2Jb",), r"unrecognized subcommand 'a\x1b[2Jb'"),
}


@pytest.mark.parametrize(("words", "text"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_told_and_exits_2(words, text):
    done = aimx(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert text in done.stderr
    assert "Usage: aimx" in done.stderr


@pytest.mark.parametrize(
    "words", [("--subject", "--form or --from?"), ("--", "--form")], ids=["value", "after-the-end"]
)
def test_words_that_are_no_options_are_not_taken_for_mistyped_ones(words):
    assert "tip:" not in aimx("send", *words).stderr


TREE = 'domain = "agent.test"\n[mailboxes.ops]\naddress = "ops@agent.test"\nowner = "root"\n'


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
@pytest.mark.parametrize("where", ["before", "after", "equals"])
def test_data_dir_is_accepted_around_every_command(command, where):
    before, after = {"before": (["--data-dir", "/x"], []), "after": ([], ["--data-dir", "/x"])}.get(
        where, (["--data-dir=/x"], ["--data-dir=/y"])
    )
    done = aimx(*before, command.name, *after, "--help")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("where", ["before", "after", "environment", "flag-over-environment", "after-over-before"])
def test_the_data_dir_that_was_named_is_used(tmp_path, where):
    (tmp_path / "config.toml").write_text(TREE)
    chosen, other = str(tmp_path / "chosen"), str(tmp_path / "other")
    words, env = {
        "before": (["--data-dir", chosen, "ingest", "ops"], {}),
        "after": (["ingest", "ops", "--data-dir", chosen], {}),
        "environment": (["ingest", "ops"], {"AIMX_DATA_DIR": chosen}),
        "flag-over-environment": (["ingest", f"--data-dir={chosen}", "ops"], {"AIMX_DATA_DIR": other}),
        "after-over-before": (["--data-dir", other, "ingest", "ops", "--data-dir", chosen], {}),
    }[where]
    # an occupied name shows which directory was opened without running the whole flow
    (tmp_path / "chosen").write_text("")
    done = aimx(
        *words, stdin=b"Subject: x\n\nx\n", AIMX_CONFIG_DIR=str(tmp_path), AIMX_RUNTIME_DIR=str(tmp_path), **env
    )
    assert f"data directory {chosen} cannot be used" in done.stderr


def test_a_reader_that_leaves_is_no_error():
    child = subprocess.Popen([*AIMX, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout and child.stderr
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait(60) == 141


def test_a_full_disk_below_stdout_is_one_line():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*AIMX, "--version"], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.stderr == b"Error: cannot write to standard output: No space left on device\n"
    assert done.returncode == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_are_survived(closed):
    line = f"{sys.executable} -m aimx.cli.main nonsense {closed}"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, timeout=60)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_an_interrupt_is_130_without_a_traceback():
    child = subprocess.Popen([*AIMX, "ingest", "ops"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdin and child.stderr
    deadline = time.monotonic() + 30
    while not _blocked_in_read(child.pid) and time.monotonic() < deadline:
        os.sched_yield()
    child.send_signal(signal.SIGINT)
    assert child.wait(60) == 130
    assert child.stderr.read() == b"interrupted\n"
    child.stdin.close()
    child.stderr.close()


def _blocked_in_read(pid: int) -> bool:
    """Whether a process waits in read(0, …)."""
    with open(f"/proc/{pid}/syscall") as file:
        words = file.read().split()
    return words[:2] == ["0", "0x0"]


ENDS = {
    "no-config": ("", "Config file not found at {etc}/config.toml; book/configuration.md shows one"),
    "bad-config": ("domain = 1", "{etc}/config.toml: domain: must be a string in quotes, not an integer"),
}


@pytest.mark.parametrize(("text", "expected"), ENDS.values(), ids=ENDS)
def test_serve_without_a_good_configuration_is_one_line(tmp_path, text, expected):
    if text:
        (tmp_path / "config.toml").write_text(text)
    done = aimx("serve", "--bind", "127.0.0.1:0", AIMX_CONFIG_DIR=str(tmp_path), AIMX_RUNTIME_DIR=str(tmp_path))
    assert done.stderr == "Error: " + expected.format(etc=tmp_path) + "\n"
    assert done.returncode == 1


def test_serve_on_a_taken_port_is_one_line(tmp_path, taken_port):
    (tmp_path / "config.toml").write_text(TREE)
    words = ("--data-dir", str(tmp_path / "data"), "serve", "--bind", f"127.0.0.1:{taken_port}")
    done = aimx(*words, AIMX_CONFIG_DIR=str(tmp_path), AIMX_RUNTIME_DIR=str(tmp_path))
    assert done.stderr.splitlines()[-1] == f"Error: cannot listen on 127.0.0.1:{taken_port}: Address already in use"
    assert done.returncode == 1


@pytest.fixture
def taken_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock.getsockname()[1]


@pytest.mark.root
def test_serve_as_root_without_its_worker_user_says_how_to_make_it(tmp_path):
    (tmp_path / "config.toml").write_text(TREE)
    users = Path("/etc/passwd").read_text().splitlines(keepends=True)
    (tmp_path / "passwd").write_text("".join(line for line in users if not line.startswith("aimx-worker:")))
    bind = f"mount --bind {tmp_path}/passwd /etc/passwd"
    if subprocess.run(["unshare", "-m", "sh", "-c", bind], capture_output=True, timeout=60).returncode:
        pytest.skip("no mount namespaces here")
    words = f"{sys.executable} -m aimx.cli.main --data-dir {tmp_path}/data serve --bind 127.0.0.1:0"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{bind} && exec {words}"],
        env={**os.environ, "AIMX_CONFIG_DIR": str(tmp_path), "AIMX_RUNTIME_DIR": str(tmp_path)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Error: the system user aimx-worker does not exist; create it")
    assert "useradd --system" in done.stderr
