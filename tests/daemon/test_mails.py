"""What is asked about stored mail over the socket, and every octet of what is answered."""

import json
import re
import socket
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimx import client, limits
from aimx.errors import DaemonRefused
from aimx.policy.search import FIELDS
from aimx.wire import codec
from aimx.wire.frames import EmailList, EmailRead, EmailSearch, MarkRead, MarkUnread, Thread
from tests.harness import DOMAIN, Daemon, config_text, mail, owner

BOXES = "".join(
    f'[mailboxes.{name}]\naddress = "{name}@{DOMAIN}"\nowner = "{owner()}"\n'
    for name in ("many", "story", "filters", "talk", "last", "empty", "busy", "marks")
)
ROWS = 230
CONVERSATION = ["2026-11-01-100000-a", "2026-11-02-100000-b", "2026-11-03-100000-c"]


class Desk:
    """A daemon and its mailboxes."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon

    def ask(self, request):
        """The JSON of the answer."""
        return json.loads(client.body_of(client.call(self.daemon.socket, request)))

    def ask_ok(self, request) -> None:
        """A success without a body."""
        assert client.body_of(client.call(self.daemon.socket, request)) == b""

    def ids(self, request) -> list[str]:
        return [email["id"] for email in self.ask(request)["emails"]]

    def refused(self, request) -> tuple[str, str]:
        with pytest.raises(DaemonRefused) as caught:
            client.body_of(client.call(self.daemon.socket, request))
        return caught.value.code, caught.value.reason

    def octets(self, request) -> bytes:
        """The whole answer."""
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(30)
            asked.connect(str(self.daemon.socket))
            asked.sendall(request if isinstance(request, bytes) else codec.encode_request(request))
            answer = b""
            while piece := asked.recv(65536):
                answer += piece
        return answer

    def put(self, mailbox: str, name: str, fields: str = "", body: str = "", folder: str = "inbox", files: int = 0):
        """A file as an owner might make it."""
        tables = "".join(f'\n[[attachments]]\nfilename = "f{number}"\n' for number in range(files))
        directory = self.daemon.data / folder / mailbox
        directory = directory / name if files else directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / f"{name}.md"
        state = "" if "read = " in fields else "read = false\n"
        path.write_text(f'+++\nid = "{name}"\n{state}{fields}{tables}+++\n\n{body}\n')
        return path


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    made = Desk(Daemon(tmp_path_factory.mktemp("mails"), config_text(BOXES)))
    fill(made)
    with made.daemon:
        yield made


def fill(desk: Desk) -> None:
    """What lies there before the daemon starts: what others add is looked for at most once a second."""
    for number in range(ROWS):
        desk.put("many", f"2026-11-01-{number:06}-x", f'subject = "n{number}"\n')
    at = 'received_at = "2026-11-0{}T10:00:00Z"\n'.format
    bob = 'from = "Bob B <bob@x.test>"\n'
    desk.put("filters", "f1", f'{at(1)}{bob}subject = "The quarterly report"\n')
    desk.put("filters", "f2", f'{at(2)}from = "bob@y.test"\nto = "carol@x.test"\n', "a needle in a haystack")
    desk.put("filters", "f3", at(3), files=2)
    desk.put("filters", "f4", f'{at(4)}read = true\nthread_id = "a1b2c3d4e5f6a7b8"\n')
    desk.put("filters", "s1", f'{at(5)}from = "filters@{DOMAIN}"\n', "greetings", folder="sent")
    desk.put("talk", CONVERSATION[0], f'{at(1)}message_id = "a@x.test"\n')
    desk.put("talk", CONVERSATION[1], f'{at(2)}message_id = "b@x.test"\nin_reply_to = "a@x.test"\n', folder="sent")
    desk.put("talk", CONVERSATION[2], f'{at(3)}message_id = "c@x.test"\nreferences = "a@x.test b@x.test"\n')
    desk.put("talk", "2026-11-04-100000-d", f'{at(4)}message_id = "d@x.test"\n')
    desk.put("last", "zz-new")
    desk.put("last", "zz-a", folder="sent")
    desk.put("story", "2026-11-01-000000-s", 'delivery_status = "failed"\nto = "b@x.test"\n', folder="sent")
    desk.put("marks", "b")


# MARK-READ, MARK-UNREAD


def test_marking_is_answered_as_the_reference_does(desk):
    path = desk.put("marks", "a")
    assert desk.octets(MarkRead("marks", "a")) == b"AIMX/1 OK\n"
    assert re.search(rb"\nread = true\nread_at = \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", path.read_bytes())
    assert desk.octets(b"AIMX/1 MARK-UNREAD\nMailbox: marks\nId: a\nContent-Length: 0\n\n") == b"AIMX/1 OK\n"
    assert b"\nread = false\n" in path.read_bytes()
    assert desk.octets(MarkUnread("marks", "a")) == b"AIMX/1 OK\n"


def test_a_mark_is_in_the_next_list(desk):
    assert desk.ids(EmailList("marks", unread=True)).count("b") == 1
    desk.ask_ok(MarkRead("marks", "b"))
    assert "b" not in desk.ids(EmailList("marks", unread=True))
    assert "b" in desk.ids(EmailList("marks", unread=False))


MARKS = {
    "missing": (MarkRead("marks", "x"), "NOTFOUND", "email 'x' not found in inbox/marks"),
    "sent-is-not-marked": (MarkRead("marks", "sent-one"), "NOTFOUND", "email 'sent-one' not found in inbox/marks"),
    "up": (MarkRead("marks", "../ops/x"), "NOTFOUND", "email id '../ops/x' contains invalid characters"),
    "slash": (MarkUnread("marks", "a/b"), "NOTFOUND", "email id 'a/b' contains invalid characters"),
    "backslash": (MarkUnread("marks", "a\\b"), "NOTFOUND", "email id 'a\\b' contains invalid characters"),
    "long": (MarkRead("marks", "x" * 4000), "NOTFOUND", f"email '{'x' * 4000}' not found in inbox/marks"),
    "mailbox": (MarkRead("ghost", "x"), "ENOENT", "mailbox-not-found: ghost"),
    "id-before-mailbox": (MarkRead("ghost", "a/b"), "NOTFOUND", "email id 'a/b' contains invalid characters"),
}


@pytest.mark.parametrize(("request_", "code", "reason"), MARKS.values(), ids=MARKS)
def test_what_cannot_be_marked(desk, request_, code, reason):
    desk.put("marks", "sent-one", folder="sent")
    assert desk.refused(request_) == (code, reason)


def test_frontmatter_that_is_none(desk):
    path = desk.daemon.data / "inbox/marks/broken.md"
    path.write_text("+++\nread = \n+++\n")
    assert desk.refused(MarkRead("marks", "broken")) == ("IO", f"the frontmatter is not TOML in {path}")
    assert path.read_text() == "+++\nread = \n+++\n"


def test_marks_while_mail_arrives_tear_nothing(desk):
    """Every mail is marked while others are stored beside it; each file is whole and each mark is there."""
    address, found = f"busy@{DOMAIN}", []

    def arrive():
        for number in range(25):
            desk.daemon.send(mail(f"Busy {number}", f"body {number}\r\n"), address)

    def mark():
        done = set()
        while len(done) < 50:
            for email_id in desk.ids(EmailList("busy", limit=200)):
                if email_id not in done:
                    desk.ask_ok(MarkRead("busy", email_id))
                    done.add(email_id)
        found.append(done)

    threads = [threading.Thread(target=arrive) for _ in range(2)]
    threads += [threading.Thread(target=mark) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [len(done) for done in found] == [50, 50]
    for path in desk.daemon.messages("busy"):
        octets = path.read_bytes()
        assert re.fullmatch(rb"\+\+\+\n.*\nread = true\nread_at = [^\n]+\n\+\+\+\n\nbody \d+\n", octets, re.DOTALL)
    assert desk.ids(EmailList("busy", unread=True)) == []


# EMAIL-LIST


def test_a_page_is_fifty_rows_newest_first_and_more_are_clamped(desk):
    wanted = [f"2026-11-01-{number:06}-x" for number in reversed(range(ROWS))]
    assert desk.ids(EmailList("many")) == wanted[: limits.LIST_ROWS]
    assert desk.ids(EmailList("many", limit=3)) == wanted[:3]
    assert desk.ids(EmailList("many", limit=100_000)) == wanted[: limits.LIST_ROWS_MAX]
    assert desk.ids(EmailList("many", limit=3, offset=4)) == wanted[4:7]
    assert desk.ids(EmailList("many", offset=ROWS)) == []
    assert desk.ids(EmailList("many", limit=0)) == []


def test_pages_follow_each_other_by_their_cursors(desk):
    ids, cursor = [], None
    while True:
        page = desk.ask(EmailList("many", limit=60, cursor=cursor))
        ids += [email["id"] for email in page["emails"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == len(set(ids)) == ROWS


def test_no_mail_is_an_empty_page(desk):
    assert desk.octets(EmailList("empty")) == b'AIMX/1 OK\nContent-Length: 25\n\n{"emails":[],"next":null}'


def test_a_row_of_the_inbox(desk):
    desk.daemon.send(mail("Row", "x\r\n", **{"Message-ID": "<row@x.test>"}), f"story@{DOMAIN}")
    (row,) = desk.ask(EmailList("story", subject="row"))["emails"]
    (path,) = (path for path in desk.daemon.messages("story") if "-row" in path.name)
    assert list(row)[:8] == ["mailbox", "folder", "id", "from", "to", "subject", "date", "read"]
    told = {"mailbox": "story", "folder": "inbox", "id": path.stem, "from": "a@sender.test", "to": f"ops@{DOMAIN}",
            "subject": "Row", "read": False, "path": str(path), "message_id": "row@x.test", "trusted": "none",
            "automated": False, "attachments": 0, "bundle": False, "size": path.stat().st_size}  # fmt: skip
    assert told.items() <= row.items()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["received_at"])
    assert "delivery_status" not in row


def test_a_row_of_what_was_sent(desk):
    (row,) = desk.ask(EmailList("story", "sent"))["emails"]
    assert (row["delivery_status"], row["to"], row["folder"]) == ("failed", "b@x.test", "sent")
    assert "read" not in row


def test_without_a_mailbox_all_of_them_are_listed(desk):
    page = desk.ask(EmailList(limit=200))["emails"]
    assert [email["id"] for email in page] == sorted((email["id"] for email in page), reverse=True)
    assert {"last", "filters", "many"} <= {email["mailbox"] for email in page}
    assert desk.ids(EmailList(folder="all", limit=2)) == ["zz-new", "zz-a"]


NARROWED = {
    "unread": (EmailList("filters", unread=True), ["f3", "f2", "f1"]),
    "read": (EmailList("filters", unread=False), ["f4"]),
    "attachment": (EmailList("filters", has_attachment=True), ["f3"]),
    "no-attachment": (EmailList("filters", has_attachment=False), ["f4", "f2", "f1"]),
    "from": (EmailList("filters", from_="bob"), ["f2", "f1"]),
    "from-words": (EmailList("filters", from_="Bob B"), ["f1"]),
    "to": (EmailList("filters", to="carol"), ["f2"]),
    "subject": (EmailList("filters", subject="quarterly report"), ["f1"]),
    "text": (EmailList("filters", text="needle in a haystack"), ["f2"]),
    "since": (EmailList("filters", since="2026-11-03"), ["f4", "f3"]),
    "before": (EmailList("filters", before="2026-11-03"), ["f2", "f1"]),
    "between": (EmailList("filters", since="2026-11-02", before="2026-11-04T00:00:00Z"), ["f3", "f2"]),
    "thread": (EmailList("filters", thread="a1b2c3d4e5f6a7b8"), ["f4"]),
    "together": (EmailList("filters", unread=True, from_="bob", since="2026-11-02"), ["f2"]),
    "sent": (EmailList("filters", "sent"), ["s1"]),
    "all": (EmailList("filters", "all", from_="filters"), ["s1"]),
    "search-nothing-more": (EmailSearch("report", "filters"), ["f1"]),
    "search-phrase": (EmailSearch('"in a haystack"', "filters"), ["f2"]),
    "search-field": (EmailSearch("from:bob -subject:quarterly", "filters"), ["f2"]),
    "search-not": (EmailSearch("-from:bob", "filters"), ["f4", "f3"]),
    "search-state": (EmailSearch("is:read", "filters"), ["f4"]),
    "search-files": (EmailSearch("has:attachment", "filters"), ["f3"]),
    "search-folder": (EmailSearch("in:sent greetings", "filters"), ["s1"]),
    "search-days": (EmailSearch("after:2026-11-02 before:2026-11-03", "filters"), ["f2"]),
    "search-and-header": (EmailSearch("bob", "filters", unread=True, before="2026-11-02"), ["f1"]),
    "search-none": (EmailSearch("nowhere", "filters"), []),
}  # fmt: skip


@pytest.mark.parametrize(("request_", "ids"), NARROWED.values(), ids=NARROWED)
def test_a_list_is_narrowed_by_headers_and_words(desk, request_, ids):
    assert desk.ids(request_) == ids


REFUSED = {
    "folder": (EmailList("many", "trash"), "Folder 'trash' is no folder; there is inbox or sent or all"),
    "since": (EmailList("many", since="soon"), "Since 'soon' names no date; write 2026-11-01, "),
    "thread": (EmailList("many", thread="x"), "Thread 'x' is no thread_id; it has 16 hexadecimal digits"),
    "search": (EmailSearch("a from:", "many"), "'from:' at character 3 of the search needs a value"),
    "contradiction": (
        EmailSearch("is:read", "many", unread=True),
        "'is:read' at character 1 of the search contradicts",
    ),
    "cursor": (EmailList("many", cursor="x"), ""),
    "read-folder": (EmailRead("many", "x", "all"), "invalid Folder value: 'all' (expected inbox or sent)"),
    "thread-folder": (Thread("many", "x", "all"), "invalid Folder value: 'all' (expected inbox or sent)"),
}


@pytest.mark.parametrize(("request_", "why"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_named(desk, request_, why):
    code, reason = desk.refused(request_)
    assert code == "VALIDATION"
    assert reason.startswith(why)


_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12),
    st.sampled_from(["many", "f1", "..", "a/b", "inbox", "sent", "all", "7d", "2026-11-01", "0001-01-01", "a*", '"',
                     "9999-12-31T23:59:59Z", "99999y", "a1b2c3d4e5f6a7b8", 'x"y', "NEAR", "OR", "日本語", "'"]),
)  # fmt: skip
_NUMBER = st.one_of(st.integers(0, 300), st.sampled_from([2**31, 2**53]))
_TEXTS = ("from_", "to", "subject", "since", "before", "thread", "text", "cursor", "folder")
_MAYBE = {**dict.fromkeys(_TEXTS, _TEXT), "mailbox": st.sampled_from(["many", "filters", "empty", "ghost"]),
          "limit": _NUMBER, "offset": _NUMBER, "unread": st.booleans(), "has_attachment": st.booleans()}  # fmt: skip
_PIECES = {"folder": _TEXT, "offset": _NUMBER, "most": _NUMBER}
_WORDS = st.lists(st.one_of(_TEXT, st.builds("{}:{}".format, st.sampled_from(FIELDS), _TEXT)), min_size=1, max_size=4)
_ASKED = st.fixed_dictionaries({}, optional=_MAYBE)
_ANY = st.one_of(
    _ASKED.map(lambda asked: EmailList(**asked)),
    st.builds(lambda words, asked: EmailSearch(" ".join(words), **asked), _WORDS, _ASKED),
    st.builds(lambda at, name, more: EmailRead(at, name, **more), _MAYBE["mailbox"], _TEXT,
              st.fixed_dictionaries({}, optional=_PIECES)),
    st.builds(Thread, _MAYBE["mailbox"], _TEXT, _TEXT),
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_ANY)
def test_whatever_is_asked_is_answered_or_refused_by_name(desk, request_):
    answer = client.call(desk.daemon.socket, request_)
    assert answer.kind == "json" or answer.code in ("VALIDATION", "NOTFOUND", "ENOENT")
    assert not [line for line in desk.daemon.log if "verb-failed" in line or "request-failed" in line]


# EMAIL-READ


def test_a_message_is_read_in_pieces(desk):
    path = desk.put("story", "2026-11-01-000001-read", body="aé€😀" * 40)
    at, text, pieces = 0, "", 0
    while at is not None:
        piece = desk.ask(EmailRead("story", path.stem, offset=at, most=100))
        text, at, pieces = text + piece["text"], piece["next"], pieces + 1
    assert text == path.read_text()
    assert pieces > 4
    assert {key: piece[key] for key in ("mailbox", "folder", "id", "path", "total")} == {
        "mailbox": "story", "folder": "inbox", "id": path.stem, "path": str(path), "total": path.stat().st_size,
    }  # fmt: skip


def test_sent_mail_and_bundles_are_read_too(desk):
    path = desk.put("story", "2026-11-01-000002-read", files=1, folder="sent")
    assert desk.ask(EmailRead("story", path.stem, "sent"))["text"] == path.read_text()
    assert desk.refused(EmailRead("story", path.stem)) == (
        "NOTFOUND", f"email '{path.stem}' not found in inbox/story",
    )  # fmt: skip


# THREAD


def test_a_conversation_holds_both_folders_oldest_first(desk):
    assert desk.ids(Thread("talk", CONVERSATION[0])) == CONVERSATION
    assert desk.ids(Thread("talk", CONVERSATION[1], "sent")) == CONVERSATION
    assert desk.refused(Thread("talk", "x")) == ("NOTFOUND", "email 'x' not found in inbox/talk")
