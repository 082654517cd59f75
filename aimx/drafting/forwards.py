"""A stored mail sent on: its subject, the quotation below a note, the files that came with it. Computes only."""

import re
from typing import NamedTuple

from aimx.drafting.answers import Fields, escaped, quoted, text_of, to_of
from aimx.drafting.attachments import media_type
from aimx.mime import clean, parts

_FWD = re.compile(r"fwd?\s*:", re.IGNORECASE)
_SHOWN = (("From", "from"), ("Date", "date"), ("Subject", "subject"), ("To", "to"), ("Cc", "cc"))
_CUT = "[The rest of the forwarded message was left out.]"
_LINE = "---------- Forwarded message ----------"


class File(NamedTuple):
    """An attachment as the frontmatter of its email lists it."""

    filename: str
    content_type: str
    path: str


def subject(original: Fields) -> str:
    """What is sent on, once with `Fwd:`."""
    given = clean.one_line(text_of(original, "subject")).strip()
    return given if _FWD.match(given) else f"Fwd: {given}"


def body(note: str, original: Fields, text: str, plain: bool) -> str:
    """The note, who wrote what to whom, and the text, each of its lines quoted."""
    told = []
    for name, key in _SHOWN:
        value = clean.one_line(to_of(original) if key == "to" else text_of(original, key))
        if value:
            told.append(f"{name}: {value}" if plain else f"**{name}:** {escaped(value)}  ")
    head = f"{note.rstrip()}\n\n" if note.strip() else ""
    return f"{head}{_LINE}\n\n" + "\n".join(told) + f"\n\n{quoted(text)}\n"


def cut(text: str) -> str:
    """The beginning of what is longer than a letter should be, and that it is one."""
    return f"{text}\n\n{_CUT}"


def files(original: Fields) -> list[File]:
    """The attachments that an email lists; its owner may have edited the list."""
    tables = original.get("attachments", [])
    found = []
    for table in tables if isinstance(tables, list) else []:
        texts = [table.get(key) for key in ("filename", "content_type", "path")] if isinstance(table, dict) else []
        if texts and isinstance(texts[0], str):
            name = texts[2] if isinstance(texts[2], str) else texts[0]
            kind = texts[1] if isinstance(texts[1], str) else media_type(texts[0])
            found.append(File(texts[0], clean.one_line(kind).lower(), name))
    return found


def sent_type(file: File) -> str:
    """What it is sent on as."""
    return file.content_type if parts.is_media_type(file.content_type) else media_type(file.filename)
