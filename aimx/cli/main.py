"""`aimx`: one table of commands, the options that stand before them, and one parser per command.

Each command's module is imported when it runs; `--version` and `--help` import nothing but this package.
"""

import gc
import sys
from typing import TYPE_CHECKING, NamedTuple

from aimx.cli import diagnostics, output
from aimx.errors import Exit

if TYPE_CHECKING:
    from aimx.cli.parsing import Parser


class Command(NamedTuple):
    """One subcommand: `module` holds `arguments(parser)` and `run(options) -> int`. No group: not in the list.

    `brief`: it lives for one exchange with the daemon, and neither collects garbage nor takes itself apart at its end;
    that would be a third of its time.
    """

    name: str
    module: str
    help: str
    group: str
    brief: bool = False
    aliases: tuple[str, ...] = ()


USER = "Operations (as current user):"
SERVER = "Server administration:"
COMMANDS = (
    Command("send", "aimx.cli.send", "Send an email as a mailbox of yours", USER, brief=True),
    Command("mailboxes", "aimx.cli.mailboxes", "Manage mailboxes", USER, brief=True, aliases=("mailbox",)),
    Command("emails", "aimx.cli.emails", "List, search, read and mark mail", USER, brief=True, aliases=("email",)),
    Command("hooks", "aimx.cli.hooks", "Manage hooks", USER, brief=True, aliases=("hook",)),
    Command("mcp", "aimx.cli.mcp", "Serve your agent by MCP on standard input and output", USER),
    Command("agents", "aimx.cli.agents", "Wire your agents into aimx, by one command", USER),
    Command("tui", "aimx.cli.tui", "Mailboxes, mail, hooks and health on one screen, live", USER),
    Command("watch", "aimx.cli.watch", "Show what happens in your mailboxes, as it happens", USER),
    Command("demo", "aimx.cli.demo", "Show the main job on loopback, no root needed", USER),
    Command("setup", "aimx.cli.setup", "Set this host up as the mail server of a domain", SERVER),
    Command("serve", "aimx.cli.serve", "Run the mail daemon", SERVER),
    Command("doctor", "aimx.cli.doctor", "Check configuration, service, mailboxes, ownership and DNS", SERVER),
    Command("dns", "aimx.cli.dns", "Show the DNS records to publish, check whether they are right", SERVER),
    Command("logs", "aimx.cli.logs", "Show the log of the daemon", SERVER),
    Command("reindex", "aimx.cli.reindex", "Build the index anew from the mail itself", SERVER),
    Command("portcheck", "aimx.cli.portcheck", "Check port 25 connectivity, out and in", SERVER),
    Command("uninstall", "aimx.cli.uninstall", "Remove service and program; configuration, keys and mail stay", SERVER),
    Command("upgrade", "aimx.cli.upgrade", "Install another release, or leave everything as it was", SERVER),
    Command("dkim-keygen", "aimx.cli.keygen", "Make a DKIM key pair and print its DNS record", SERVER),
    Command("release-check", "aimx.cli.release_check", "Verify the files of a release", ""),
    Command("ingest", "aimx.cli.ingest", "Store a raw message from standard input", ""),
)
USAGE = "aimx [OPTIONS] <COMMAND>"
OPTIONS = (
    ("    --data-dir <DIR>", "Directory of the mailboxes [env: AIMX_DATA_DIR]"),
    ("-V, --version", "Print version"),
    ("-h, --help", "Print help"),
)


class Before(NamedTuple):
    """What stands before the command: `ask` is the question that needs no command (version, help)."""

    data_dir: str | None
    ask: str | None
    rest: list[str]


def run(argv: list[str]) -> int:
    """Parse and run one command; the exit code."""
    before = _before(argv)
    if before.ask == "version":
        from aimx.effects.build import banner

        output.write(banner())
        return Exit.OK
    if before.ask == "help" or before.rest[:1] == ["help"]:
        return _help(before.rest[1:])
    if not before.rest:
        diagnostics.say(help_text())
        return Exit.USAGE
    name, *rest = before.rest
    command = find(name)
    if command.brief:
        gc.disable()
    options = parser(command).parse_args(rest)
    from aimx.cli import parsing

    options.data_dir = parsing.data_dir(options.data_dir, before.data_dir)
    return int(sys.modules[command.module].run(options))


def _before(argv: list[str]) -> Before:
    words = list(argv)
    data_dir = None
    while words and words[0].startswith("-"):
        word = words.pop(0)
        option, equals, value = word.partition("=")
        if option == "--data-dir":
            if not equals and not words:
                raise diagnostics.wrong_usage("a value is required for '--data-dir <DIR>'", USAGE)
            data_dir = value if equals else words.pop(0)
        elif word in ("-V", "--version"):
            return Before(data_dir, "version", words)
        elif word in ("-h", "--help"):
            return Before(data_dir, "help", [])
        else:
            raise diagnostics.wrong_usage(f"unexpected argument '{word}' found", USAGE)
    return Before(data_dir, None, words)


def find(name: str) -> Command:
    """The command of that name or alias; ends the program when there is none."""
    command = next((command for command in COMMANDS if name in (command.name, *command.aliases)), None)
    if command is None:
        raise diagnostics.wrong_usage(f"unrecognized subcommand '{name}'", USAGE, _near(name))
    return command


def parser(command: Command) -> "Parser":
    """The parser of a command, its module imported."""
    from aimx.cli import parsing

    __import__(command.module)
    return parsing.parser(command.name, command.help, sys.modules[command.module].arguments)


def _near(name: str) -> str | None:
    from aimx.config import suggest

    found = suggest.nearest(name, ["help", *(command.name for command in COMMANDS if command.group)])
    return f"a similar subcommand exists: '{found}'" if found else None


def _help(words: list[str]) -> int:
    """`--help`, `help`, `help <command> …`; with `--man` the same as a manual page."""
    manual = "--man" in words
    names = [word for word in words if word != "--man"]
    if names[:1] == ["help"]:
        names = []
    if manual:
        from aimx.cli import manual as pages

        output.write(pages.page(names).rstrip("\n"))
    elif names:
        parser(find(names[0])).parse_args([*names[1:], "--help"])
    else:
        output.write(help_text())
    return Exit.OK


def help_text() -> str:
    """All commands by group, then the options of every command."""
    from aimx.effects.build import about

    lines = [about(), "", f"Usage: {USAGE}"]
    for group in (USER, SERVER):
        lines += ["", group]
        lines += [f"  {command.name:<12} {command.help}" for command in COMMANDS if command.group == group]
    lines += ["", f"  {'help':<12} Print this message or the help of a command; --man: its manual"]
    lines += ["", "Options:"]
    lines += [f"  {option:<22} {what}" for option, what in OPTIONS]
    return "\n".join(lines)


def main() -> None:
    """Console script."""
    try:
        code = run(sys.argv[1:])
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        code = diagnostics.failed(error)
    if not gc.isenabled():
        output.leave(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
