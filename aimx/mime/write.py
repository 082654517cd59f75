"""Header field values as octets may hold them (RFC 5322, 2045, 2047, 2231): the one writer of everything that leaves.

Must never write a line that was not meant: CR, LF, NUL and every other control character are refused. Used by
`aimx send`, so it loads nothing that is not needed for each message.
"""

import base64
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from aimx import limits
from aimx.errors import Refused
from aimx.model.address import NamedAddress

CRLF = "\r\n"
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_TOKEN = re.compile(r"[A-Za-z0-9!#$&^_.+-]+\Z")
_MSG_ID = re.compile(r"[!-;=?-~]+\Z")
_ADDRESS = re.compile(r'[^\s<>(),;:\\"\x00-\x20\x7f@\[\]]+\Z')
_WORD = re.compile(r" *[^ ]+")
_ENCODED_OCTETS = 39  # of text per encoded word: 64 characters with its frame, 76 with any usual field name before it
_LINE = 76  # RFC 2047 section 2, for lines with encoded words; 78 of RFC 5322 for others
_LONG_WORD = limits.LINE_OCTETS - 100  # a longer one stands in no line with its field's name
_QUOTED_CHARACTERS = 60
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def field(name: str, value: str) -> bytes:
    """One field with its line end. `value` is what another function of this module wrote."""
    return f"{name}: {value}{CRLF}".encode()


def refuse_controls(name: str, value: str) -> None:
    """Raises: Refused."""
    if _CONTROLS.search(value):
        raise Refused(f"{name}: control characters and line breaks are not allowed")


def date(moment: float) -> str:
    """Seconds since the epoch as an RFC 5322 date in UTC."""
    return _date(datetime.fromtimestamp(moment, UTC))


def date_of(rfc3339: str) -> str:
    """An RFC 3339 date as an RFC 5322 one, with its own offset."""
    return _date(datetime.fromisoformat(rfc3339))


def _date(when: datetime) -> str:
    """No locale has a say."""
    minutes = (when.utcoffset() or timedelta()) // timedelta(minutes=1)
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
    return f"{_DAYS[when.weekday()]}, {when.day:02d} {_MONTHS[when.month - 1]} {when.year:04d} {when:%H:%M:%S} {zone}"


def unstructured(name: str, value: str) -> str:
    """Text, folded where it is long; what is not plain ASCII in it becomes encoded words.

    Raises: Refused.
    """
    refuse_controls(name, value)
    words = value.strip(" ").split(" ")
    odd = [index for index, word in enumerate(words) if not word.isascii() or "=?" in word or len(word) > _LONG_WORD]
    if any(len(unit) > _LONG_WORD for unit in _WORD.findall(value)):  # blanks without end; no line can hold them
        odd = [0, len(words) - 1]
    if odd:
        middle = " ".join(_encoded(" ".join(words[odd[0] : odd[-1] + 1])))
        words[odd[0] : odd[-1] + 1] = [middle]
    return folded(name, " ".join(words))


def folded(name: str, value: str) -> str:
    """A value broken before its blanks where a line would be too long; unfolded it is the same again."""
    if len(name) + 2 + len(value) <= _LINE:
        return value
    lines, room = [""], _LINE - len(name) - 2
    for word in _WORD.findall(value):
        if len(lines[-1]) + len(word) > room and word.startswith(" "):
            lines.append("")
            room = _LINE
        lines[-1] += word
    if len(lines[0]) > _LINE - len(name) - 2 and not lines[0].startswith(" "):
        lines[0] = f"{CRLF} {lines[0]}"  # the first word needs a line of its own; the blank belongs to no value
    return CRLF.join(lines)


def _encoded(value: str) -> list[str]:
    """Encoded words, never splitting a character (RFC 2047 section 5)."""
    words, chunk = [], bytearray()
    for character in value:
        octets = character.encode("utf-8", "replace")
        if len(chunk) + len(octets) > _ENCODED_OCTETS:
            words.append(bytes(chunk))
            chunk.clear()
        chunk += octets
    words.append(bytes(chunk))
    return [f"=?utf-8?B?{base64.b64encode(word).decode()}?=" for word in words if word]


def addresses(name: str, named: Iterable[NamedAddress]) -> str:
    """An address list. A local part that is not ASCII stands there as it is (RFC 6532). Raises: Refused."""
    return folded(name, ", ".join(_mailbox(name, one) for one in named))


def _mailbox(name: str, named: NamedAddress) -> str:
    local, domain = named.address.local_part, named.address.domain
    if not (_ADDRESS.match(local) and _ADDRESS.match(domain)):
        raise Refused(f"{name}: not an address that can be written: {str(named.address)!r}")
    spec = f"{local}@{domain}"
    display = named.display_name
    refuse_controls(name, display)
    if not display:
        return spec
    if "=?" in display or not display.isascii() or len(display) > _QUOTED_CHARACTERS:
        return f"{' '.join(_encoded(display))} <{spec}>"
    if _ATOMS.match(display):
        return f"{display} <{spec}>"
    quoted = display.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{spec}>'


def is_msg_id(text: str) -> bool:
    """Whether this can be written between angle brackets."""
    return len(text) <= _LONG_WORD and _MSG_ID.match(text) is not None


def msg_ids(name: str, ids: Iterable[str]) -> str:
    """Message-IDs, each in its brackets. Raises: Refused."""
    listed = tuple(ids)
    for item in listed:
        if not is_msg_id(item):
            raise Refused(f"{name}: not a Message-ID: {item!r}")
    return folded(name, " ".join(f"<{item}>" for item in listed))


def parameter(name: str, value: str) -> str:
    """One parameter on its own line: a token, a quoted string, or RFC 2231 sections. Raises: Refused."""
    refuse_controls(name, value)
    if _TOKEN.match(value) and len(value) <= _QUOTED_CHARACTERS:
        return f";{CRLF} {name}={value}"
    if value.isascii() and len(value) <= _QUOTED_CHARACTERS and "=?" not in value:
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        return f';{CRLF} {name}="{quoted}"'
    octets = value.encode("utf-8", "replace")
    encoded = "".join(chr(octet) if chr(octet).isalnum() and octet < 128 else f"%{octet:02X}" for octet in octets)
    pieces = re.findall(r"(?:%..|[A-Za-z0-9]){1,18}", encoded)
    if len(pieces) == 1:
        return f";{CRLF} {name}*=utf-8''{encoded}"
    first = [f"utf-8''{pieces[0]}", *pieces[1:]]
    return "".join(f";{CRLF} {name}*{index}*={piece}" for index, piece in enumerate(first))
