"""Rows and texts for generated pages."""

import re


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table, and an empty one."""
    return [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows), ""]


def code(text: str) -> str:
    """Inline code that may stand in a table."""
    marks = ("`` ", " ``") if "`" in text else ("`", "`")
    return f"{marks[0]}{text}{marks[1]}".replace("|", "\\|")


def cell(text: str) -> str:
    """Prose that may stand in a table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def sentence(doc: str | None) -> str:
    """A docstring as prose: on one line, without references to rules that readers of the book do not have."""
    words = " ".join((doc or "").split())
    return re.sub(r" \((?:[A-Z]\d+|guide[^)]*|reference[^)]*|RFC[^)]*)\)", "", words)


def document(head: str, *parts: list[str]) -> str:
    """A page of its lines."""
    return "\n".join([head, *(line for part in parts for line in part)]).rstrip("\n") + "\n"
