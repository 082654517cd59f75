"""What each event does to what is known, in every situation that it can meet; and what no line may ever do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx import limits
from aimx_tui.dash import state as states
from aimx_tui.dash.live import Away, Told
from aimx_tui.dash.reduce import _DOES, reduce
from aimx_tui.dash.state import Asked, Listing, Mail, Mailbox, State

AT = "2026-11-18T11:00:00Z"
ALL = frozenset({"mailboxes", "rows", "hooks", "runs", "status"})
KNOWN = Mail("ops", "inbox", "b", from_="b@x.test", subject="B", read=False)
READ = Mail("ops", "inbox", "a", from_="a@x.test", subject="A", read=True)
SENT = Mail("ops", "sent", "s", to="c@x.test", subject="S", status="pending")
OTHER = Mail("dev", "inbox", "o", subject="O", read=False)
BOXES = (Mailbox("dev", "dev@x.test", 1, 1), Mailbox("ops", "ops@x.test", 2, 1, 1))


def there(asked, *rows):
    """A state that is live and shows those rows."""
    return State("live", mailboxes=BOXES, mailboxes_loaded=True, listing=Listing(asked, rows, "next", True))


EVERYWHERE = there(Asked(folder="all"), KNOWN, READ, SENT, OTHER)
OPS = there(Asked("ops"), KNOWN, READ)
DEV = there(Asked("dev"), OTHER)
SEARCH = there(Asked("ops", query="from:b"), KNOWN)
UNREAD = there(Asked("ops", unread=True), KNOWN)
ONLY_READ = there(Asked("ops", unread=False), READ)
OUT = there(Asked("ops", "sent"), SENT)
NOTHING = State("live")


def line(kind, **fields):
    """As the stream tells it."""
    return {"cursor": "f-1", "type": kind, "at": AT, "mailbox": "ops", **fields}


def received(id="c", mailbox="ops"):
    """New mail."""
    more = {"from": "c@x.test", "subject": "C", "trusted": "true", "thread_id": "t"}
    return line("received", mailbox=mailbox, id=id, **more)


def sent(status, id="s"):
    """The end of a send."""
    return line("sent", id=id, to="c@x.test", subject="S", message_id="m", status=status)


def read(id, yes=True):
    """A mark."""
    return line("read", id=id, read=yes)


def ids(state):
    """What is listed."""
    return " ".join(row.id for row in state.listing.rows)


def counts(state):
    """All and new of each mailbox."""
    return " ".join(f"{box.name} {box.total}/{box.unread}" for box in state.mailboxes)


SAME = "dev 1/1 ops 2/1"
# id → state before, line, ids listed, counts, what is stale
EVENTS = {
    "received, its mailbox": (OPS, received(), "c b a", "dev 1/1 ops 3/2", "mailboxes rows"),
    "received, all mailboxes": (EVERYWHERE, received(), "c b a s o", "dev 1/1 ops 3/2", "mailboxes rows"),
    "received, another mailbox": (DEV, received(), "o", "dev 1/1 ops 3/2", "mailboxes rows"),
    "received, a mailbox nobody knows": (OPS, received(mailbox="new"), "b a", SAME, "mailboxes rows"),
    "received, twice": (OPS, received("b"), "b a", SAME, "mailboxes rows"),
    "received, a search": (SEARCH, received(), "b", "dev 1/1 ops 3/2", "mailboxes rows"),
    "received, unread only": (UNREAD, received(), "c b", "dev 1/1 ops 3/2", "mailboxes rows"),
    "received, read only": (ONLY_READ, received(), "a", "dev 1/1 ops 3/2", "mailboxes rows"),
    "received, sent mail": (OUT, received(), "s", "dev 1/1 ops 3/2", "mailboxes rows"),
    "received, nothing known": (NOTHING, received(), "c", "", "mailboxes rows"),
    "sent, its record": (OUT, sent("delivered"), "s", SAME, "mailboxes rows"),
    "sent, another record": (OUT, sent("failed", "t"), "t s", SAME, "mailboxes rows"),
    "sent, everything": (EVERYWHERE, sent("failed", "t"), "t b a s o", SAME, "mailboxes rows"),
    "sent, the inbox": (OPS, sent("delivered", "t"), "b a", SAME, "mailboxes rows"),
    "sent, no record": (OUT, sent("deferred", ""), "s", SAME, ""),
    "read": (OPS, read("b"), "b a", "dev 1/1 ops 2/0", "mailboxes"),
    "read, again": (OPS, read("a"), "b a", SAME, "mailboxes"),
    "read, unread": (OPS, read("a", False), "b a", "dev 1/1 ops 2/2", "mailboxes"),
    "read, not listed": (DEV, read("b"), "o", SAME, "mailboxes"),
    "read, unread only": (UNREAD, read("b"), "b", "dev 1/1 ops 2/0", "mailboxes"),
    "read, a search": (SEARCH, read("b"), "b", "dev 1/1 ops 2/0", "mailboxes"),
    "deleted": (OPS, line("deleted", folder="inbox", id="b"), "a", SAME, "mailboxes"),
    "deleted, not listed": (OPS, line("deleted", folder="inbox", id="x"), "b a", SAME, "mailboxes"),
    "deleted, of the other folder": (OPS, line("deleted", folder="sent", id="b"), "b a", SAME, "mailboxes"),
    "mailbox_created": (OPS, line("mailbox_created", mailbox="eve", address="e@x.test"), "b a",
                        "dev 1/1 eve 0/0 ops 2/1", "mailboxes rows status"),
    "mailbox_created, known": (OPS, line("mailbox_created", address="ops@x.test"), "b a", SAME,
                               "mailboxes rows status"),
    "mailbox_deleted": (EVERYWHERE, line("mailbox_deleted"), "o", "dev 1/1", "mailboxes rows hooks status"),
    "mailbox_deleted, shown": (OPS, line("mailbox_deleted"), "", "dev 1/1", "mailboxes rows hooks status"),
    "mailbox_deleted, not known": (DEV, line("mailbox_deleted", mailbox="x"), "o", SAME,
                                   "mailboxes rows hooks status"),
    "hook_created": (OPS, line("hook_created", hook="h", event="on_receive"), "b a", SAME, "hooks status"),
    "hook_deleted": (OPS, line("hook_deleted", hook="h"), "b a", SAME, "hooks status"),
    "hook_started": (OPS, line("hook_started", hook="h", id="b", run=1), "b a", SAME, "runs"),
    "hook_finished": (OPS, line("hook_finished", hook="h", id="b", run=1, exit_code=0), "b a", SAME, "runs"),
    "hook_skipped": (OPS, line("hook_skipped", hook="h", id="b", reason="automated"), "b a", SAME, "runs"),
    "spooled": (OPS, line("spooled", reason="full"), "b a", SAME, "status"),
    "config_reloaded": (OPS, line("config_reloaded", mailboxes=2, hooks=0), "b a", SAME, "mailboxes hooks status"),
    "hello": (OPS, line("hello", heartbeat_s=15), "b a", SAME, " ".join(ALL)),
    "gap": (OPS, line("gap", reason="expired"), "b a", SAME, " ".join(ALL)),
    "heartbeat": (OPS, line("heartbeat"), "b a", SAME, ""),
    "unknown": (OPS, line("mail_moved", id="b"), "b a", SAME, ""),
}  # fmt: skip
# Of a daemon of another version: known types that lack something, or hold something else.
ODD = {
    "no type": {"at": AT},
    "no time": {"type": "received"},
    "type is a list": {"type": ["received"], "at": AT},
    "type is a number": {"type": 5, "at": AT},
    "received without id": {name: text for name, text in received().items() if name != "id"},
    "received, id a number": {**received(), "id": 5},
    "received, mailbox null": {**received(), "mailbox": None},
    "sent, status an object": {**sent("delivered"), "status": {}},
    "read, a word": {**read("b"), "read": "yes"},
    "read without it": line("read", id="b"),
    "deleted without folder": line("deleted", id="b"),
    "mailbox_created without address": line("mailbox_created", mailbox="eve"),
    "mailbox_deleted, a list": line("mailbox_deleted", mailbox=["ops"]),
    "nothing": {},
}


@pytest.mark.parametrize(("before", "told", "listed", "counted", "stale"), EVENTS.values(), ids=EVENTS)
def test_an_event_changes(before, told, listed, counted, stale):
    after = reduce(before, Told(told))
    assert (ids(after), counts(after), after.stale) == (listed, counted, frozenset(stale.split()))
    assert after.events == (() if told["type"] in ("hello", "gap", "heartbeat") else (told,))


# What is not listed is counted again, until the question that follows is answered.
TWICE = {name: row for name, row in EVENTS.items() if row[1]["type"] != "received" or row[1]["id"] in row[2].split()}


@pytest.mark.parametrize(("before", "told", "listed", "counted", "stale"), TWICE.values(), ids=TWICE)
def test_an_event_that_is_told_twice_changes_no_more(before, told, listed, counted, stale):
    after = reduce(reduce(before, Told(told)), Told(told))
    assert (ids(after), counts(after), after.stale) == (listed, counted, frozenset(stale.split()))


@pytest.mark.parametrize("told", ODD.values(), ids=ODD)
def test_a_line_that_is_odd_outdates_everything_and_changes_nothing(told):
    assert reduce(OPS, Told(told)) == OPS._replace(stale=ALL)


def test_all_types_are_in_the_table():
    assert {told["type"] for _, told, *_ in EVENTS.values()} == {*_DOES, "heartbeat", "mail_moved"}


def test_a_status_replaces_the_one_before_and_a_read_mark_too():
    assert reduce(OUT, Told(sent("delivered"))).listing.rows == (SENT._replace(status="delivered"),)
    assert reduce(OPS, Told(read("b"))).listing.rows[0] == KNOWN._replace(read=True)


def test_a_deleted_mailbox_that_is_shown_makes_room_for_all():
    after = reduce(there(Asked("ops", "sent", "word"), SENT), Told(line("mailbox_deleted")))
    assert after.listing == Listing(Asked(None, "sent"))


def test_away_keeps_what_is_known_and_the_next_line_ends_it():
    away = reduce(EVERYWHERE, Away("no daemon", 2.0))
    assert away == EVERYWHERE._replace(link="away", why="no daemon", again_s=2.0)
    assert reduce(away, Told(line("heartbeat"))) == EVERYWHERE


def test_the_log_is_bounded():
    state = NOTHING
    for number in range(limits.TUI_EVENTS + 10):
        state = reduce(state, Told(line("hook_started", run=number)))
    assert (len(state.events), state.events[0]["run"]) == (limits.TUI_EVENTS, 10)


JSON = st.sampled_from([None, True, 0, -1, 1.5, float("inf"), "", "b", "\ud800", [], ["b"], {}, {"b": [None]}])
FIELDS = ("mailbox", "id", "from", "to", "subject", "trusted", "thread_id", "message_id", "status", "read", "folder",
          "address", "hook", "run", "reason", "cursor")  # fmt: skip
ANY_LINE = st.builds(
    lambda kind, at, fields: {"type": kind, "at": at, **fields},
    st.sampled_from([*_DOES, "heartbeat", "unheard"]),
    st.just(AT) | JSON,
    st.dictionaries(st.sampled_from(FIELDS), JSON | st.just("ops"), max_size=len(FIELDS)),
)


@given(st.lists(ANY_LINE, max_size=8))
def test_no_object_of_a_newer_daemon_breaks_it(lines):
    state = EVERYWHERE
    for told in lines:
        state = reduce(state, Told(told))
    assert all(isinstance(value, str) for row in state.listing.rows for value in (row.mailbox, row.id, row.subject))
    assert all(isinstance(told["type"], str) and isinstance(told["at"], str) for told in state.events)


class Server:
    """What a daemon knows of its mail, and the events that it tells."""

    def __init__(self):
        self.mail = {}
        self.count = 0

    def does(self, what, number):
        """One thing that happens; its line."""
        known = sorted(self.mail)
        if what == "received" or not known:
            self.count += 1
            id = f"{self.count:04d}"
            self.mail[id] = False
            return received(id)
        id = known[number % len(known)]
        if what == "read":
            self.mail[id] = not self.mail[id]
            return read(id, self.mail[id])
        del self.mail[id]
        return line("deleted", folder="inbox", id=id)

    def page(self, size):
        """The newest, as EMAIL-LIST tells them, and the cursor of what follows."""
        newest = sorted(self.mail, reverse=True)
        rows = tuple(Mail("ops", "inbox", id, read=self.mail[id]) for id in newest[:size])
        return rows, newest[size - 1] if len(newest) > size else None


DOINGS = st.lists(
    st.tuples(st.sampled_from(["received", "received", "read", "deleted", "asked"]), st.integers(0, 30)), max_size=30
)


@given(DOINGS, st.integers(1, 5))
def test_events_and_answers_in_any_order_come_to_what_the_daemon_has(doings, size):
    server, state = Server(), State("live", listing=Listing(Asked("ops")))
    for what, number in doings:
        if what == "asked":
            known = frozenset(row.key for row in state.listing.rows)
            page = server.page(size)
            late = [Told(server.does("received", 0)) for _ in range(number % 3)]  # while the answer is on its way
            for told in late:
                state = reduce(state, told)
            state = state._replace(listing=states.merged(state.listing, *page, known))
            assert {told.line["id"] for told in late} <= set(ids(state).split())
        else:
            state = reduce(state, Told(server.does(what, number)))
        keys = [row.key for row in state.listing.rows]
        assert len(set(keys)) == len(keys)
    known = frozenset(row.key for row in state.listing.rows)
    state = state._replace(listing=states.merged(state.listing, *server.page(size), known))
    first = {row.id: row.read for row in state.listing.rows[:size]}
    assert first == dict(list({id: server.mail[id] for id in sorted(server.mail, reverse=True)}.items())[:size])
    assert set(ids(state).split()) <= set(server.mail)
