"""Who may do what over the socket: every (caller, verb, target) with real users against a daemon that is root."""

import email
import email.policy
import os
import re
from pathlib import Path

import pytest

from aimx import limits
from aimx.wire import codec
from aimx.wire.frames import (
    AttachmentRead,
    EmailList,
    EmailRead,
    EmailSearch,
    HookCreate,
    HookDelete,
    HookExplain,
    HookList,
    HookRuns,
    HookTest,
    Ingest,
    MailboxCreate,
    MailboxDelete,
    MailboxList,
    MailboxShow,
    MarkRead,
    MarkUnread,
    Reindex,
    Send,
    Status,
    Thread,
    Version,
    Watch,
)
from tests.harness import DOMAIN
from tests.mailauth import signing
from tests.root import dropping, users

pytestmark = pytest.mark.root

CALLERS = ("root", "alice", "bob", "stranger")

ASK = """
path, octets = sys.argv[1], bytes.fromhex(sys.argv[2])
with socket.socket(socket.AF_UNIX) as asked:
    asked.settimeout(60)
    asked.connect(path)
    try:
        asked.sendall(octets)
        asked.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    answer = b""
    while piece := asked.recv(65536):
        answer += piece
        if b"x-ndjson" in answer and answer.endswith(b"}\\n"):
            break
print(answer.hex())
"""


@pytest.fixture(scope="module")
def people():
    """Alice and Bob own mailboxes, the stranger none; Alice's uid has a second name."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with users.users("a", "b", "s") as made:
        twin = users.unique("t")
        try:
            users.add(twin, "--no-user-group", "--non-unique", "--uid", str(made["a"].pw_uid))
            named = {"alice": made["a"], "bob": made["b"], "stranger": made["s"]}
            yield {**named, "root": users.pwd.getpwnam("root"), "twin": users.pwd.getpwnam(twin)}
        finally:
            users.remove(twin)


@pytest.fixture(scope="module")
def daemon(people):
    owners = {name: people[name].pw_name for name in ("alice", "bob", "twin", "root")}
    owners["orphan"] = "aimxt-nobody-of-that-name"
    with dropping.daemon(owners, people["bob"].pw_name) as running:
        yield running


def ask(daemon, caller, octets: bytes) -> str:
    """The whole answer to one request, as that user."""
    out = users.run(caller, ASK, daemon.socket, octets.hex())
    assert re.fullmatch(r"[0-9a-f]*\n", out), out
    return bytes.fromhex(out).decode()


def left(daemon) -> set[Path]:
    """All that was sent or recorded."""
    records = (daemon.data / "sent").glob("*/*")
    return {*(daemon.tree / "drop").iterdir(), *records}


def letter(author: str, *more: str) -> bytes:
    lines = [f"From: {author}", "To: rcpt@remote.test", "Subject: x", *more, "", "Hi."]
    return "".join(f"{line}\r\n" for line in lines).encode()


def send(author: str) -> Send:
    return Send(letter(author), text_only=True)


def error(code: str, reason: str) -> str:
    return re.escape(f"AIMX/1 ERR {code} {reason}\nCode: {code}\n\n")


SENT = rf"AIMX/1 OK <[^<>@\s]+@{re.escape(DOMAIN)}>\n"
LIST = r"AIMX/1 OK\nContent-Length: \d+\n\n\[.*\]"
STREAM = r"AIMX/1 OK\nContent-Type: application/x-ndjson\n\n\{.*\}\n"
JSON = r"AIMX/1 OK\nContent-Length: \d+\n\n\{.*\}"
EACCES = error("EACCES", "not authorized")


OK = re.escape("AIMX/1 OK\n")
TAKEN = error("VALIDATION", "hook name 'authorization' is already in use; choose another one with --name")
NO_HOOKS = error("EACCES", "catchall does not support hooks")
NO_MAIL = error("NOTFOUND", "email 'x' not found in alice")
NO_HOOK = error("ENOENT", "hook 'authorization' not found")


def hook(mailbox: str) -> HookCreate:
    return HookCreate(mailbox, "on_receive", b'{"cmd": ["/bin/true"]}', "authorization")


def nobody(name: str) -> str:
    """What root is told about an author without a mailbox."""
    hint = f"(run `aimx mailboxes create {name}` to register one; catchall is inbound-only)"
    return error("MAILBOX", f"no mailbox matches From: {name}@{DOMAIN} {hint}")


def taken(name: str) -> str:
    """What root is told about a name that is in use."""
    return error("MAILBOX", f"mailbox '{name}' already exists")


DONE = r"AIMX/1 OK\n"
GHOST = error("ENOENT", "mailbox-not-found: ghost")
OWNERLESS = error("VALIDATION", "MAILBOX-CREATE requires an Owner: header")
BY_HAND = error("VALIDATION", "owner 'root' can only be set by editing config.toml")
UNKNOWN = error("VALIDATION", "unknown owner 'no-such-user'")
ROLE = error("VALIDATION", "Mailbox name 'abuse' is reserved; only root can create it")
RESERVED = error("VALIDATION", "Mailbox name 'catchall' is reserved for the wildcard catchall slot")
BAD_NAME = error("VALIDATION", "Mailbox name contains invalid character 'O'; allowed: [a-z0-9._-]")
FULL = r"AIMX/1 ERR NONEMPTY inbox=0 sent=\d+: mailbox 'twin' has \d+ files?; archive or remove them first\n.*"
FOREIGN = error("DOMAIN", f"sender domain 'other.test' does not match aimx domain '{DOMAIN}'")

BAD_ID = error("NOTFOUND", "email id '../x' contains invalid characters")
NO_FILE = error("NOTFOUND", "email 'x' in inbox/alice has no attachment 'a'")
NO_EMAILS = r'AIMX/1 OK\nContent-Length: 25\n\n{"emails":\[\],"next":null}'
NO_FOLDER = error("VALIDATION", "Folder 'trash' is no folder; there is inbox or sent or all")
NO_DATE = r"AIMX/1 ERR VALIDATION 'after:x' at character 1 of the search names no date; .*"
BAD_FOLDER = error("VALIDATION", "invalid Folder value: 'trash' (expected inbox or sent)")


def no_mail(mailbox: str, email_id: str) -> str:
    return error("NOTFOUND", f"email '{email_id}' not found in inbox/{mailbox}")


# verb and target: the request, then the answer to root, alice, bob, the stranger
TABLE = {
    "send-own-of-alice": (send(f"alice@{DOMAIN}"), (SENT, SENT, EACCES, EACCES)),
    "send-own-of-bob": (send(f"bob@{DOMAIN}"), (SENT, EACCES, SENT, EACCES)),
    "send-second-name-of-a-uid": (send(f"twin@{DOMAIN}"), (SENT, SENT, EACCES, EACCES)),
    "send-root's": (send(f"root@{DOMAIN}"), (SENT, EACCES, EACCES, EACCES)),
    "send-orphan": (send(f"orphan@{DOMAIN}"), (None, EACCES, EACCES, EACCES)),
    "send-missing": (send(f"ghost@{DOMAIN}"), (nobody("ghost"), EACCES, EACCES, EACCES)),
    "send-catchall-by-name": (send(f"catchall@{DOMAIN}"), (nobody("catchall"), EACCES, EACCES, EACCES)),
    "send-catchall-by-star": (send(f"*@{DOMAIN}"), (nobody("*"), EACCES, EACCES, EACCES)),
    "send-foreign-domain": (send("alice@other.test"), (FOREIGN, FOREIGN, FOREIGN, FOREIGN)),
    "mailboxes": (MailboxList(), (LIST, LIST, LIST, LIST)),
    "show-own-of-alice": (MailboxShow("alice"), (JSON, JSON, EACCES, EACCES)),
    "show-second-name-of-a-uid": (MailboxShow("twin"), (JSON, JSON, EACCES, EACCES)),
    "show-orphan": (MailboxShow("orphan"), (JSON, EACCES, EACCES, EACCES)),
    "show-catchall": (MailboxShow("catchall"), (JSON, EACCES, JSON, EACCES)),
    "show-missing": (MailboxShow("ghost"), (GHOST, EACCES, EACCES, EACCES)),
    "create-without-owner": (MailboxCreate("new-one"), (OWNERLESS, DONE, EACCES, EACCES)),
    "create-for-daemon": (MailboxCreate("new-two", "daemon"), (DONE, EACCES, EACCES, EACCES)),
    "create-what-is-alice's": (MailboxCreate("alice", "daemon"), (taken("alice"), DONE, EACCES, EACCES)),
    "create-orphan": (MailboxCreate("orphan", "daemon"), (taken("orphan"), EACCES, EACCES, EACCES)),
    "create-for-root": (MailboxCreate("new-three", "root"), (BY_HAND, DONE, EACCES, EACCES)),
    "create-for-nobody": (MailboxCreate("new-four", "no-such-user"), (UNKNOWN, DONE, EACCES, EACCES)),
    "create-role": (MailboxCreate("abuse", "daemon"), (DONE, ROLE, ROLE, ROLE)),
    "create-role-again": (MailboxCreate("abuse"), (OWNERLESS, ROLE, ROLE, ROLE)),
    "create-catchall": (MailboxCreate("catchall", "daemon"), (RESERVED, RESERVED, RESERVED, RESERVED)),
    "create-bad-name": (MailboxCreate("Ops", "daemon"), (BAD_NAME, BAD_NAME, BAD_NAME, BAD_NAME)),
    "delete-missing": (MailboxDelete("ghost"), (GHOST, EACCES, EACCES, EACCES)),
    "delete-orphan": (MailboxDelete("orphan"), (None, EACCES, EACCES, EACCES)),
    "delete-catchall": (MailboxDelete("catchall", force=True), (RESERVED, RESERVED, RESERVED, RESERVED)),
    "delete-full": (MailboxDelete("twin"), (FULL, FULL, EACCES, EACCES)),
    "status": (Status(), (JSON, JSON, JSON, JSON)),
    "watch": (Watch(), (STREAM, STREAM, STREAM, STREAM)),
    "watch-own": (Watch(mailbox="alice"), (STREAM, STREAM, EACCES, EACCES)),
    "watch-second-name-of-a-uid": (Watch(mailbox="twin"), (STREAM, STREAM, EACCES, EACCES)),
    "watch-orphan": (Watch(mailbox="orphan"), (STREAM, EACCES, EACCES, EACCES)),
    "watch-missing": (Watch(mailbox="ghost"), (error("ENOENT", "mailbox-not-found: ghost"), EACCES, EACCES, EACCES)),
    "reindex": (Reindex(), (STREAM, EACCES, EACCES, EACCES)),
    "reindex-own": (Reindex("alice"), (STREAM, EACCES, EACCES, EACCES)),
    "reindex-missing": (Reindex("ghost"), (error("ENOENT", "mailbox-not-found: ghost"), EACCES, EACCES, EACCES)),
    "mark-missing-mail": (MarkRead("alice", "x"), (no_mail("alice", "x"), no_mail("alice", "x"), EACCES, EACCES)),
    "mark-missing-mail-unread": (MarkUnread("bob", "x"), (no_mail("bob", "x"), EACCES, no_mail("bob", "x"), EACCES)),
    "mark-second-name-of-a-uid": (MarkRead("twin", "x"), (no_mail("twin", "x"), no_mail("twin", "x"), EACCES, EACCES)),
    "mark-bad-id": (MarkRead("alice", "../x"), (BAD_ID, BAD_ID, EACCES, EACCES)),
    "mark-in-a-missing-mailbox": (MarkRead("ghost", "x"), (GHOST, EACCES, EACCES, EACCES)),
    "mark-bad-id-in-a-missing-mailbox": (MarkRead("ghost", "../x"), (BAD_ID, EACCES, EACCES, EACCES)),
    "read-missing-mail": (EmailRead("alice", "x"), (no_mail("alice", "x"), no_mail("alice", "x"), EACCES, EACCES)),
    "read-bad-folder": (EmailRead("alice", "x", "trash"), (BAD_FOLDER, BAD_FOLDER, EACCES, EACCES)),
    "read-in-a-missing-mailbox": (EmailRead("ghost", "x", "trash"), (BAD_FOLDER, EACCES, EACCES, EACCES)),
    "attachment-of-missing-mail": (AttachmentRead("alice", "x", "a"), (NO_FILE, NO_FILE, EACCES, EACCES)),
    "attachment-with-bad-id": (AttachmentRead("alice", "../x", "a"), (BAD_ID, BAD_ID, EACCES, EACCES)),
    "attachment-in-a-missing-mailbox": (AttachmentRead("ghost", "x", "a"), (GHOST, EACCES, EACCES, EACCES)),
    "hooks": (HookList(), (LIST, LIST, LIST, LIST)),
    "hook-create-on-alice's": (hook("alice"), (OK, TAKEN, EACCES, EACCES)),
    "hook-create-on-root's": (hook("root"), (TAKEN, EACCES, EACCES, EACCES)),
    "hook-create-missing": (hook("ghost"), (error("ENOENT", "mailbox-not-found: ghost"), EACCES, EACCES, EACCES)),
    "hook-create-on-the-catchall": (hook("catchall"), (NO_HOOKS, NO_HOOKS, NO_HOOKS, NO_HOOKS)),
    "runs": (HookRuns(), (LIST, LIST, LIST, LIST)),
    "runs-of-alice": (HookRuns("alice"), (LIST, LIST, EACCES, EACCES)),
    "runs-of-a-second-name-of-a-uid": (HookRuns("twin"), (LIST, LIST, EACCES, EACCES)),
    "runs-of-orphan": (HookRuns("orphan"), (LIST, EACCES, EACCES, EACCES)),
    "runs-of-missing": (HookRuns("ghost"), (GHOST, EACCES, EACCES, EACCES)),
    "explain-alice's": (HookExplain("authorization", "x"), (NO_MAIL, NO_MAIL, NO_HOOK, NO_HOOK)),
    "try-alice's": (HookTest("authorization"), (JSON, JSON, NO_HOOK, NO_HOOK)),
    "try-alice's-for-missing-mail": (HookTest("authorization", "x"), (no_mail("alice", "x"),) * 2 + (NO_HOOK,) * 2),
    "hook-delete-alice's": (HookDelete("authorization"), (OK, NO_HOOK, NO_HOOK, NO_HOOK)),
    "list-own": (EmailList("alice"), (JSON, JSON, EACCES, EACCES)),
    "list-second-name-of-a-uid": (EmailList("twin", "all"), (JSON, JSON, EACCES, EACCES)),
    "list-catchall": (EmailList("catchall"), (JSON, EACCES, JSON, EACCES)),
    "list-orphan": (EmailList("orphan"), (JSON, EACCES, EACCES, EACCES)),
    "list-all": (EmailList(), (JSON, JSON, JSON, NO_EMAILS)),
    "list-missing": (EmailList("ghost"), (GHOST, EACCES, EACCES, EACCES)),
    "list-bad-folder-of-a-missing": (EmailList("ghost", "trash"), (NO_FOLDER, EACCES, EACCES, EACCES)),
    "search-own": (EmailSearch("x", "bob"), (JSON, EACCES, JSON, EACCES)),
    "search-all": (EmailSearch("in:all x"), (JSON, JSON, JSON, NO_EMAILS)),
    "search-bad-words": (EmailSearch("after:x", "bob"), (NO_DATE, EACCES, NO_DATE, EACCES)),
    "search-missing": (EmailSearch("after:2026-11-01", "ghost"), (GHOST, EACCES, EACCES, EACCES)),
    "thread-missing-mail": (Thread("alice", "x"), (no_mail("alice", "x"), no_mail("alice", "x"), EACCES, EACCES)),
    "thread-in-a-missing-mailbox": (Thread("ghost", "x"), (GHOST, EACCES, EACCES, EACCES)),
    "explain-missing": (HookExplain("authorization", "x"), (NO_HOOK, NO_HOOK, NO_HOOK, NO_HOOK)),
    "try-missing": (HookTest("authorization"), (NO_HOOK, NO_HOOK, NO_HOOK, NO_HOOK)),
    "version": (Version(), (JSON, JSON, JSON, JSON)),
    "ingest-own": (Ingest(f"alice@{DOMAIN}", letter("a@b.test")), (JSON, EACCES, EACCES, EACCES)),
    "ingest-foreign": (Ingest(f"bob@{DOMAIN}", letter("a@b.test")), (JSON, EACCES, EACCES, EACCES)),
}
ROWS = [
    pytest.param(caller, request, expected, id=f"{name}-by-{caller}")
    for name, (request, answers) in TABLE.items()
    for caller, expected in zip(CALLERS, answers, strict=True)
    if expected is not None
]


@pytest.mark.parametrize(("caller", "request_", "expected"), ROWS)
def test_every_caller_gets_the_answer_of_the_table(daemon, people, caller, request_, expected):
    before = left(daemon)
    answer = ask(daemon, people[caller], codec.encode_request(request_))
    assert re.fullmatch(expected, answer, re.DOTALL), answer
    assert (len(left(daemon)) > len(before)) == (expected == SENT)


MISSING_FROM = b"To: rcpt@remote.test\r\nSubject: x\r\n\r\nHi.\r\n"
FORGED = {
    "plainly": letter("bob@agent.test"),
    "two-fields": letter("alice@agent.test", "From: bob@agent.test"),
    "two-fields-the-other-first": letter("bob@agent.test", "From: alice@agent.test"),
    "two-fields-other-case": letter("alice@agent.test", "FROM: bob@agent.test"),
    "two-fields-blank-before-colon": letter("alice@agent.test", "From : bob@agent.test"),
    "two-fields-the-same": letter("alice@agent.test", "From: alice@agent.test"),
    "field-after-a-bare-cr": letter("alice@agent.test\rFrom: bob@agent.test"),
    "field-after-a-bare-lf": letter("alice@agent.test\nFrom: bob@agent.test"),
    "folded-first-line": b" From: bob@agent.test\r\n" + letter("alice@agent.test"),
    "list": letter("alice@agent.test, bob@agent.test"),
    "list-the-other-first": letter("bob@agent.test, alice@agent.test"),
    "list-angles": letter("alice@agent.test, CEO <bob@agent.test>"),
    "list-semicolon": letter("alice@agent.test; bob@agent.test"),
    "list-blank": letter("<alice@agent.test> <bob@agent.test>"),
    "two-angles": letter("<<bob@agent.test>alice@agent.test>"),
    "group": letter("us: alice@agent.test;"),
    "group-of-two": letter("us: alice@agent.test, bob@agent.test;"),
    "group-empty": letter("us:;"),
    "group-then-address": letter("us:;, alice@agent.test"),
    "encoded-word-address": letter("=?utf-8?q?bob=40agent=2Etest?="),
    "encoded-word-list": letter("=?utf-8?q?bob=40agent=2Etest=2C?= <alice@agent.test>, <bob@agent.test>"),
    "encoded-word-in-angles": letter("Alice <=?utf-8?q?bob?=@agent.test>"),
    "encoded-word-with-a-field": letter("=?utf-8?q?x=0D=0AFrom=3A_bob=40agent.test?= <bob@agent.test>"),
    "comment-hides": letter("(alice@agent.test) bob@agent.test"),
    "comment-in-address": letter("alice(x)@agent.test <bob@agent.test>"),
    "comment-open": letter("(<alice@agent.test> bob@agent.test"),
    "comment-closes-early": letter("bob@agent.test (\\) <alice@agent.test>"),
    "name-is-an-address": letter('"alice@agent.test" <bob@agent.test>'),
    "name-is-an-address-unquoted": letter("alice@agent.test <bob@agent.test>"),
    "name-unquoted-the-other-way": letter("bob@agent.test <alice@agent.test>"),
    "quote-open": letter('"alice@agent.test <bob@agent.test>'),
    "quoted-local-part": letter('"bob"@agent.test'),
    "quoted-local-part-with-at": letter('"alice@agent.test"@agent.test'),
    "quoted-local-part-escaped": letter('"b\\ob"@agent.test'),
    "source-route": letter("<@agent.test:bob@agent.test>"),
    "case": letter("BOB@AGENT.TEST"),
    "trailing-dot": letter("bob@agent.test."),
    "trailing-dot-own": letter("alice@agent.test."),
    "other-domain": letter("alice@agent.test.evil.test"),
    "sub-domain": letter("alice@sub.agent.test"),
    "domain-literal": letter("alice@[127.0.0.1]"),
    "no-domain": letter("alice"),
    "no-local-part": letter("@agent.test"),
    "empty": letter(""),
    "null": letter("<>"),
    "missing": MISSING_FROM,
    "nul": letter("alice@agent.test\0bob@agent.test"),
    "nul-in-local-part": letter("bob\0@agent.test"),
    "8-bit": letter("alice@agent.test").replace(b"alice@", b"b\xf6b@"),
    "8-bit-domain": letter("alice@agent.test").replace(b"agent.test", b"\xe4gent.test"),
    "full-width-at": letter("bob\uff20agent.test"),
    "zero-width": letter("bo\u200bb@agent.test"),
    "dotless": letter("al\u0131ce@agent.test"),
    "plus": letter("alice+bob@agent.test"),
    "sender": letter("alice@agent.test", "Sender: bob@agent.test"),
    "sender-list": letter("alice@agent.test", "Sender: alice@agent.test, bob@agent.test"),
    "sender-group": letter("alice@agent.test", "Sender: us:;"),
    "sender-twice": letter("alice@agent.test", "Sender: alice@agent.test", "Sender: bob@agent.test"),
    "resent-twice": letter("alice@agent.test", "Resent-From: bob@agent.test", "Resent-From: alice@agent.test"),
    "resent-from": letter("alice@agent.test", "Resent-From: bob@agent.test"),
    "resent-sender": letter("alice@agent.test", "Resent-Sender: bob@agent.test"),
    "only-sender": b"Sender: alice@agent.test\r\nTo: rcpt@remote.test\r\n\r\nHi.\r\n",
    "only-in-the-body": b"To: rcpt@remote.test\r\n\r\nFrom: alice@agent.test\r\n",
    "mbox-line": b"From alice@agent.test\r\n" + letter("bob@agent.test"),
}


@pytest.mark.parametrize("octets", FORGED.values(), ids=FORGED)
def test_no_forged_author_leaves(daemon, people, octets):
    before = left(daemon)
    answer = ask(daemon, people["alice"], codec.encode_request(Send(octets, text_only=True)))
    assert re.fullmatch(r"AIMX/1 ERR (EACCES|MALFORMED|DOMAIN|VALIDATION) .+\nCode: \1\n\n", answer), answer
    assert left(daemon) == before


OWN = {
    "plainly": letter("alice@agent.test"),
    "case": letter("Alice@Agent.TEST"),
    "name": letter("Alice <alice@agent.test>"),
    "name-is-an-address": letter('"bob@agent.test" <alice@agent.test>'),
    "encoded-name": letter("=?utf-8?q?bob=40agent=2Etest=2C?= <alice@agent.test>"),
    "comment": letter("alice@agent.test (bob@agent.test)"),
    "empty-list-element": letter("alice@agent.test,"),
    "sender-is-the-author": letter("alice@agent.test", "Sender: Alice <ALICE@agent.test>"),
    "part-with-a-from": letter("alice@agent.test") + b"From: bob@agent.test\r\n",
}


@pytest.mark.parametrize("octets", OWN.values(), ids=OWN)
def test_an_author_s_own_mail_leaves_with_no_other_address_in_from(daemon, people, octets):
    before = left(daemon)
    answer = ask(daemon, people["alice"], codec.encode_request(Send(octets, text_only=True)))
    assert re.fullmatch(SENT, answer), answer
    (mail,) = [path for path in left(daemon) - before if path.suffix == ".eml"]
    parsed = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)
    (field,) = parsed.get_all("From")
    assert [address.addr_spec.lower() for address in field.addresses] == ["alice@agent.test"]
    assert signing.verifies(mail.read_bytes())


def test_a_stranger_s_ingest_is_refused_before_its_body(daemon, people):
    header = f"AIMX/1 INGEST\nRcpt: alice@{DOMAIN}\nContent-Length: 26214400\n\n".encode()
    waiting = ASK.replace("asked.shutdown(socket.SHUT_WR)", "pass  # the daemon has to answer without the body")
    answer = bytes.fromhex(users.run(people["stranger"], waiting, daemon.socket, header.hex()))
    assert re.fullmatch(EACCES, answer.decode())


def test_a_refusal_says_why_in_the_log_only(daemon, people):
    ask(daemon, people["bob"], codec.encode_request(send(f"ghost@{DOMAIN}")))
    line = daemon.wait_log("event=not-authorized ")
    while f"caller_uid={people['bob'].pw_uid}" not in line or "no mailbox sends" not in line:
        line = daemon.wait_log("event=not-authorized ")
    assert "verb=SEND" in line


HOLD = """
path, number = sys.argv[1], int(sys.argv[2])
held = []
for _ in range(number):
    held.append(socket.socket(socket.AF_UNIX))
    held[-1].settimeout(30)
    held[-1].connect(path)
held[-1].recv(1)  # the last one is one too many: it is told so, and the others are in
print("held", flush=True)
time.sleep(60)
"""


def test_one_user_s_idle_connections_keep_nobody_else_out(daemon, people):
    holding = users.start(people["stranger"], HOLD, daemon.socket, limits.CLIENTS_PER_UID + 1)
    try:
        assert holding.stdout is not None
        assert holding.stdout.readline() == "held\n"
        version = codec.encode_request(Version())
        full = "too many connections, try again later"
        assert re.fullmatch(error("TEMP", full), ask(daemon, people["stranger"], version))
        assert re.fullmatch(JSON, ask(daemon, people["bob"], version), re.DOTALL)
        assert re.fullmatch(SENT, ask(daemon, people["alice"], codec.encode_request(send(f"alice@{DOMAIN}"))))
    finally:
        holding.kill()
        holding.communicate(timeout=30)


CONNECT_THEN_DROP = ASK.replace(
    "    try:\n", "    os.setresgid(12345, 12345, 12345)\n    os.setresuid(12345, 12345, 12345)\n    try:\n"
)


def test_the_uid_counts_that_connected(daemon, people):
    """A root process that connects and then drops is root on that connection, whoever speaks."""
    octets = codec.encode_request(Ingest(f"alice@{DOMAIN}", letter("a@b.test")))
    answer = bytes.fromhex(users.run(people["root"], CONNECT_THEN_DROP, daemon.socket, octets.hex()))
    assert re.fullmatch(JSON, answer.decode(), re.DOTALL)
