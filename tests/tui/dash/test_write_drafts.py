"""Drafts on disk, letters as values, and what an answer of the daemon means: tables, without a screen."""

import json
import os
import stat

import pytest

from aimx.drafting import attachments
from aimx.errors import Failed, Refused
from aimx.wire.frames import Response
from aimx_tui.dash.compose import asks, drafts, letter, outcome, questions
from aimx_tui.dash.compose.drafts import Drafts, Kept
from aimx_tui.dash.compose.letter import Letter, Taken
from aimx_tui.dash.compose.outcome import Row

FULL = Letter(
    "forward", "desk@agent.test", "a@b.test, 'C' <c@d.test>", "e@f.test", "g@h.test", "Ünïcode \udc80", "body\n\ttext",
    ("/tmp/a b", "/tmp/c"), (Taken("desk", "inbox", "id", "p", "n", "text/plain", 3),), "m@x", ("k@x", "l@x"),
    "desk/inbox/id",
)  # fmt: skip
KEPT = Kept(FULL, "key-1", 12.5)


@pytest.fixture
def desk(tmp_path):
    return Drafts(tmp_path / "state" / "aimx" / "drafts")


def test_a_draft_comes_back_as_it_was(desk):
    slip = desk.begin()
    assert desk.all() == []
    slip.save(KEPT)
    assert desk.all() == [], "it is being written"
    with pytest.raises(Refused, match="another window"):
        desk.take(slip.name)
    slip.release()
    [(name, kept)] = desk.all()
    assert kept._replace(changed_at=0.0) == KEPT
    again, kept = desk.take(name)
    assert kept.letter == FULL
    again.remove()
    assert list(desk.where.iterdir()) == []


def test_an_older_wish_never_overwrites_a_newer_one_and_nothing_follows_the_end(desk):
    slip = desk.begin()
    first, second = slip.ticket(), slip.ticket()
    slip.save(KEPT._replace(key="new"), second)
    slip.save(KEPT._replace(key="old"), first)
    slip.release()
    slip.save(KEPT._replace(key="late"))
    slip.remove()
    assert [kept.key for _, kept in desk.all()] == ["new"]


def test_modes_are_of_the_user_alone_even_where_they_were_not(desk):
    desk.where.mkdir(parents=True, mode=0o755)
    slip = desk.begin()
    slip.save(KEPT)
    slip.release()
    assert stat.S_IMODE(desk.where.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in desk.where.iterdir()} == {0o600}


HARM = {
    "no-json": b"{",
    "no-object": b"[1]",
    "no-letter": b'{"key": "k", "tried_at": null, "changed_at": 1}',
    "wrong-types": json.dumps({"key": "k", "tried_at": "x", "changed_at": 1, "letter": {}}).encode(),
    "taken": json.dumps({"key": "k", "tried_at": None, "changed_at": 1,
                         "letter": {**letter.plain(FULL), "taken": [{"nope": 1}]}}).encode(),
    "no-text": b"\xff\xfe",
    "empty": b"",
}  # fmt: skip


@pytest.mark.parametrize("octets", HARM.values(), ids=HARM)
def test_what_is_no_draft_hides_no_other_and_stays(desk, octets):
    slip = desk.begin()
    slip.save(KEPT)
    slip.release()
    (desk.where / "bad.json").write_bytes(octets)
    (desk.where / "link.json").symlink_to("/etc/passwd")
    os.mkfifo(desk.where / "pipe.json")
    assert [name for name, _ in desk.all()] == [slip.name]
    with pytest.raises(Refused, match="cannot be read"):
        desk.take("bad")
    assert (desk.where / "bad.json").exists()


def test_where_no_draft_can_be_kept_that_is_said(tmp_path):
    (tmp_path / "aimx").write_text("")
    with pytest.raises(Failed, match="drafts cannot be kept in"):
        Drafts(tmp_path / "aimx" / "drafts").begin()
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(Failed, match="not a directory of yours"):
        Drafts(tmp_path / "link").begin()


@pytest.mark.parametrize("state", ["", "relative/path"], ids=["none", "relative"])
def test_the_place_is_the_homes_without_a_variable_that_counts(state, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", state)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert drafts.directory() == tmp_path / ".local" / "state" / "aimx" / "drafts"


# Letters


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("  ", "", id="blank"),
        pytest.param("a@b.test", "", id="one"),
        pytest.param("a@b.test, ", "", id="comma-being-typed"),
        pytest.param('"Doe, J" <j@b.test>, x@y.test', "", id="names"),
        pytest.param("a@", "To: not an address: 'a@'", id="half"),
        pytest.param("a@b.test;c@d.test", "To: not an address", id="semicolon"),
        pytest.param("a@b.test\nBcc: x@y.test", "Header 'To' contains CRLF", id="injection"),
        pytest.param("\udc80@b.test", "To is not valid UTF-8", id="surrogate"),
    ],
)
def test_addresses_are_judged_in_the_words_of_who_sends_them(text, wrong):
    said = letter.problem("to", text)
    assert said.startswith(wrong) if wrong else said == ""


def test_recipients_are_counted_once_and_narrowed(desk):
    sent = Letter(from_="x@y", to="a@b.test, A <a@b.test>", cc="c@d.test", bcc="e@f.test")
    assert letter.recipients(sent) == ["a@b.test", "c@d.test", "e@f.test"]
    less = letter.only(sent, {"e@f.test"})
    assert (less.to, less.cc, less.bcc) == ("", "", "e@f.test")


@pytest.mark.parametrize(
    ("changes", "tried", "lines"),
    [
        pytest.param({}, None, [], id="nothing"),
        pytest.param({"subject": " "}, None, ["It has no subject."], id="subject"),
        pytest.param({"body": "\n"}, None, ["It says nothing."], id="text"),
        pytest.param({"body": "", "files": ("x",)}, None, [], id="only-a-file"),
        pytest.param(
            {"to": ", ".join(f"a{n}@b.test" for n in range(12))}, None, ["It goes to 12 recipients."], id="many"
        ),
        pytest.param({}, 0.0, ["It was handed over a day ago, and may have been sent then: the Sent list tells."],
                     id="old-key"),
        pytest.param({}, 99_000.0, [], id="fresh-key"),
    ],
)  # fmt: skip
def test_only_what_may_not_be_meant_is_asked(changes, tried, lines):
    written = Letter(from_="x@y", to="a@b.test", subject="s", body="b")._replace(**changes)
    assert questions.doubts(Kept(written, "k", tried), 100_000.0) == lines


# Outcomes


def refused(code, reason):
    return Response("error", code=code, reason=reason)


UNKNOWN = "outcome unknown: may have been delivered"
PARTIAL = "not delivered to everybody, do not send it again to those who have it"
TWO = ["a@b.test", "c@d.test"]
OUTCOMES = {
    "all": (Response("ok", note="<m@x>"), TWO, "delivered", tuple(Row(rcpt, "delivered") for rcpt in TWO)),
    "one-failed": (refused("DELIVERY", "550 no"), TWO[:1], "failed", (Row("a@b.test", "failed", "550 no"),)),
    "one-deferred": (refused("TEMP", "451 later"), TWO[:1], "deferred", (Row("a@b.test", "deferred", "451 later"),)),
    "one-unknown": (refused("DELIVERY", UNKNOWN), TWO[:1], "unknown", (Row("a@b.test", "unknown", ""),)),
    "mixed": (
        refused("DELIVERY", f"{PARTIAL}; a@b.test: delivered; c@d.test: failed: 550 no; really"), TWO, "partial",
        (Row("a@b.test", "delivered"), Row("c@d.test", "failed", "550 no; really")),
    ),
    "both-failed": (
        refused("DELIVERY", "a@b.test: failed: 550 x; c@d.test: failed: 551 y"), TWO, "failed",
        (Row("a@b.test", "failed", "550 x"), Row("c@d.test", "failed", "551 y")),
    ),
    "a-server-speaks-for-another": (
        refused("DELIVERY", f"{PARTIAL}; a@b.test: failed: 550 x; c@d.test: delivered; c@d.test: failed: 551 y"), TWO,
        "partial", (),
    ),
    "cut": (refused("DELIVERY", f"{PARTIAL}; a@b.test: delivered; c@d … (all of it: …)"), TWO, "partial", ()),
    "idn": (
        refused("DELIVERY", f"{PARTIAL}; a@xn--bcher-kva.test: delivered; c@d.test: failed: no"),
        ["a@bücher.test", "c@d.test"], "partial", (Row("a@bücher.test", "delivered"), Row("c@d.test", "failed", "no")),
    ),
    "conflict": (refused("ECONFLICT", "idempotency key 'k' …"), TWO, "conflict", ()),
    "foreign": (refused("DOMAIN", "sender domain"), TWO, "refused", ()),
    "not-authorized": (refused("EACCES", "not authorized"), TWO[:1], "refused", ()),
}  # fmt: skip


@pytest.mark.parametrize(("response", "recipients", "state", "rows"), OUTCOMES.values(), ids=OUTCOMES)
def test_what_an_answer_means(response, recipients, state, rows):
    found = outcome.of(response, recipients)
    assert (found.state, found.rows) == (state, rows)
    told = "\n".join(outcome.lines(found))
    assert found.title in told
    if not rows and response.kind == "error":
        assert found.text in told, "what cannot be told apart is told as it came"


def test_every_state_has_its_words():
    states = {state for _, _, state, _ in OUTCOMES.values()} | {"lost"}
    assert states == set(outcome.TITLES)
    assert {word for _, _, _, rows in OUTCOMES.values() for row in rows for word in [row.result]} <= set(outcome.SIGNS)


# Files


def test_paths_that_go_on_are_offered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("alpha.txt", "also [x]", ".hidden"):
        (tmp_path / name).write_text("")
    (tmp_path / "album").mkdir()
    assert asks.beginning_with("al") == ["album/", "alpha.txt", "also [x]"]
    assert asks.beginning_with(str(tmp_path) + "/.h") == [f"{tmp_path}/.hidden"]
    assert asks.beginning_with("nowhere/x") == []
    assert asks.beginning_with("x\0y/") == []
    assert asks.expanded("album") == str(tmp_path / "album")


def test_sizes_are_told_without_reading(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert attachments.sizes([str(tmp_path / "a")]) == [5]
    with (tmp_path / "big").open("wb") as file:
        file.truncate(40_000_000)
    with pytest.raises(Refused, match="too large"):
        attachments.sizes([str(tmp_path / "a"), str(tmp_path / "big")])
