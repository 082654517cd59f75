"""`aimx`: one parser, one table of commands. Each command's module is imported when it runs."""

import argparse
import importlib
import sys
from typing import NamedTuple

from aimx.cli import diagnostics, output


class Command(NamedTuple):
    """One subcommand: `module` holds `arguments(parser)` and `run(options) -> int`. No help: hidden."""

    name: str
    module: str
    help: str
    group: str


USER = "Operations (as current user):"
SERVER = "Server administration:"
COMMANDS = (
    Command("demo", "aimx.cli.demo", "Show the main job on loopback, no root needed", USER),
    Command("serve", "aimx.cli.serve", "Run the mail daemon", SERVER),
    Command("ingest", "aimx.cli.ingest", "", SERVER),
)


def _parser(wanted: str | None) -> argparse.ArgumentParser:
    """The parser; only the wanted command's module is loaded."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--data-dir", metavar="DIR", default=argparse.SUPPRESS, help="mailbox data directory [env: AIMX_DATA_DIR]"
    )
    parser = argparse.ArgumentParser(prog="aimx", parents=[common], add_help=False, usage="aimx [OPTIONS] <COMMAND>")
    parser.add_argument("-V", "--version", action="store_true", help="print version")
    parser.add_argument("-h", "--help", action="store_true", help="print help")
    commands = parser.add_subparsers(dest="command", metavar="<COMMAND>")
    for command in COMMANDS:
        sub = commands.add_parser(command.name, parents=[common], description=command.help)
        if command.name == wanted:
            importlib.import_module(command.module).arguments(sub)
    return parser


def _help() -> str:
    from aimx.effects.build import banner

    lines = [banner(), "", "Usage: aimx [OPTIONS] <COMMAND>"]
    for group in (USER, SERVER):
        lines += ["", group]
        lines += [f"  {c.name:<12} {c.help}" for c in COMMANDS if c.group == group and c.help]
    lines += ["", "Options:"]
    lines += ["      --data-dir <DIR>  mailbox data directory [env: AIMX_DATA_DIR]"]
    lines += ["  -V, --version         print version", "  -h, --help            print help"]
    return "\n".join(lines)


def run(argv: list[str]) -> int:
    """Parse and run one command; the exit code."""
    names = {command.name: command for command in COMMANDS}
    wanted = next((word for word in argv if word in names), None)
    options = _parser(wanted).parse_args(argv)
    if options.version:
        from aimx.effects.build import banner

        output.write(banner())
        return 0
    if options.help or options.command is None:
        output.write(_help())
        return 0 if options.help else 2
    return int(importlib.import_module(names[options.command].module).run(options))


def main() -> None:
    """Console script."""
    try:
        code = run(sys.argv[1:])
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        code = diagnostics.failed(error)
    sys.exit(code)


if __name__ == "__main__":
    main()
