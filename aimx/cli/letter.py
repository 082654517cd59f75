"""What was typed after `aimx send` as a draft: addresses, text, threading, files.

Reads what the caller may read and nothing of aimx: whose mailbox it is and whether it may be sent, the daemon decides.
"""

import argparse
import sys
import time

from aimx import limits
from aimx.cli import diagnostics
from aimx.drafting import attachments, fields
from aimx.errors import Refused
from aimx.model.draft import Draft

_HEADERS = (("From", "from_"), ("To", "to"), ("Cc", "cc"), ("Bcc", "bcc"), ("Reply-To", "reply_to_address"),
            ("Subject", "subject"))  # fmt: skip


def draft(options: argparse.Namespace) -> Draft:
    """The letter, files first and then its header (the order in which the original looks). Raises: Refused."""
    files = attachments.collect(options.attachment)
    for header, option in _HEADERS:
        given = getattr(options, option)
        fields.one_line(header, [given] if isinstance(given, str) else given or [])
    author = fields.addresses("From", [options.from_])
    if len(author) != 1:
        raise Refused("From must hold exactly one address")
    to, cc, bcc = (fields.addresses(name, getattr(options, name.lower())) for name in ("To", "Cc", "Bcc"))
    parent = fields.parent("--reply-to", "--references", options.reply_to or "")
    chain = fields.message_ids("--references", options.references or "")
    return Draft(
        from_=author[0],
        to=to,
        cc=cc,
        bcc=bcc,
        reply_to=fields.addresses("Reply-To", options.reply_to_address),
        subject=fields.text_of("--subject", options.subject),
        body=_body(options),
        date=time.time(),
        message_id=fields.new_message_id(author[0].address.domain),
        in_reply_to="".join(parent),
        references=chain or parent,
        attachments=files,
    )


def _body(options: argparse.Namespace) -> str:
    """`--body-file` and `--body -` as they are. On a command line `\\n` is typed for a line break (O6)."""
    if options.body_file is not None:
        return _file(options.body_file)
    if options.body == "-":
        return _stdin()
    text = fields.text_of("--body", options.body)
    return text if "\n" in text or options.text_only else text.replace("\\n", "\n")


def _file(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return _decoded(path, file.read(limits.FRAME_BODY_OCTETS + 1))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise Refused(f"--body-file cannot be read: {path}: {why}") from None


def _stdin() -> str:
    if sys.stdin is None:  # started with a closed descriptor
        raise Refused("no body: standard input is closed")
    if sys.stdin.isatty():
        diagnostics.say("Reading the body from the terminal; end it with Ctrl-D.")
    return _decoded("standard input", sys.stdin.buffer.read(limits.FRAME_BODY_OCTETS + 1))


def _decoded(source: str, octets: bytes) -> str:
    if len(octets) > limits.FRAME_BODY_OCTETS:
        raise Refused(f"{source} is larger than the {attachments.mebibytes(limits.FRAME_BODY_OCTETS)} of a message")
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise Refused(f"{source} is not UTF-8 text (octet {error.start})") from None
