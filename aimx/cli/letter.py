"""What was typed after `aimx send` as a draft: addresses, text, threading, files.

Reads what the caller may read and nothing of aimx: whose mailbox it is and whether it may be sent, the daemon decides.
"""

import argparse
import os
import sys
import time

from aimx import limits
from aimx.cli import attachments, diagnostics
from aimx.errors import Refused
from aimx.model.address import Address, NamedAddress
from aimx.model.draft import Draft

_SPECIAL = frozenset('"(),:;<>@[]\\ \t')
_HEADERS = (("From", "from_"), ("To", "to"), ("Cc", "cc"), ("Bcc", "bcc"), ("Reply-To", "reply_to_address"),
            ("Subject", "subject"))  # fmt: skip


def draft(options: argparse.Namespace) -> Draft:
    """The letter, files first and then its header (the order in which the original looks). Raises: Refused."""
    files = attachments.collect(options.attachment)
    for header, option in _HEADERS:
        _one_line(header, getattr(options, option))
    author = _addresses("From", [options.from_])
    if len(author) != 1:
        raise Refused("From must hold exactly one address")
    to, cc, bcc = (_addresses(name, getattr(options, name.lower())) for name in ("To", "Cc", "Bcc"))
    parent = _ids("--reply-to", options.reply_to or "")
    if len(parent) > 1:
        raise Refused("--reply-to takes one Message-ID; a chain goes to --references")
    chain = _ids("--references", options.references or "")
    return Draft(
        from_=author[0],
        to=to,
        cc=cc,
        bcc=bcc,
        reply_to=_addresses("Reply-To", options.reply_to_address),
        subject=_text("--subject", options.subject),
        body=_body(options),
        date=time.time(),
        message_id=f"{_uuid4()}@{_ascii(author[0].address.domain)}",
        in_reply_to="".join(parent),
        references=chain or parent,
        attachments=files,
    )


def html(options: argparse.Namespace) -> bytes | None:
    """The caller's own HTML; None when there is none (empty HTML is HTML)."""
    if options.html_body is None:
        return None
    text = _text("--html-body", options.html_body)
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()


def _one_line(header: str, given: str | list[str] | None) -> None:
    texts = [given] if isinstance(given, str) else given or []
    if any("\r" in text or "\n" in text for text in texts):
        raise Refused(f"Header '{header}' contains CRLF characters. Possible header injection")


def _text(option: str, text: str) -> str:
    """An argument that is not text in the caller's encoding holds lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(f"{option} is not valid UTF-8") from None
    return text


def _addresses(header: str, texts: list[str]) -> tuple[NamedAddress, ...]:
    """Each text may list several, with commas; quoted names may hold commas of their own."""
    return tuple(named for text in texts for named in _listed(header, _text(header, text)))


def _listed(header: str, text: str) -> list[NamedAddress]:
    local, _, domain = text.strip().partition("@")
    if local and domain and text.isascii() and _SPECIAL.isdisjoint(local + domain):
        return [NamedAddress("", Address(local, domain))]
    from aimx.mime import addresses  # takes as long as all the rest; a bare address needs no parser

    listing = addresses.read(text)
    if not listing.sound or not listing.mailboxes or not all(mailbox.sound for mailbox in listing.mailboxes):
        raise Refused(f"{header}: not an address: {text!r}; write bob@example.com or 'Bob <bob@example.com>'")
    return [NamedAddress(mailbox.name, _address(mailbox.addr_spec)) for mailbox in listing.mailboxes]


def _address(spec: str) -> Address:
    local, _, domain = spec.rpartition("@")
    return Address(local, domain)


def _ids(option: str, text: str) -> tuple[str, ...]:
    """Message-IDs without brackets, from text that may have lost them. Line breaks fall out, as in the original."""
    words = _text(option, text).replace("\r", "").replace("\n", "").replace("><", "> <").split()
    found = tuple(word[1:-1] if word.startswith("<") and word.endswith(">") else word for word in words)
    for word, inner in zip(words, found, strict=True):
        if not inner or "<" in inner or ">" in inner:
            raise Refused(f"{option}: not a Message-ID: {word!r}; write '<id@example.com>'")
    return found


def _body(options: argparse.Namespace) -> str:
    """`--body-file` and `--body -` as they are. On a command line `\\n` is typed for a line break (O6)."""
    if options.body_file is not None:
        return _file(options.body_file)
    if options.body == "-":
        return _stdin()
    text = _text("--body", options.body)
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


def _uuid4() -> str:
    """RFC 9562 section 5.4; the library's module first asks the platform who it is."""
    octets = bytearray(os.urandom(16))
    octets[6] = octets[6] & 0x0F | 0x40
    octets[8] = octets[8] & 0x3F | 0x80
    digits = octets.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _ascii(domain: str) -> str:
    """The right side of a Message-ID. Raises: Refused."""
    if domain.isascii():
        return domain
    from aimx.model.domain import a_label  # its library is large, and few domains need it

    label = a_label(domain)
    if label is None:
        raise Refused(f"From: not a domain: {domain!r}")
    return label
