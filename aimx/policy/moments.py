"""When is meant? A day, a moment or a time ago, as a person writes it; days are those of UTC."""

import re
from datetime import UTC, datetime, timedelta

WAYS = "2026-11-01, 2026-11-01T08:00:00Z, 7d (or h, w, y), today or yesterday"
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?\Z", re.ASCII | re.IGNORECASE
)
_AGO = re.compile(r"(\d{1,5})([hdwy])\Z", re.ASCII | re.IGNORECASE)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "y": 365 * 24}
_DAYS_AGO = {"today": 0, "yesterday": 1}


def moment(text: str, now: float) -> float | None:
    """Seconds since the epoch: the beginning of a day, a moment (of UTC if it has no offset), or so long before `now`.

    None: it means nothing.
    """
    ago = _AGO.match(text)
    try:
        if ago is not None:
            return now - int(ago[1]) * timedelta(hours=_HOURS[ago[2].lower()]).total_seconds()
        if text.lower() in _DAYS_AGO:
            day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            return (day - timedelta(days=_DAYS_AGO[text.lower()])).timestamp()
        if _DAY.match(text) or _MOMENT.match(text):
            found = datetime.fromisoformat(text.upper())
            return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return None
