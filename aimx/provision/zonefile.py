"""Records as lines of a zone file (RFC 1035 section 5), which every DNS provider and server can read. Pure."""

from aimx import limits
from aimx.model.domain import a_label
from aimx.provision.records import Record


def text(records: tuple[Record, ...]) -> str:
    """All of them. What is not known yet stands in a comment: a file with it in would be refused as a whole."""
    return "".join(f"{line(record)}\n" for record in records)


def line(record: Record) -> str:
    """One record, with its name in full."""
    shown = f"{_absolute(record.name)} IN {record.rtype} {_data(record)}"
    return f"; {shown}" if "<" in record.value else shown


def strings(value: str) -> tuple[str, ...]:
    """The quoted strings of a TXT record: each holds 255 octets at most (RFC 1035 section 3.3.14)."""
    octets = value.encode("utf-8")
    pieces = [octets[at : at + limits.TXT_STRING_OCTETS] for at in range(0, len(octets), limits.TXT_STRING_OCTETS)]
    return tuple(f'"{"".join(map(_character, piece))}"' for piece in pieces or [b""])


def _character(octet: int) -> str:
    if octet in b'"\\':
        return f"\\{octet:c}"
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03d}"


def _absolute(name: str) -> str:
    return f"{a_label(name) or name}."


def _data(record: Record) -> str:
    if record.rtype != "TXT":
        return record.value
    quoted = strings(record.value)
    return quoted[0] if len(quoted) == 1 else f"( {' '.join(quoted)} )"
