"""What the frontmatter of a mail says, in the words of a person. Pure; total for whatever an owner wrote there."""

from datetime import datetime
from typing import Any, NamedTuple

from rich.text import Text

from aimx_tui import safe
from aimx_tui.dash.state import Mail

GOOD, BAD, UNKNOWN = "✔", "✖", "–"
_SIGNS = {"pass": GOOD, "fail": BAD, "softfail": BAD}
_NOT_TRUSTED = {
    "sender-not-listed": "{author} is not in trusted_senders",
    "dkim-fail": "no DKIM signature of it passed",
    "dkim-none": "it has no DKIM signature",
    "multiple-from": "it names more than one author",
    "no-from": "it names no author",
    "unreadable-from": "its From holds no address that can be read",
    "duplicate-headers": "a header field is there twice that may be there once",
    "malformed-header": "its header has lines that are no fields",
    "unexamined": "it could not be analysed",
}
_DELIVERY = {
    "delivered": "✔ delivered",
    "failed": "✖ failed",
    "pending": "… pending",
}


class Row(NamedTuple):
    """A line of the header block."""

    label: str
    text: Text


class Attachment(NamedTuple):
    """One of `[[attachments]]`. `path` names it to the daemon, `filename` to people."""

    filename: str
    content_type: str
    size: int
    path: str


def text(fields: dict[str, Any], name: str) -> str:
    """A field as it may be shown; a list of texts with commas."""
    value = fields.get(name, "")
    parts = value if isinstance(value, list) else [value]
    return ", ".join(safe.line(str(part)) for part in parts)


def head(fields: dict[str, Any], sent: bool) -> list[Row]:
    """The header block."""
    rows = [Row("From", Text(text(fields, "from"), "bold"))]
    to = "to_all" if "to_all" in fields else "to"
    for label, name in (("To", to), ("Cc", "cc"), ("Bcc", "bcc"), ("Reply-To", "reply_to")):
        if fields.get(name):
            rows.append(Row(label, Text(text(fields, name))))
    rows.append(Row("Date", Text(moment(text(fields, "date")))))
    if sent:
        rows += delivery(fields)
    else:
        rows += [Row("Checks", checks(fields)), Row("Trust", trust(fields))]
    if fields.get("automated") is True:
        rows.append(Row("Sort", Text("⚙ automated: no person wrote this")))
    if fields.get("examined") is False:
        rows.append(Row("Sort", Text("! could not be analysed: the text below is raw")))
    return rows


def moment(written: str) -> str:
    """A date and time for people, in the zone that it was written in; what is none stays as it is."""
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        return written
    zone = found.tzname() or ""
    return f"{found:%a} {found.day} {found:%b %Y %H:%M}{' ' + zone if zone else ''}"


def checks(fields: dict[str, Any]) -> Text:
    """The authentication results, each with its word."""
    parts = []
    for name in ("dkim", "spf", "dmarc"):
        word = text(fields, name) or "none"
        parts.append(f"{name.upper()} {_SIGNS.get(word, UNKNOWN)} {word}")
    detail = text(fields, "auth_detail")
    return Text(" · ".join(parts) + (f" ({detail})" if detail else ""))


def trust(fields: dict[str, Any]) -> Text:
    """Whether hooks may take the author's word for it, and why."""
    trusted, reason = text(fields, "trusted"), text(fields, "trust_reason")
    author = _author(text(fields, "from"))
    kind, _, domain = reason.partition(":")
    if trusted == "true":
        because = f": {author} is in trusted_senders and DKIM passed for {domain}" if domain else ""
        return Text(f"{GOOD} trusted{because}")
    if trusted != "false":
        return Text(f"{UNKNOWN} not evaluated: trust is none for this mailbox")
    if kind == "dkim-unaligned":
        return Text(f"{BAD} not trusted: the only signature that passed is of {domain}, not of {author}'s domain")
    why = _NOT_TRUSTED.get(reason, reason or "no reason is recorded").format(author=author)
    return Text(f"{BAD} not trusted: {why}")


def delivery(fields: dict[str, Any]) -> list[Row]:
    """What became of a mail that was sent, with several recipients of each."""
    status = text(fields, "delivery_status")
    words = _DELIVERY.get(status, status or "unknown")
    if status == "delivered" and fields.get("delivered_at"):
        words += f", {moment(text(fields, 'delivered_at'))}"
    details = text(fields, "delivery_details")
    if status == "pending" and not details:
        details = "on its way, or the daemon stopped meanwhile"
    each = _of_each(fields, details)
    if not each:
        return [Row("Delivery", Text(words + (f": {details}" if details else "")))]
    return [Row("Delivery", Text(words)), *(Row("", Text(f"{address}: {what}")) for address, what in each)]


def _of_each(fields: dict[str, Any], details: str) -> list[tuple[str, str]]:
    """The recipients and what `delivery_details` says of them, where it tells them apart."""
    recipients = [part.strip() for part in text(fields, "delivered_to").split(",") if part.strip()]
    if len(recipients) < 2 or not details:
        return []
    found = {}
    for recipient in recipients:
        at = f"; {details}".find(f"; {recipient}: ")
        if at < 0:
            return []
        found[recipient] = at
    ends = sorted([*found.values(), len(details) + 2])
    each = []
    for recipient, at in found.items():
        end = ends[ends.index(at) + 1]
        each.append((recipient, details[at + len(recipient) + 2 : end - 2].strip()))
    return each


def attachments(fields: dict[str, Any] | None) -> list[Attachment]:
    """Those that the daemon can be asked for."""
    tables = (fields or {}).get("attachments")
    found = []
    for table in tables if isinstance(tables, list) else []:
        if isinstance(table, dict) and isinstance(table.get("path"), str):
            size = table.get("size")
            name, kind = str(table.get("filename") or table["path"]), str(table.get("content_type") or "unknown")
            found.append(Attachment(name, kind, size if isinstance(size, int) else 0, table["path"]))
    return found


def size(octets: int) -> str:
    """For people."""
    value, unit = float(octets), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1000:
            break
        value, unit = value / 1024, larger
    return f"{octets} B" if unit == "B" else f"{value:.1f} {unit}"


def mark(row: Mail) -> str:
    """Trust in one sign; the reader has the words."""
    return {"true": GOOD, "false": BAD}.get(row.trusted, UNKNOWN)


def _author(from_: str) -> str:
    """The address in a From."""
    inner = from_.rpartition("<")[2].partition(">")[0] if "<" in from_ else from_
    return inner.strip() or "its author"
