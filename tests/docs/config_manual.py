"""aimx.toml(5): the manual page of config.toml, made from the tables of book/configuration.md."""

import re

from aimx.effects.build import build
from tests.docs import pages
from tests.docs.pages import ROOT

CHAPTER = ROOT / "book" / "configuration.md"
_SECTIONS = {"## Top level": "TOP LEVEL", "## Mailboxes": "MAILBOXES", "## Hooks": "HOOKS"}


def page() -> str:
    """The page in man(7)."""
    lines = [
        f'.TH "AIMX.TOML" 5 "" "aimx {_text(build().tag)}" "aimx"',
        ".SH NAME",
        "aimx.toml \\- configuration of aimx, the mail server for AI agents",
        ".SH SYNOPSIS",
        ".B /etc/aimx/config.toml",
        ".SH DESCRIPTION",
        _text(_intro()),
    ]
    text = CHAPTER.read_text()
    for heading, title in _SECTIONS.items():
        section = text.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
        lines.append(f".SH {title}")
        for key, kind, default, meaning in re.findall(
            r"^\| `([a-z_0-9]+)` \| (.*?) \| (.*?) \| (.*?) \|$", section, re.MULTILINE
        ):
            lines += [".TP", f"\\fB{key}\\fR (\\fI{_text(_plain(kind))}\\fR)", _text(_meaning(default, meaning))]
    lines += [".SH EXAMPLE", ".nf", *map(_text, _example().splitlines()), ".fi"]
    lines += [".SH FILES", ".TP", "\\fB/etc/aimx/config.toml\\fR", "The configuration; root's, mode 0640."]
    lines += [".SH SEE ALSO", "\\fBaimx\\fR(1), \\fBaimx\\-serve\\fR(1), \\fBaimx\\-doctor\\fR(1)"]
    return "\n".join(lines) + "\n"


def _intro() -> str:
    """The first paragraph of the chapter."""
    return " ".join(_plain(CHAPTER.read_text().split("\n\n")[1]).split())


def _example() -> str:
    return next(block.text for block in pages.blocks(CHAPTER) if block.language == "toml")


def _meaning(default: str, meaning: str) -> str:
    words = _plain(meaning)
    if not meaning.startswith("`"):  # a value is written as it is
        words = words[:1].upper() + words[1:]
    told = {"required": "Required.", "none": "No default."}.get(default, f"Default: {_plain(default)}.")
    return f"{words.rstrip('.')}. {told}"


def _plain(text: str) -> str:
    """Markdown of one line without its marks."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "").replace("\\|", "|")


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
