"""RFC 5322 dates (obsolete forms included) to RFC 3339, keeping the sender's offset.

Must never raise and never invent: an unreadable date is None.
"""

import re
from datetime import UTC, datetime

from aimx.mime import structured

_DATE = re.compile(
    r"\s*(?:[A-Za-z]{2,20}\.?\s*,?\s*)?(\d{1,2})[\s-]+([A-Za-z]{3})[a-z]{0,6}\.?[\s,-]+(\d{2,4})[\s,]+"
    r"(\d{1,2})\s?[:.]\s?(\d{1,2})(?:\s?[:.]\s?(\d{1,2}))?(?:\.\d{1,9})?\s*(?:([+-])(\d{2}):?(\d{2})|([A-Za-z]{1,5}))?"
)
_MONTHS = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)  # noqa: SIM905
}
_ZONES = {"edt": -4, "est": -5, "cdt": -5, "cst": -6, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8}
_DATE_CHARACTERS = 200


def utc(moment: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339(value: str) -> str | None:
    """A Date value as RFC 3339 with its own offset, `Z` when that is zero; None when it names no instant.

    Unknown alphabetic zones and the military ones mean nothing and count as zero (RFC 5322 section 4.3).
    """
    match = _DATE.match(structured.without_comments(value[:_DATE_CHARACTERS]))
    if match is None:
        return None
    day, hour, minute, second = int(match[1]), int(match[4]), int(match[5]), min(int(match[6] or 0), 60)
    month = _MONTHS.get(match[2].lower())
    year = int(match[3])
    if len(match[3]) < 4:  # section 4.3: two digits, three digits
        year += 2000 if len(match[3]) == 2 and year < 50 else 1900
    if month is None or not 1900 <= year <= 9998:  # readers turn it into UTC, which must not be the year 10000
        return None
    second = min(second, 59)  # a leap second has no place in a datetime
    try:
        local = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    minutes = _offset(match)
    if minutes is None:
        return None
    zone = "Z" if minutes == 0 else f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    return f"{local:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + zone


def _offset(match: re.Match[str]) -> int | None:
    """Minutes east of UTC."""
    if match[7]:
        hours, minutes = int(match[8]), int(match[9])
        if hours > 23 or minutes > 59:
            return None
        return (-1 if match[7] == "-" else 1) * (hours * 60 + minutes)
    return _ZONES.get((match[10] or "").lower(), 0) * 60
