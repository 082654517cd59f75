"""To whoever may not see it, a foreign mailbox is a missing one: the same answer after the same calls of effects."""

import random

import pytest

from aimx.effects.api import Sending
from aimx.wire.frames import (
    BY_FRAME,
    AttachmentRead,
    EmailList,
    EmailRead,
    EmailSearch,
    HookCreate,
    HookDelete,
    HookExplain,
    HookRuns,
    HookTest,
    Ingest,
    MailboxCreate,
    MailboxDelete,
    MailboxShow,
    MarkRead,
    MarkUnread,
    Reindex,
    Send,
    Thread,
    Watch,
)
from tests.harness import DOMAIN, mail
from tests.model.tracing import traced
from tests.model.world import STRANGER, TOP, World, table

HOOK = '\n[[mailboxes.NAME.hooks]]\nname = "NAME_hook"\nevent = "on_receive"\ncmd = ["/bin/true"]\n'
BODY = b'{"cmd": ["/bin/true"]}'
FULL, EMPTY, MISSING = "full", "bare", "ghost"

# For the mailbox, its hook, and the id of a mail that is there when the mailbox is.
VERB_OF = {
    "send": lambda box, hook, id_: Send(f"From: {box}@{DOMAIN}\r\nTo: a@b.test\r\n\r\nHi\r\n".encode()),
    "mark-read": lambda box, hook, id_: MarkRead(box, id_),
    "mark-read-nothing": lambda box, hook, id_: MarkRead(box, "2026-01-01-000000-nothing"),
    "mark-unread": lambda box, hook, id_: MarkUnread(box, id_),
    "delete": lambda box, hook, id_: MailboxDelete(box),
    "delete-by-force": lambda box, hook, id_: MailboxDelete(box, force=True),
    "show": lambda box, hook, id_: MailboxShow(box),
    "hook-create": lambda box, hook, id_: HookCreate(box, "on_receive", BODY, "new"),
    "hook-create-taken": lambda box, hook, id_: HookCreate(box, "on_receive", BODY, hook),
    "hook-create-wrong-event": lambda box, hook, id_: HookCreate(box, "never", BODY),
    "hook-create-wrong-body": lambda box, hook, id_: HookCreate(box, "on_receive", b"{"),
    "hook-delete": lambda box, hook, id_: HookDelete(hook),
    "hook-runs-of-mailbox": lambda box, hook, id_: HookRuns(mailbox=box),
    "hook-runs": lambda box, hook, id_: HookRuns(hook=hook),
    "hook-runs-of-mail": lambda box, hook, id_: HookRuns(mailbox=box, hook=hook, id=id_),
    "hook-explain": lambda box, hook, id_: HookExplain(hook, id_),
    "hook-test": lambda box, hook, id_: HookTest(hook, id_),
    "hook-test-sample": lambda box, hook, id_: HookTest(hook),
    "list": lambda box, hook, id_: EmailList(mailbox=box),
    "list-sent": lambda box, hook, id_: EmailList(mailbox=box, folder="sent"),
    "list-bad-cursor": lambda box, hook, id_: EmailList(mailbox=box, cursor="x"),
    "list-bad-folder": lambda box, hook, id_: EmailList(mailbox=box, folder="x"),
    "search": lambda box, hook, id_: EmailSearch("hello", mailbox=box),
    "search-bad-words": lambda box, hook, id_: EmailSearch("before:never", mailbox=box),
    "read": lambda box, hook, id_: EmailRead(box, id_),
    "read-bad-id": lambda box, hook, id_: EmailRead(box, "../x"),
    "attachment": lambda box, hook, id_: AttachmentRead(box, id_, "a.txt"),
    "thread": lambda box, hook, id_: Thread(box, id_),
    "watch": lambda box, hook, id_: Watch(mailbox=box),
    "reindex": lambda box, hook, id_: Reindex(mailbox=box),
    "ingest": lambda box, hook, id_: Ingest(f"{box}@{DOMAIN}", mail()),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    tables = table(FULL, HOOK.replace("NAME", FULL)) + table(EMPTY, HOOK.replace("NAME", EMPTY))
    made = World(tmp_path_factory.mktemp("opacity"), TOP + tables)
    made.id = made.deliver(FULL, mail("Hello")).id
    yield made
    made.close()


def _played(world, request):
    """The answer, and what was called for it."""
    trace = []
    sending = Sending(None, lambda: "token", lambda *_: None, None, lambda: ("", 0), random.shuffle)
    bent = traced(world.fx.__class__(**{**_fields(world.fx), "sending": sending}), trace)
    answer = world.answer(request, STRANGER, bent)
    return answer.response, trace


def _fields(fx):
    return {name: getattr(fx, name) for name in fx.__struct_fields__}


@pytest.mark.parametrize("verb", VERB_OF)
def test_foreign_is_missing(world, verb):
    made = VERB_OF[verb]
    text, data = world.file.read_bytes(), _tree(world.data)
    missing, calls = _played(world, made(MISSING, f"{MISSING}_hook", world.id))
    assert missing.kind == "error" or missing.body in (b"[]", b'{"runs":[]}')
    for box in (FULL, EMPTY):
        assert _played(world, made(box, f"{box}_hook", world.id)) == (
            missing._replace(reason=missing.reason.replace(MISSING, box)),
            calls,
        )
    assert (world.file.read_bytes(), _tree(world.data)) == (text, data)


def _tree(directory):
    return sorted((str(path), path.lstat().st_mtime_ns) for path in directory.rglob("*.md"))


def test_every_verb_that_names_something_is_here():
    """But for creation: what is there cannot be created, and whoever tries is told that he may not."""
    names = {"mailbox", "name", "hook", "rcpt", "message"}
    named = {frame for frame in BY_FRAME if names & set(frame._fields)}
    assert named - {MailboxCreate} == {type(made("x", "y", "z")) for made in VERB_OF.values()}


@pytest.mark.parametrize("name", [FULL, EMPTY])
def test_creating_what_is_anothers_is_not_authorized(world, name):
    before = world.file.read_bytes()
    response, _ = _played(world, MailboxCreate(name))
    assert (response.code, response.reason) == ("EACCES", "not authorized")
    assert world.file.read_bytes() == before
