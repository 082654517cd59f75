"""The parser of one command: argparse with this program's texts, and `--data-dir` after every command too.

A command with subcommands makes the parser of the one that is run, and no other: a client's start is short.
"""

import argparse
import itertools
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

from aimx.cli import diagnostics, output
from aimx.errors import Exit

# Its texts have no translations here, and looking for a catalogue takes longer than parsing a command line.
argparse._ = lambda text: text  # type: ignore[attr-defined]
_DATA_DIR = "directory of the mailboxes [env: AIMX_DATA_DIR]"
_HEADINGS = {"usage: ": "Usage: ", "\npositional arguments:\n": "\nArguments:\n", "\noptions:\n": "\nOptions:\n"}


class _Help(argparse.HelpFormatter):
    """One is made for every argument that is added; told its width, it need not load what asks the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns())


class Sub(NamedTuple):
    """One command of a group: `run(options) -> int`."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


class _Refusal(argparse.ArgumentError):
    """A text that is complete, with a tip."""

    def __init__(self, message: str, tip: str | None = None) -> None:
        super().__init__(None, message)
        self.tip = tip


class Parser(argparse.ArgumentParser):
    """Usage errors are one text on stderr and exit code 2. `subs`: the subcommands, of which one has to be named."""

    _words: Sequence[str] = ()
    subs: tuple[Sub, ...] = ()
    color = False  # argparse of Python 3.14 paints its help

    def __init__(self, prog: str, about: str, arguments: Callable[[argparse.ArgumentParser], None]) -> None:
        super().__init__(
            prog=prog, description=about, allow_abbrev=False, formatter_class=_Help, add_help=False, exit_on_error=False
        )
        self.color = False
        self.add_argument("-h", "--help", action="help", help="print this help")
        self.add_argument("--data-dir", metavar="DIR", default=None, help=_DATA_DIR)
        arguments(self)
        if self.subs:
            self.usage = "%(prog)s [OPTIONS] <COMMAND>"

    def format_help(self) -> str:
        """The help of a command, headed like the help of the program."""
        text = super().format_help()
        for heading, ours in _HEADINGS.items():
            text = text.replace(heading, ours, 1)
        width = max((len(sub.name) for sub in self.subs), default=0)
        listed = "".join(f"  {sub.name:<{width}}  {sub.help}\n" for sub in self.subs)
        return text.replace("\nOptions:\n", f"\nCommands:\n{listed}\nOptions:\n", 1) if listed else text

    def print_help(self, _file: Any = None) -> None:
        """To stdout: it was asked for."""
        output.write(self.format_help().rstrip("\n"))

    def parse_args(self, args: Sequence[str], _namespace: None = None) -> argparse.Namespace:  # type: ignore[override]
        """The options of one command line; `run` is that of the subcommand, where there is one."""
        if self.subs:
            return self._dispatch(list(args))
        self._words = args
        try:
            options, rest = self.parse_known_args(args)
        except argparse.ArgumentError as error:
            self._refuse(self._said(error), error.tip if isinstance(error, _Refusal) else self._tip())
        if rest:
            self._refuse(f"unexpected argument '{rest[0]}' found", self._tip())
        return options

    def _dispatch(self, words: list[str]) -> argparse.Namespace:
        data_dir = None
        while words and words[0].startswith("-"):
            option, equals, value = words.pop(0).partition("=")
            if option in ("-h", "--help") and not equals:
                self._help([])
            if option != "--data-dir":
                self._words = [option]
                self._refuse(f"unexpected argument '{option}' found", self._tip())
            if not equals and not words:
                self._refuse("a value is required for '--data-dir <DIR>'")
            data_dir = value if equals else words.pop(0)
        if not words:
            diagnostics.say(self.format_help().rstrip("\n"))
            raise SystemExit(int(Exit.USAGE))
        name, *rest = words
        if name == "help":
            self._help(rest)
        options = self.leaf(name).parse_args(rest)
        options.run = next(sub.run for sub in self.subs if sub.name == name)
        if options.data_dir is None:
            options.data_dir = data_dir
        return options

    def _help(self, words: list[str]) -> NoReturn:
        (self.leaf(words[0]) if words else self).print_help()
        raise SystemExit(int(Exit.OK))

    def leaf(self, name: str) -> "Parser":
        """The parser of a subcommand; ends the program when there is none."""
        found = next((sub for sub in self.subs if sub.name == name), None)
        if found is None:
            near = _nearest(name, [sub.name for sub in self.subs])
            tip = f"a similar subcommand exists: '{near}'" if near else None
            self._refuse(f"unrecognized subcommand '{name}'", tip)
        return Parser(f"{self.prog} {name}", found.help, found.arguments)

    def error(self, message: str) -> NoReturn:
        """Argparse found something that does not fit."""
        self._refuse(message, self._tip())

    def _refuse(self, message: str, tip: str | None = None) -> NoReturn:
        raise diagnostics.wrong_usage(message, self.format_usage().removeprefix("usage: ").strip(), tip)

    def _said(self, error: argparse.ArgumentError) -> str:
        """Argparse's message in the words of this program."""
        message, name = str(error.message), error.argument_name
        if name is None:
            return message
        shown = next((_shown(action) for action in self._actions if "/".join(action.option_strings) == name), name)
        if message.startswith("expected "):
            return f"a value is required for '{shown}'"
        if message.startswith("not allowed with argument "):
            return f"'{name}' cannot be used with '{message.removeprefix('not allowed with argument ')}'"
        if message.startswith("ignored explicit argument "):
            return f"unexpected value {message.removeprefix('ignored explicit argument ')} for '{shown}' found"
        return f"invalid value for '{shown}': {message}"

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        if action.type is not int:
            return super()._get_value(action, arg_string)
        try:
            return int(arg_string)
        except ValueError:
            raise _Refusal(f"invalid value '{arg_string}' for '{_shown(action)}': not a whole number") from None

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        near = _nearest(str(value), known)
        text = f"invalid value '{value}' for '{_shown(action)}'\n  [possible values: {', '.join(known)}]"
        raise _Refusal(text, f"a similar value exists: '{near}'" if near else None)

    def _tip(self) -> str | None:
        """Argparse misses required options before it looks at those that nobody knows."""
        known = [option for option in self._option_string_actions if option.startswith("--")]
        for word in itertools.takewhile(lambda word: word != "--", self._words):
            name = word.partition("=")[0]
            if name.startswith("--") and " " not in name and name not in known:
                near = next((option for option in known if option.startswith(name)), None) or _nearest(name, known)
                return f"'{name}' is no option" + (f"; a similar one exists: '{near}'" if near else "")
        return None


def _shown(action: argparse.Action) -> str:
    """`--lines <N>`, or the name of an argument that has no option."""
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        return f"<{metavar}>"
    return action.option_strings[-1] if action.nargs == 0 else f"{action.option_strings[-1]} <{metavar}>"


def _nearest(word: str, known: list[str]) -> str | None:
    from aimx.config import suggest

    return suggest.nearest(word, known)


def _columns() -> int:
    try:
        return int(os.environ.get("COLUMNS") or os.get_terminal_size(1).columns) - 2
    except (OSError, ValueError):
        return 78


def subcommands(parser: argparse.ArgumentParser, subs: Sequence[Sub]) -> None:
    """Give a command its subcommands; `options.run` is the chosen one's."""
    assert isinstance(parser, Parser)
    parser.subs = tuple(subs)


def parser(name: str, about: str, arguments: Callable[[argparse.ArgumentParser], None]) -> Parser:
    """The parser of `aimx <name>`."""
    return Parser(f"aimx {name}", about, arguments)


def count(text: str) -> int:
    """The type of an option that counts. Raises: ArgumentTypeError."""
    if not text.isdecimal() or not text.isascii():
        raise argparse.ArgumentTypeError(f"'{text}' is no number")
    return int(text)


def data_dir(after: str | None, before: str | None) -> str | None:
    """The flag where it was given, nearest to the command's end first."""
    chosen = before if after is None else after
    if chosen == "":
        raise diagnostics.wrong_usage("'--data-dir <DIR>' needs a path", "aimx --data-dir <DIR> <COMMAND>")
    return chosen
