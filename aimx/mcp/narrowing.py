"""Which mail is meant: the optional parameters that lists and searches have in common."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

WHEN = "2026-11-01, 2026-11-01T08:00:00Z, 12h, 7d, today, yesterday"


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of it is asked for unless it is given."""

    unread: Annotated[bool, Meta(description="true: only unread; false: only read.")] | UnsetType = UNSET
    from_: Annotated[str, Meta(description="Words in the sender.")] | UnsetType = msgspec.field(
        name="from", default=UNSET
    )
    to: Annotated[str, Meta(description="Words in the recipients.")] | UnsetType = UNSET
    subject: Annotated[str, Meta(description="Words in the subject.")] | UnsetType = UNSET
    text: Annotated[str, Meta(description="Words in headers or body.")] | UnsetType = UNSET
    since: Annotated[str, Meta(description=f"From this time on: {WHEN}.")] | UnsetType = UNSET
    before: Annotated[str, Meta(description="Before this time, written like since.")] | UnsetType = UNSET
    has_attachment: Annotated[bool, Meta(description="true: only with; false: only without.")] | UnsetType = UNSET
    thread: Annotated[str, Meta(description="Only mail with this thread_id.")] | UnsetType = UNSET
    cursor: Annotated[str, Meta(description="next_cursor of the page before.")] | UnsetType = UNSET


def headers(narrowing: Narrowing) -> dict[str, Any]:
    """What of it is asked for, as EMAIL-LIST and EMAIL-SEARCH take it. An empty text asks nothing."""
    found = {field: getattr(narrowing, field) for field in Narrowing.__struct_fields__}
    return {field: value for field, value in found.items() if value is not UNSET and value != ""}
