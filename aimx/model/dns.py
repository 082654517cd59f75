"""DNS questions and answers as plain values (RFC 1035), so that verification is a pure function of them."""

from typing import Literal

import msgspec

RecordType = Literal["A", "AAAA", "MX", "TXT", "PTR", "CNAME", "NS"]
Status = Literal["ok", "nxdomain", "nodata", "temperror"]


class Question(msgspec.Struct, frozen=True, array_like=True):
    """An absolute name without its final dot, lower-case A-labels, and a type."""

    name: str
    rtype: RecordType


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """Records by type: A, AAAA: address text · PTR, CNAME, NS: name · MX: `"10 name"` · TXT: joined octets as Latin-1.

    `status` `ok` has at least one record. `temperror` is every failure that may pass.
    """

    question: Question
    status: Status
    records: tuple[str, ...] = ()
    ttl_s: int = 0
