"""Manual pages (man 7 man), made from the parsers: what `aimx help --man [command]` prints."""

import argparse
import re

from aimx.cli import main
from aimx.cli.parsing import Parser
from aimx.effects.build import build
from aimx.errors import Exit

_EXITS = {
    Exit.OK: "Done.",
    Exit.FAILED: "Failed, or refused; standard error says why.",
    Exit.USAGE: "Not tried: the command line does not parse, nobody is there to answer, or no daemon answers.",
    Exit.NO_ANSWER: "The daemon took the request and did not answer: what became of it is not known.",
    Exit.INTERRUPTED: "Interrupted.",
    Exit.BROKEN_PIPE: "The reader of standard output went away.",
}
_ENVIRONMENT = {
    "AIMX_CONFIG_DIR": "The directory of config.toml and of the DKIM keys, if not /etc/aimx.",
    "AIMX_DATA_DIR": "The directory of the mailboxes, if not what config.toml says.",
    "AIMX_RUNTIME_DIR": "The directory of the socket, if not /run/aimx.",
    "AIMX_NONINTERACTIVE": "Set to 1: nobody is there to answer a question.",
    "AIMX_RELEASE_MANIFEST_URL": "Where upgrade looks for releases, if not where config.toml says.",
    "AIMX_SANDBOX_FORCE_FALLBACK": "Set to anything for the daemon: hooks are no units of systemd.",
    "NO_COLOR": "Set to anything: no colours.",
}
_FILES = {
    "/etc/aimx/config.toml": "The configuration.",
    "/var/lib/aimx/": "The mail: inbox/ and sent/, a directory per mailbox.",
    "/run/aimx/aimx.sock": "The daemon's socket.",
}


def page(words: list[str]) -> str:
    """The page of the program, of a command, or of a subcommand."""
    if not words:
        return _program()
    command = main.find(words[0])
    parser = main.parser(command)
    about = command.help
    for word in words[1:]:
        about = next((sub.help for sub in parser.subs if sub.name == word), about)
        parser = parser.leaf(word)
    return _command(parser, about)


def names() -> list[list[str]]:
    """The words of every page."""
    found: list[list[str]] = [[]]
    for command in main.COMMANDS:
        if command.group:
            found.append([command.name])
            found += [[command.name, sub.name] for sub in main.parser(command).subs]
    return found


def _head(name: str, about: str) -> list[str]:
    title = name.replace(" ", "-")
    return [
        f'.TH "{title.upper()}" 1 "" "aimx {_text(build().tag)}" "aimx"',
        ".SH NAME",
        f"{_text(title)} \\- {_text(about[:1].lower() + about[1:])}",
    ]


def _program() -> str:
    lines = [*_head("aimx", "Mail server for AI agents"), ".SH SYNOPSIS", f".B aimx\n{_text('[OPTIONS] <COMMAND>')}"]
    for group in (main.USER, main.SERVER):
        lines.append(f".SH {group.rstrip(':').upper()}")
        for command in main.COMMANDS:
            if command.group == group:
                lines += _entry(f"\\fBaimx {_text(command.name)}\\fR(1)", command.help)
    lines.append(".SH OPTIONS")
    for option, what in main.OPTIONS:
        lines += _entry(f"\\fB{_text(option.strip())}\\fR", what)
    for title, table in (("ENVIRONMENT", _ENVIRONMENT), ("FILES", _FILES)):
        lines.append(f".SH {title}")
        for name, what in table.items():
            lines += _entry(f"\\fB{_text(name)}\\fR", what)
    lines += [*_exits(), ".SH SEE ALSO", "The help of each command: \\fBaimx help\\fR \\fICOMMAND\\fR."]
    return "\n".join(lines) + "\n"


def _command(parser: Parser, about: str) -> str:
    usage = re.sub(r"\s+", " ", parser.format_usage().removeprefix("usage: ")).strip()
    _, _, arguments = usage.partition(parser.prog)
    lines = [*_head(parser.prog, about), ".SH SYNOPSIS", f".B {_text(parser.prog)}", _text(arguments.strip())]
    lines += [".SH DESCRIPTION", f"{_text(about)}."]
    if parser.subs:
        lines.append(".SH COMMANDS")
        for sub in parser.subs:
            lines += _entry(f"\\fB{_text(sub.name)}\\fR", sub.help)
    actions = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    for title, with_option in (("ARGUMENTS", False), ("OPTIONS", True)):
        chosen = [action for action in actions if bool(action.option_strings) == with_option]
        if chosen:
            lines.append(f".SH {title}")
        for action in chosen:
            lines += _entry(_invocation(action), meaning(action))
    lines += [*_exits(), ".SH SEE ALSO", "\\fBaimx\\fR(1)"]
    return "\n".join(lines) + "\n"


def _invocation(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        return f"\\fI{_text(metavar)}\\fR"
    options = ", ".join(f"\\fB{_text(option)}\\fR" for option in action.option_strings)
    if action.nargs == 0:
        return options
    value = "|".join(map(str, action.choices)) if action.choices else metavar
    return f"{options} \\fI{_text(value)}\\fR"


def meaning(action: argparse.Action) -> str:
    """The help of an argument, with argparse's own placeholders filled in."""
    return (action.help or "") % {**vars(action), "prog": "aimx"}


def _exits() -> list[str]:
    lines = [".SH EXIT STATUS"]
    for code, what in _EXITS.items():
        lines += _entry(str(int(code)), what)
    return lines


def _entry(head: str, text: str) -> list[str]:
    return [".TP", head, _text(text[:1].upper() + text[1:]) + "." * (not text.endswith((".", "]", ")")))]


def _text(text: str) -> str:
    """Escaped for roff: backslashes, hyphens that are typed, and what begins a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
