"""book/commands.md: every command with every argument, made from the parsers, the same under every Python."""

import argparse

from aimx.cli import main, manual
from aimx.cli.parsing import Parser

HEAD = """\
# Every command

Made from the program's own parsers, which are also what `--help` prints and what the manual pages are made of
(`aimx help --man mailboxes create | man -l -`). What the commands are for: [Command line](cli.md). Every command takes
`-h` and `--data-dir <DIR>` too.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_section(words) for words in manual.names() if words)])


def _section(words: list[str]) -> str:
    command = main.find(words[0])
    parser = main.parser(command)
    about = command.help
    for word in words[1:]:
        about = next(sub.help for sub in parser.subs if sub.name == word)
        parser = parser.leaf(word)
    alias = f" (also `aimx {command.aliases[0]}`)" if command.aliases and len(words) == 1 else ""
    lines = [f"{'#' * (len(words) + 1)} `{parser.prog}`", "", f"{about}{alias}.", ""]
    rows = [(f"`{sub.name}`", sub.help) for sub in parser.subs] or _rows(parser)
    if rows:
        lines += [f"| {'command' if parser.subs else 'argument'} | meaning |", "|---|---|"]
        lines += [f"| {left} | {_cell(right)} |" for left, right in rows] + [""]
    return "\n".join(lines)


def _rows(parser: Parser) -> list[tuple[str, str]]:
    shown = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    shown = [action for action in shown if action.dest not in ("help", "data_dir")]
    return [(_left(action), manual.meaning(action)) for action in sorted(shown, key=lambda a: bool(a.option_strings))]


def _left(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    many = " …" if action.nargs in ("+", "*") else ""
    if not action.option_strings:
        return f"`[{metavar}]`" if action.nargs in ("?", "*") else f"`<{metavar}>{many}`"
    *others, last = action.option_strings
    value = "" if action.nargs == 0 else f" <{'|'.join(map(str, action.choices)) if action.choices else metavar}>{many}"
    needed = " (required)" if action.required else ""
    return ", ".join([*(f"`{option}`" for option in others), f"`{last}{value}`"]).replace("|", "\\|") + needed


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
