"""A Draft to the octets of a message (RFC 5322, 2045-2047, 2231), without the email package.

Must never write a line that the draft did not mean: CR, LF and NUL in any header value are refused, Bcc is left out,
and the same draft always gives the same octets.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from aimx import limits
from aimx.errors import Refused
from aimx.mime import parse
from aimx.model.address import NamedAddress
from aimx.model.draft import Draft, DraftFile

_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_TOKEN = re.compile(r"[A-Za-z0-9!#$&^_.+-]+\Z")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}\Z")
_MSG_ID = re.compile(r"[^\s<>\x00-\x20\x7f]+\Z")
_ADDRESS = re.compile(r'[^\s<>(),;:\\"\x00-\x20\x7f@\[\]]+\Z')
_ENCODED_OCTETS = 45  # of text per encoded word: 60 characters of base64, within the 75 of RFC 2047 section 2
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CRLF = "\r\n"


def submission(draft: Draft) -> bytes:
    """The whole message with CRLF line ends.

    Raises:
        Refused: a value that cannot be written faithfully; the reason names the field.
    """
    fields = [
        ("Date", date(draft.date)),
        ("From", _mailboxes("From", [draft.from_])),
        ("To", _mailboxes("To", draft.to)),
        ("Cc", _mailboxes("Cc", draft.cc)),
        ("Subject", unstructured("Subject", draft.subject)),
        ("Message-ID", _msg_ids("Message-ID", [draft.message_id])),
        ("In-Reply-To", _msg_ids("In-Reply-To", [draft.in_reply_to] if draft.in_reply_to else [])),
        ("References", _msg_ids("References", draft.references)),
        ("MIME-Version", "1.0"),
    ]
    written = [(name, value) for name, value in fields if value or name == "Subject"]
    head = "".join(f"{name}: {value}{_CRLF}" for name, value in written).encode()
    if [name for name, _ in parse.entities(head)[0].fields] != [name.lower() for name, _ in written]:
        raise Refused("a header value would be read as another field")
    text = text_part(draft.body)
    if not draft.attachments:
        return head + text
    parts = [text, *(_file_part(file) for file in draft.attachments)]
    boundary = _boundary(parts)
    delimiter = f"--{boundary}{_CRLF}".encode()
    opening = f'Content-Type: multipart/mixed; boundary="{boundary}"{_CRLF}{_CRLF}'.encode()
    body = b"".join(delimiter + part + b"\r\n" for part in parts)
    return head + opening + body + f"--{boundary}--{_CRLF}".encode()


def date(moment: float) -> str:
    """Seconds since the epoch as an RFC 5322 date in UTC (no locale has a say)."""
    when = datetime.fromtimestamp(moment, UTC)
    return f"{_DAYS[when.weekday()]}, {when.day:02d} {_MONTHS[when.month - 1]} {when.year:04d} {when:%H:%M:%S} +0000"


def unstructured(name: str, value: str) -> str:
    """Text for an unstructured field: as it is when plain and short, else encoded words, folded."""
    _refuse_controls(name, value)
    if value.isascii() and "=?" not in value and len(value) <= limits.LINE_OCTETS - 100 and value == value.strip():
        return value
    return _encoded(value)


def _encoded(value: str) -> str:
    """Encoded words, one per line, never splitting a character (RFC 2047 section 5)."""
    words, chunk = [], bytearray()
    for character in value:
        octets = character.encode("utf-8", "replace")
        if len(chunk) + len(octets) > _ENCODED_OCTETS:
            words.append(bytes(chunk))
            chunk.clear()
        chunk += octets
    words.append(bytes(chunk))
    return f"{_CRLF} ".join(f"=?utf-8?B?{base64.b64encode(word).decode()}?=" for word in words if word)


def _mailboxes(name: str, addresses: Iterable[NamedAddress]) -> str:
    return f",{_CRLF} ".join(_mailbox(name, address) for address in addresses)


def _mailbox(name: str, named: NamedAddress) -> str:
    local, domain = named.address.local_part, named.address.domain
    if not (_ADDRESS.match(local) and _ADDRESS.match(domain)):
        raise Refused(f"{name}: not an address that can be written: {str(named.address)!r}")
    spec = f"{local}@{domain}"
    display = named.display_name
    _refuse_controls(name, display)
    if not display:
        return spec
    if "=?" in display or not display.isascii() or len(display) > limits.LINE_OCTETS // 4:
        return f"{_encoded(display)} <{spec}>"
    if _ATOMS.match(display):
        return f"{display} <{spec}>"
    quoted = display.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{spec}>'


def _msg_ids(name: str, ids: Iterable[str]) -> str:
    for item in ids:
        if not _MSG_ID.match(item) or len(item) > limits.LINE_OCTETS - 100:
            raise Refused(f"{name}: not a Message-ID: {item!r}")
    return f"{_CRLF} ".join(f"<{item}>" for item in ids)


def _refuse_controls(name: str, value: str) -> None:
    if _CONTROLS.search(value):
        raise Refused(f"{name}: control characters and line breaks are not allowed")


def text_part(body: str) -> bytes:
    """text/plain with CRLF line ends: 8bit or 7bit where the lines allow, else quoted-printable."""
    text = body.replace("\r\n", "\n")
    content = text.encode("utf-8", "replace").replace(b"\n", b"\r\n")
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    longest = max((len(line) for line in content.split(b"\r\n")), default=0)
    if "\r" in text or "\0" in text or longest > limits.LINE_OCTETS:
        encoding, content = "quoted-printable", _quoted_printable(content)
    else:
        encoding = "7bit" if content.isascii() else "8bit"
    head = f"Content-Type: text/plain; charset=utf-8{_CRLF}Content-Transfer-Encoding: {encoding}{_CRLF}{_CRLF}"
    return head.encode() + content


def _quoted_printable(content: bytes) -> bytes:
    """Each line by itself, so that only real line ends stay line ends (RFC 2045 section 6.7)."""
    lines = [binascii.b2a_qp(line, istext=False).replace(b"=\n", b"=\r\n") for line in content.split(b"\r\n")]
    return b"\r\n".join(lines)


def _file_part(file: DraftFile) -> bytes:
    _refuse_controls("attachment name", file.filename)
    if not _MEDIA_TYPE.match(file.content_type):
        raise Refused(f"attachment {file.filename!r}: not a media type: {file.content_type!r}")
    media_type = file.content_type
    if media_type.lower().startswith(("multipart/", "message/")):
        media_type = "application/octet-stream"  # these may not be base64 (RFC 2046 section 5)
    head = (
        f"Content-Type: {media_type}{_parameter('name', file.filename)}{_CRLF}"
        f"Content-Disposition: attachment{_parameter('filename', file.filename)}{_CRLF}"
        f"Content-Transfer-Encoding: base64{_CRLF}{_CRLF}"
    )
    return head.encode() + base64.encodebytes(file.content).replace(b"\n", b"\r\n")


def _parameter(name: str, value: str) -> str:
    """One parameter on its own line: a token, a quoted string, or RFC 2231 sections."""
    if _TOKEN.match(value) and len(value) <= 60:
        return f";{_CRLF} {name}={value}"
    if value.isascii() and len(value) <= 60 and "=?" not in value:
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        return f';{_CRLF} {name}="{quoted}"'
    octets = value.encode("utf-8", "replace")
    encoded = "".join(chr(octet) if chr(octet).isalnum() and octet < 128 else f"%{octet:02X}" for octet in octets)
    pieces = re.findall(r"(?:%..|[A-Za-z0-9]){1,18}", encoded)
    if len(pieces) == 1:
        return f";{_CRLF} {name}*=utf-8''{encoded}"
    first = [f"utf-8''{pieces[0]}", *pieces[1:]]
    return "".join(f";{_CRLF} {name}*{index}*={piece}" for index, piece in enumerate(first))


def _boundary(parts: list[bytes]) -> str:
    """A delimiter that occurs in no part, derived from the content (no randomness: the same draft, the same octets)."""
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]
    number = 0
    while any(f"--aimx-{digest}-{number}".encode() in part for part in parts):
        number += 1
    return f"aimx-{digest}-{number}"
