"""What one configuration has that another had not: told to whom it concerns, nothing told that is the same."""

from pathlib import PurePath

import pytest

from aimx.config import difference
from aimx.model.config import Config, Hook, Mailbox

UIDS = {"alice": 1001, "bob": 1002}


def mailbox(name, owner="alice", *hooks, address=""):
    return Mailbox(name, address or f"{name}@agent.test", owner, hooks=tuple(hooks))


def hook(name, *cmd):
    return Hook(name, "on_receive", cmd or ("/bin/true",))


def told(before, after):
    """Type, mailbox, uid and hook of each event."""
    old, new = (
        Config("agent.test", PurePath("/data"), {one.name: one for one in mailboxes}) for mailboxes in (before, after)
    )
    events = difference.events(old, new, 1.0, UIDS.get, lambda written: "mcp" if written.name == "m" else "operator")
    return [
        (event.__struct_config__.tag, event.mailbox, event.owner_uid, getattr(event, "hook", "")) for event in events
    ]


A, B, H, M = mailbox("a"), mailbox("b", "bob"), hook("h"), hook("m")
CASES = {
    "nothing": ([A, B], [A, B], []),
    "added": ([A], [A, mailbox("b", "bob", H)],
              [("mailbox_created", "b", 1002, ""), ("hook_created", "b", 1002, "h")]),
    "removed": ([mailbox("a", "alice", H), B], [B], [("mailbox_deleted", "a", 1001, "")]),
    "renamed": ([A], [mailbox("c")], [("mailbox_deleted", "a", 1001, ""), ("mailbox_created", "c", 1001, "")]),
    "another-owner": ([mailbox("a", "alice", H)], [mailbox("a", "bob", H)],
                      [("mailbox_deleted", "a", 1001, ""), ("mailbox_created", "a", 1002, ""),
                       ("hook_created", "a", 1002, "h")]),
    "an-owner-who-does-not-exist": ([], [mailbox("a", "ghost")], [("mailbox_created", "a", None, "")]),
    "another-address": ([A], [mailbox("a", address="x@agent.test")], []),
    "hook-added": ([A], [mailbox("a", "alice", H, M)],
                   [("hook_created", "a", 1001, "h"), ("hook_created", "a", 1001, "m")]),
    "hook-removed": ([mailbox("a", "alice", H, M)], [mailbox("a", "alice", M)], [("hook_deleted", "a", 1001, "h")]),
    "hook-changed": ([mailbox("a", "alice", H)], [mailbox("a", "alice", hook("h", "/bin/false"))],
                     [("hook_deleted", "a", 1001, "h"), ("hook_created", "a", 1001, "h")]),
    "hooks-in-another-order": ([mailbox("a", "alice", H, M)], [mailbox("a", "alice", M, H)], []),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES)
def test_what_changed(before, after, expected):
    assert told(before, after) == expected


def test_who_made_a_new_hook_is_asked():
    old, new = (Config("agent.test", PurePath("/data"), {one.name: one}) for one in (A, mailbox("a", "alice", H, M)))
    events = difference.events(old, new, 1.0, UIDS.get, lambda written: "mcp" if written.name == "m" else "operator")
    assert [event.origin for event in events] == ["operator", "mcp"]
