"""Parameters that several tools have in common, as they are described to agents."""

from typing import Annotated

from msgspec import Meta

from aimx.mcp.tool import ToolError

MailboxName = Annotated[str, Meta(description="Name of a mailbox that you own (local part of its address).")]
EmailId = Annotated[
    str, Meta(description="Email id as email_list shows it, the filename stem, e.g. 2025-01-15-103000-meeting.")
]
# A value that is none gets the tool's own words, so the schema only tells.
Folder = Annotated[str, Meta(description='"inbox" (default) or "sent".', extra_json_schema={"enum": ["inbox", "sent"]})]
TextOnly = Annotated[
    bool,
    Meta(
        description="Body verbatim as text/plain, no Markdown, no HTML. Leave it false unless this is a one-line notice"
        " or the user asked for plain text. Excludes html_body."
    ),
]
HtmlBody = Annotated[
    str,
    Meta(
        description="HTML part, verbatim; body becomes the text part. Leave it out unless the user gave you HTML:"
        " Markdown in body is rendered for you. Excludes text_only."
    ),
]


Addresses = Annotated[
    list[str] | str,
    Meta(description="Addresses.", extra_json_schema={"type": "array", "items": {"type": "string"}}),
]
Key = Annotated[
    str,
    Meta(
        description="Your own name for this email, e.g. invoice-42. Called again with the same key and email within 24"
        " hours, it is not sent again and you get the first answer."
    ),
]
Files = Annotated[list[str], Meta(description="Paths of files to attach; you must be able to read them.")]


def texts(given: list[str] | str) -> list[str]:
    """One or several, those that say something."""
    return [text for text in ([given] if isinstance(given, str) else given) if text.strip()]


def folder(text: str) -> str:
    """The folder that is meant. Raises: ToolError."""
    if text in ("inbox", "sent"):
        return text
    raise ToolError(f'Invalid folder \'{text}\': expected "inbox" or "sent".')


def email_id(text: str) -> str:
    """An id that can be asked for. Raises: ToolError."""
    if not text:
        raise ToolError("Email ID cannot be empty.")
    if "\r" in text or "\n" in text or "\0" in text or text != text.strip():
        raise ToolError("Email ID contains invalid characters.")
    return text
