"""Questions to the person at the terminal: the one yes/no parser, and one line of text.

A question stands on stderr. Where nobody can answer, it is an error that names the option which answers it.
"""

import os
import sys

from aimx.cli import diagnostics
from aimx.errors import AnswerNeeded

_TRUTHY = frozenset({"1", "true", "yes"})


def interactive() -> bool:
    """Whether somebody sits there: a terminal, and not told otherwise by AIMX_NONINTERACTIVE."""
    return not noninteractive() and sys.stdin is not None and sys.stdin.isatty()


def noninteractive() -> bool:
    """Whether AIMX_NONINTERACTIVE says that nobody answers."""
    return os.environ.get("AIMX_NONINTERACTIVE", "") in _TRUTHY


def confirm(question: str, yes: bool) -> bool:
    """A question that is answered `y` or `yes` by who means it; anything else, and the end of input, is no.

    `yes`: it was answered on the command line. Raises: AnswerNeeded.
    """
    if yes:
        return True
    if not interactive():
        raise AnswerNeeded(f"{question} Nobody can be asked here ({_why()}): pass --yes")
    return is_yes(line(f"{question} [y/N] "))


def is_yes(answer: str | None) -> bool:
    """How every yes is recognised."""
    return answer is not None and answer.strip().lower() in ("y", "yes")


def agrees(answer: str, default: bool) -> bool | None:
    """What was meant where Enter alone is an answer too; None: neither yes nor no."""
    word = answer.strip().lower()
    if not word:
        return default
    return True if word in ("y", "yes") else False if word in ("n", "no") else None


def line(question: str) -> str | None:
    """What is typed, without blanks around it; None at the end of input."""
    diagnostics.ask(question)
    typed = sys.stdin.readline()
    if not typed:
        diagnostics.say("")
        return None
    return typed.strip()


def _why() -> str:
    return "AIMX_NONINTERACTIVE is set" if noninteractive() else "no terminal"
