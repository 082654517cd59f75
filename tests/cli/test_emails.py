"""`aimx emails`, from what is typed to what is told."""

import json
import os
import pty
import shlex
import subprocess
import sys

import pytest
import tomlkit

from aimx import limits
from aimx.cli import main, table
from tests.harness import DOMAIN, Daemon, config_text, owner

OTHER = f'[mailboxes.support]\naddress = "support@{DOMAIN}"\nowner = "{owner()}"\n'


FILES = (
    ("inbox", 1, "a", {"read": True, "from": "Zoë <z@x.test>", "subject": "One", "message_id": "a@x"}),
    ("sent", 2, "b", {"to": "z@x.test", "subject": "Re: One", "delivery_status": "failed", "in_reply_to": "a@x"}),
    ("inbox", 3, "c", {"from": "c@x.test", "subject": "\x1b[2J\u202eTwo", "trusted": "false"}),
    ("inbox", 4, "d", {"from": "d@x.test", "subject": "Three", "trusted": "true", "attachments": [{}]}),
)


class Desk:
    """A daemon and its command line, run in this process."""

    def __init__(self, daemon, capfdbinary):
        self.daemon = daemon
        self._capture = capfdbinary

    def aimx(self, *words: str) -> tuple[int, str, str]:
        try:
            code = main.run(list(words))
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException as error:
            code = main.diagnostics.failed(error)
        out, err = self._capture.readouterr()
        return code, out.decode(), err.decode()

    def put(self, name: str, octets: bytes, mailbox: str = "ops"):
        path = self.daemon.data / "inbox" / mailbox / f"{name}.md"
        path.write_bytes(octets)
        return path


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    daemon = Daemon(tmp_path_factory.mktemp("emails"), config_text(OTHER))
    for folder, day, name, fields in FILES:
        path = daemon.data / folder / "support" / f"2026-11-0{day}-102030-{name}.md"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        told = {"received_at": f"2026-11-0{day}T10:20:30Z", **fields}
        path.write_text(f"+++\n{tomlkit.dumps(told)}+++\n\nThe text of {name}.\n")
    with daemon:
        yield daemon


@pytest.fixture
def desk(running, capfdbinary, monkeypatch):
    for name in ("AIMX_CONFIG_DIR", "AIMX_DATA_DIR", "AIMX_RUNTIME_DIR"):
        monkeypatch.setenv(name, running.env[name])
    monkeypatch.setattr("gc.disable", lambda: None)
    return Desk(running, capfdbinary)


LETTER = b'+++\nid = "x"\nsubject = "Hi"\nread = false\n+++\n\nOne \xe2\x82\xac.\n+++\nTwo.\n'
LARGE = b"+++\nread = false\n+++\n\n" + "aé€😀\n".encode() * (2 * limits.READ_PIECE_OCTETS // 11)


def test_an_email_is_printed_as_it_is(desk):
    desk.put("plain", LETTER)
    assert desk.aimx("emails", "read", "ops", "plain") == (0, LETTER.decode(), "")
    assert desk.aimx("email", "read", "ops", "plain", "--folder", "inbox", "--raw") == (0, LETTER.decode(), "")


def test_a_large_email_comes_whole(desk):
    desk.put("large", LARGE)
    code, out, err = desk.aimx("emails", "read", "ops", "large")
    assert (code, out == LARGE.decode(), err) == (0, True, "")


def test_only_the_text(desk):
    desk.put("body", LETTER)
    assert desk.aimx("emails", "read", "ops", "body", "--body") == (0, "One €.\n+++\nTwo.\n", "")
    desk.put("none", b"no frontmatter\n")
    assert desk.aimx("emails", "read", "ops", "none", "--body") == (0, "no frontmatter\n", "")


def test_an_email_as_json(desk):
    path = desk.put("json", LETTER.replace(b"read = false", b"read = true\nread_at = 2026-11-21T08:00:00Z\nx = nan"))
    code, out, err = desk.aimx("emails", "read", "ops", "json", "--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    fields = {"id": "x", "subject": "Hi", "read": True, "read_at": "2026-11-21T08:00:00Z", "x": "nan"}
    assert json.loads(out) == {
        "mailbox": "ops", "folder": "inbox", "id": "json", "path": str(path), "frontmatter": fields,
        "body": "One €.\n+++\nTwo.\n",
    }  # fmt: skip
    desk.put("json", b"+++\nbroken\n+++\nx\n")
    assert json.loads(desk.aimx("emails", "read", "ops", "json", "--json")[1])["frontmatter"] is None


def test_reading_marks_only_when_that_is_asked_for(desk):
    path = desk.put("marked", LETTER)
    desk.aimx("emails", "read", "ops", "marked")
    assert path.read_bytes() == LETTER
    assert desk.aimx("emails", "read", "ops", "marked", "--mark")[:2] == (0, LETTER.decode())
    assert b"read = true\nread_at = " in path.read_bytes()


def test_several_are_marked_at_once(desk):
    paths = [desk.put(f"m{number}", LETTER) for number in range(3)]
    code, out, err = desk.aimx("emails", "mark", "ops", "m0", "m1", "gone", "m2", "--read")
    assert (code, out) == (1, "")
    assert err == "Error: [NOTFOUND] email 'gone' not found in inbox/ops\nMarked 3 emails as read.\n"
    assert all(b"read = true\n" in path.read_bytes() for path in paths)
    assert desk.aimx("emails", "mark", "ops", "m1", "--unread") == (0, "", "Marked 1 email as unread.\n")
    assert paths[1].read_bytes() == LETTER


def test_marking_as_json(desk):
    desk.put("m0", LETTER)
    code, out, err = desk.aimx("emails", "mark", "ops", "m0", "../x", "--read", "--json")
    assert (code, err) == (1, "")
    why = {"code": "NOTFOUND", "message": "email id '../x' contains invalid characters"}
    assert json.loads(out) == [{"id": "m0", "read": True}, {"id": "../x", "error": why}]


def test_a_mailbox_that_is_nearly_one_gets_a_tip(desk):
    code, out, err = desk.aimx("emails", "read", "suport", "x")
    assert (code, out) == (1, "")
    assert err.endswith("\n  tip: a similar mailbox exists: 'support'\n")
    assert desk.aimx("emails", "mark", "suport", "x", "y", "--read")[2].count("tip:") == 1


# list, search, thread


def test_a_list_newest_first_in_columns(desk):
    code, out, err = desk.aimx("emails", "list", "support")
    assert (code, err) == (0, "")
    assert out == (
        "ID                   STATE          FILES  DATE              FROM            SUBJECT\n"
        "2026-11-04-102030-d  new trusted    1      2026-11-04 10:20  d@x.test        Three\n"
        "2026-11-03-102030-c  new untrusted         2026-11-03 10:20  c@x.test        \\x1b[2J\\x202eTwo\n"
        "2026-11-01-102030-a  -                     2026-11-01 10:20  Zoë <z@x.test>  One\n"
    )


def test_sent_mail_is_listed_with_whom_it_went_to(desk):
    _, out, _ = desk.aimx("emails", "list", "support", "--folder", "sent")
    assert [line.split() for line in out.splitlines()] == [
        ["ID", "STATE", "DATE", "TO", "SUBJECT"],
        ["2026-11-02-102030-b", "failed", "2026-11-02", "10:20", "z@x.test", "Re:", "One"],
    ]


def test_a_conversation_shows_both_sides(desk):
    _, out, _ = desk.aimx("emails", "thread", "support", "2026-11-02-102030-b", "--folder", "sent")
    assert [line.split("  ")[0] for line in out.splitlines()[1:]] == ["2026-11-01-102030-a", "2026-11-02-102030-b"]
    assert "to z@x.test" in out
    found = json.loads(desk.aimx("emails", "thread", "support", "2026-11-01-102030-a", "--json")[1])["emails"]
    assert [email["folder"] for email in found] == ["inbox", "sent"]


def test_all_mailboxes_are_named(desk):
    _, out, _ = desk.aimx("emails", "search", "three", "--folder", "all")
    assert [line.split()[:2] for line in out.splitlines()] == [["MAILBOX", "ID"], ["support", "2026-11-04-102030-d"]]


def test_as_json_it_is_the_answer_and_inert(desk):
    code, out, err = desk.aimx("emails", "list", "support", "--json")
    answer = json.loads(out)
    assert (code, err, out.count("\n"), answer["next"]) == (0, "", 1, None)
    assert answer["emails"][1]["subject"] == "\x1b[2J\u202eTwo"
    assert out.rstrip("\n").isprintable()


def test_words_are_one_search_however_they_are_typed(desk):
    for words in (("the", "text"), ("the text",), (" the\ntext ",), ('"the text"',)):
        assert len(desk.aimx("emails", "search", *words, "--mailbox", "support")[1].splitlines()) == 4


def test_what_has_no_frontmatter_is_listed_all_the_same(closed):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    (closed.daemon.data / "inbox/ops").mkdir(parents=True, mode=0o700)
    closed.put("x", b"nothing\n")
    assert closed.aimx("emails", "list", "ops")[1].splitlines()[1].split()[:2] == ["x", "unreadable"]


def test_nothing_found_is_said_beside_the_data(desk):
    assert desk.aimx("emails", "list", "ops", "--subject", "nowhere") == (0, "", "No mail.\n")
    assert desk.aimx("emails", "search", "nowhere") == (0, "", "No mail found.\n")


PAGED = {
    "list": ("list", "support", "--limit", "1"),
    "list-narrowed": ("list", "--folder", "all", "--from", "x.test", "--since", "2026-11-02", "--limit", "1"),
    "list-flags": ("list", "support", "--unread", "--limit", "1"),
    "search": ("search", "--mailbox", "support", "--limit", "1", "--offset", "1", "from:x.test"),
    "search-words": ("search", "--limit", "1", "--", "-from:zoe", '"the text"'),
}


@pytest.mark.parametrize("words", PAGED.values(), ids=PAGED)
def test_the_hint_is_the_command_of_the_next_page(desk, words):
    whole = desk.aimx("emails", *words, "--json") if "--" not in words else None
    code, first, err = desk.aimx("emails", *words)
    hint = err.removeprefix("next page: ").rstrip("\n")
    assert (code, hint.split()[:3]) == (0, ["aimx", "emails", words[0]])
    code, second, _ = desk.aimx(*shlex.split(hint)[1:])
    assert code == 0
    assert set(first.splitlines()[1:]).isdisjoint(second.splitlines()[1:])
    assert whole is None or json.loads(whole[1])["next"] in hint


def test_a_list_fits_the_terminal(desk):
    shown = on_a_terminal(desk, "emails", "list", columns=80)
    assert all(table.cells(line) <= 80 for line in shown.splitlines())
    assert "DATE" not in shown
    assert "2026-11-03-102030-c" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("columns", [0, -5])
def test_a_terminal_that_does_not_know_its_width_has_the_usual(desk, columns):
    shown = on_a_terminal(desk, "emails", "list", "support", columns=columns)
    assert shown == on_a_terminal(desk, "emails", "list", "support", columns=80)


REFUSED = {
    "search": (("search", "after:soon"), "'after:soon' at character 1 of the search names no date"),
    "since": (("list", "--since", "soon"), "Since 'soon' names no date"),
    "cursor": (("list", "--cursor", "x"), ""),
}


@pytest.mark.parametrize(("words", "why"), REFUSED.values(), ids=REFUSED)
def test_what_the_daemon_refuses_is_told(desk, words, why):
    code, out, err = desk.aimx("emails", *words)
    assert (code, out) == (1, "")
    assert err.startswith(f"Error: [VALIDATION] {why}")


# without a daemon


@pytest.fixture
def closed(tmp_path, capfdbinary, monkeypatch):
    """A tree whose daemon does not run."""
    daemon = Daemon(tmp_path, config_text())
    for name in ("AIMX_CONFIG_DIR", "AIMX_DATA_DIR", "AIMX_RUNTIME_DIR"):
        monkeypatch.setenv(name, daemon.env[name])
    monkeypatch.setattr("gc.disable", lambda: None)
    yield Desk(daemon, capfdbinary)
    daemon.close()


@pytest.mark.root
def test_root_gets_every_answer_from_the_files(closed):
    (closed.daemon.data / "inbox/ops").mkdir(parents=True, mode=0o700)
    path = closed.put("x", LETTER)
    assert closed.aimx("emails", "list", "ops")[1].splitlines()[1].startswith("x   new")
    assert closed.aimx("emails", "mark", "ops", "x", "--read") == (0, "", "Marked 1 email as read.\n")
    assert b"read = true" in path.read_bytes()
    assert closed.aimx("emails", "read", "ops", "x", "--body") == (0, "One €.\n+++\nTwo.\n", "")
    assert closed.aimx("emails", "search", "two")[1].splitlines()[1].startswith("ops")
    assert closed.aimx("emails", "read", "ghost", "x")[2].startswith("Error: [ENOENT] mailbox-not-found: ghost\n")


def test_others_are_told_that_it_must_run(closed, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for words in (
        ("list",),
        ("search", "x"),
        ("read", "ops", "x"),
        ("thread", "ops", "x"),
        ("mark", "ops", "x", "--read"),
    ):
        code, out, err = closed.aimx("emails", *words)
        assert (code, out) == (2, "")
        assert err.startswith(
            "Error: daemon must be running for non-root mail access; start `aimx serve` or run with sudo"
        )


USAGE = {
    "mark-without-which": ("mark", "ops", "x"),
    "mark-both": ("mark", "ops", "x", "--read", "--unread"),
    "mark-sent-after-reading": ("read", "ops", "x", "--folder", "sent", "--mark"),
    "read-no-id": ("read", "ops"),
    "read-unknown-folder": ("read", "ops", "x", "--folder", "trash"),
    "list-limit": ("list", "--limit", "many"),
    "list-read-and-unread": ("list", "--read", "--unread"),
    "search-nothing": ("search",),
    "search-blanks": ("search", " ", "\n"),
    "nothing": (),
}


@pytest.mark.parametrize("words", USAGE.values(), ids=USAGE)
def test_what_does_not_fit_is_exit_code_2(desk, words):
    code, out, err = desk.aimx("emails", *words)
    assert (code, out) == (2, "")
    assert "Usage: aimx emails" in err


def on_a_terminal(desk, *words: str, columns: int = 80) -> str:
    """What the command writes to a terminal that is so wide."""
    ours, theirs = pty.openpty()
    env = {**desk.daemon.env, "NO_COLOR": "1", "COLUMNS": str(columns)}
    argv = [sys.executable, "-m", "aimx.cli.main", *words]
    running = subprocess.Popen(argv, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # how a terminal ends
        pass
    os.close(ours)
    assert running.wait(timeout=60) == 0
    return shown.decode().replace("\r\n", "\n")


def test_text_of_strangers_is_no_command_to_the_terminal(desk):
    desk.put("hostile", b"+++\nread = false\n+++\n\n\x1b]0;x\x07\tA\xe2\x80\xae\r\nB\n")
    shown = on_a_terminal(desk, "emails", "read", "ops", "hostile")
    assert shown == "+++\nread = false\n+++\n\n\\x1b]0;x\\x07\tA\\x202e\nB\n"
    assert "\x1b]0;x\x07" in on_a_terminal(desk, "emails", "read", "ops", "hostile", "--raw")


def test_a_reader_that_leaves_ends_it_quietly(desk):
    desk.put("large", LARGE)
    command = f"{sys.executable} -m aimx.cli.main emails read ops large | head -c 4; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], env=desk.daemon.env, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (141, b"+++\n", b"")
