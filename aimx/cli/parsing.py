"""The parser of one command: argparse with this program's texts, and `--data-dir` after every command too."""

import argparse
import itertools
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

from aimx.cli import diagnostics

# Its texts have no translations here, and looking for a catalogue takes longer than parsing a command line.
argparse._ = str  # type: ignore[attr-defined]
_DATA_DIR = "directory of the mailboxes [env: AIMX_DATA_DIR]"
_HEADINGS = {"usage: ": "Usage: ", "\npositional arguments:\n": "\nArguments:\n", "\noptions:\n": "\nOptions:\n"}


class _Help(argparse.HelpFormatter):
    """One is made for every argument that is added; told its width, it need not load what asks the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns())


class Parser(argparse.ArgumentParser):
    """Usage errors are one text on stderr and exit code 2."""

    _words: Sequence[str] = ()

    def format_help(self) -> str:
        """The help of a command, headed like the help of the program."""
        text = super().format_help()
        for heading, ours in _HEADINGS.items():
            text = text.replace(heading, ours, 1)
        return text

    def parse_args(self, args: Sequence[str], namespace: None = None) -> argparse.Namespace:  # type: ignore[override]
        """The options of one command line."""
        self._words = args
        return super().parse_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Argparse found something that does not fit."""
        raise diagnostics.wrong_usage(message, self.format_usage().removeprefix("usage: ").strip(), self._tip())

    def _tip(self) -> str | None:
        """Argparse misses required options before it looks at those that nobody knows."""
        known = [option for option in self._option_string_actions if option.startswith("--")]
        for word in itertools.takewhile(lambda word: word != "--", self._words):
            name = word.partition("=")[0]
            if name.startswith("--") and " " not in name and name not in known:
                from aimx.config import suggest

                near = next((option for option in known if option.startswith(name)), None)
                near = near or suggest.nearest(name, known)
                return f"'{name}' is no option" + (f"; a similar one exists: '{near}'" if near else "")
        return None


def _columns() -> int:
    try:
        return int(os.environ.get("COLUMNS") or os.get_terminal_size(1).columns) - 2
    except (OSError, ValueError):
        return 78


class Sub(NamedTuple):
    """One command of a group: `run(options) -> int`."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def subcommands(parser: argparse.ArgumentParser, subs: Sequence[Sub]) -> None:
    """Give a command its subcommands; `options.run` is the chosen one's."""
    made = parser.add_subparsers(title="Commands", metavar="<COMMAND>", required=True, parser_class=Parser)
    for sub in subs:
        own = made.add_parser(sub.name, help=sub.help, description=sub.help, allow_abbrev=False, formatter_class=_Help)
        own.add_argument("--data-dir", metavar="DIR", default=argparse.SUPPRESS, help=_DATA_DIR)
        own.set_defaults(run=sub.run)
        sub.arguments(own)


def parser(name: str, about: str, arguments: Callable[[argparse.ArgumentParser], None]) -> Parser:
    """The parser of `aimx <name>`."""
    made = Parser(prog=f"aimx {name}", description=about, allow_abbrev=False, formatter_class=_Help)
    made.add_argument("--data-dir", metavar="DIR", default=None, help=_DATA_DIR)
    arguments(made)
    return made


def data_dir(after: str | None, before: str | None) -> str | None:
    """The flag where it was given, nearest to the command's end first."""
    chosen = before if after is None else after
    if chosen == "":
        raise diagnostics.wrong_usage("'--data-dir <DIR>' needs a path", "aimx --data-dir <DIR> <COMMAND>")
    return chosen
