"""The parts of a draft that are read from text: addresses, Message-IDs, and a new Message-ID.

Loads no library that a plain address can do without: a command starts for one message.
"""

import os

from aimx import limits
from aimx.errors import Refused
from aimx.model.address import Address, NamedAddress

_SPECIAL = frozenset('"(),:;<>@[]\\ \t')


def text_of(option: str, text: str) -> str:
    """An argument that is not text in the caller's encoding holds lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(f"{option} is not valid UTF-8") from None
    return text


def one_line(header: str, texts: list[str]) -> None:
    """Raises: Refused for what would become another header field."""
    if any("\r" in text or "\n" in text for text in texts):
        raise Refused(f"Header '{header}' contains CRLF characters. Possible header injection")


def addresses(header: str, texts: list[str]) -> tuple[NamedAddress, ...]:
    """Each text may list several, with commas; quoted names may hold commas of their own."""
    return tuple(named for text in texts for named in _listed(header, text_of(header, text)))


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


def message_ids(option: str, text: str) -> tuple[str, ...]:
    """Message-IDs without brackets, from text that may have lost them. Line breaks fall out, as in the original."""
    words = text_of(option, text).replace("\r", "").replace("\n", "").replace("><", "> <").split()
    found = tuple(word[1:-1] if word.startswith("<") and word.endswith(">") else word for word in words)
    for word, inner in zip(words, found, strict=True):
        if not inner or "<" in inner or ">" in inner:
            raise Refused(f"{option}: not a Message-ID: {word!r}; write '<id@example.com>'")
    return found


def parent(option: str, chain: str, text: str) -> tuple[str, ...]:
    """The one message that is answered, or none. `chain`: the option for several. Raises: Refused."""
    found = message_ids(option, text)
    if len(found) > 1:
        raise Refused(f"{option} takes one Message-ID; a chain goes to {chain}")
    return found


def new_message_id(domain: str) -> str:
    """A Message-ID without brackets that nobody else has. Raises: Refused for a domain that has no ASCII form."""
    return f"{_uuid4()}@{_ascii(domain)}"


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


def hook_job() -> str | None:
    """The token of the hook that this process runs in (U5), if what the environment says can be one."""
    job = os.environ.get("AIMX_JOB", "")
    token = job if job.isascii() and job.isprintable() and job == job.strip() else ""
    return token[: limits.HEADER_LINE_OCTETS // 2] or None
