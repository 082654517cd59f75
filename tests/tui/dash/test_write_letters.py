"""Letters in the dashboard over a real daemon and a real mail server: written, refused, sent once, and what is told."""

import asyncio
import email
import email.policy
import os
import shutil

import pytest

from aimx import limits
from aimx.errors import AimxError, DaemonSilent
from aimx_tui.dash.compose import beginnings, drafts
from aimx_tui.dash.compose.drafts import Drafts
from aimx_tui.dash.gateway import Gateway
from aimx_tui.dash.state import Mail, Mailbox
from tests.harness import DOMAIN, mail
from tests.tui.dash.screens import settled, shown, until
from tests.tui.dash.writing import Office, back, dashboard, said, typed, write


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    with Office(tmp_path_factory.mktemp("office")) as office:
        yield office


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Drafts of this test alone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def kept():
    """The drafts on disk."""
    return [one.letter for _, one in Drafts(drafts.directory()).all()]


def story(office, told, size=(110, 30)):
    """Run it beside a dashboard."""

    async def run():
        async with dashboard(office.daemon, size) as (app, pilot):
            await told(app, pilot)

    asyncio.run(run())


def choose(app, name="desk"):
    app.screen.query_one("#from").value = f"{name}@{DOMAIN}"


@pytest.mark.parametrize("size", [(110, 30), (60, 18)], ids=str)
def test_a_letter_is_written_sent_and_told(office, size):
    subject = f"Plain {size[0]}"

    async def told(app, pilot):
        await write(app, pilot)
        choose(app)
        app.screen.query_one("#field-to").focus()
        await typed(pilot, "ok@one.test\n\n\n")
        await typed(pilot, f"{subject}\n")
        assert app.focused.id == "body"
        await typed(pilot, "Hi *there*")
        await pilot.press("ctrl+s")
        await said(app, pilot, f"✓ Delivered: {subject} → ok@one.test")
        await back(app, pilot)

    story(office, told, size)
    assert [rcpts for rcpts, _ in office.taken(subject)] == [["ok@one.test"]]
    assert b"<em>there</em>" in office.taken(subject)[0][1]
    assert len(office.records(subject)) == 1
    assert kept() == []


def test_each_recipient_is_told_of_and_the_rest_is_tried_alone(office):
    async def told(app, pilot):
        await write(app, pilot, "ok@one.test, no@two.test", "Mixed")
        choose(app)
        app.screen.query_one("#field-bcc").value = "later@three.test"
        await pilot.press("ctrl+s")
        await until(app, pilot, "Send it all the same?", "It says nothing.")
        await pilot.press("y")
        await until(
            app, pilot, "✗ Not delivered to everybody", "✓ ok@one.test: delivered", "✗ no@two.test: failed: 550 no such"
        )
        await until(app, pilot, "◌ later@three.test: deferred: 451")
        await pilot.press("ctrl+n")
        await pilot.pause()
        fields = [app.screen.query_one(f"#field-{name}").value for name in ("to", "cc", "bcc")]
        assert fields == ["no@two.test", "", "later@three.test"]
        app.screen.query_one("#field-to").value = ""
        app.screen.query_one("#field-bcc").value = "ok@four.test"
        app.screen.query_one("#body").insert("now with words")
        await pilot.press("ctrl+s")
        await said(app, pilot, "✓ Delivered: Mixed → ok@four.test")

    story(office, told)
    assert sorted(rcpts for rcpts, _ in office.taken("Mixed")) == [["ok@four.test"], ["ok@one.test"]]


ENDS = (
    ("no@one.test", ("✗ Not delivered", "✗ no@one.test: failed: 550 no such user")),
    ("later@one.test", ("◌ Not delivered yet", "451 4.2.0 later", "Ctrl+S tries again")),
    ("gone@one.test", ("? It may have been delivered", "Look into the Sent list")),
)


def test_what_did_not_arrive_stays_beside_its_outcome_and_can_be_changed(office):
    async def told(app, pilot):
        await write(app, pilot, subject="Ends", body="b")
        choose(app)
        for to, words in ENDS:
            app.screen.query_one("#field-to").value = to
            app.screen.query_one("#body").focus()
            await typed(pilot, "!")
            await pilot.press("ctrl+s")
            await until(app, pilot, *words)
        await pilot.press("escape")
        await until(app, pilot, "This letter is not sent")
        await pilot.press("k")
        await back(app, pilot)

    story(office, told)
    [letter] = kept()
    assert (letter.to, sorted(letter.body)) == ("gone@one.test", sorted("b!!!"))


WRONG = (
    ({}, "From: choose the mailbox that sends"),
    ({"from": "desk"}, "To: no recipient"),
    ({"to": "bob"}, "To: not an address: 'bob'"),
    ({"to": "a@b.test", "cc": "x y"}, "Cc: not an address"),
)


def test_what_cannot_be_sent_is_said_before(office):
    async def told(app, pilot):
        await write(app, pilot)
        for fields, words in WRONG:
            for name, value in fields.items():
                if name == "from":
                    choose(app, value)
                else:
                    app.screen.query_one(f"#field-{name}").value = value
            await pilot.press("ctrl+s")
            await until(app, pilot, words)
            sign = str(app.screen.query_one("#from-label").content).split()[0]
            assert (sign == "✗") is words.startswith("From")

    story(office, told)


def test_a_refusal_of_the_daemon_is_shown_beside_the_draft(office):
    async def told(app, pilot):
        await write(app, pilot, "ok@one.test", "Refused", "b")
        app.screen._kept = app.screen._kept._replace(letter=app.screen._kept.letter._replace(from_="x@elsewhere.test"))
        app.screen._choose("x@elsewhere.test")
        await pilot.press("ctrl+s")
        await until(app, pilot, "✗ Not sent", "elsewhere.test", "Nothing was sent.")
        assert not app.screen.query_one("#letter").disabled

    story(office, told)


def test_a_letter_under_way_can_be_left_and_its_outcome_arrives(office):
    office.server.held.clear()
    office.server.go.clear()

    async def told(app, pilot):
        await write(app, pilot, "hold@one.test", "Slow", "b")
        choose(app)
        await pilot.press("ctrl+s")
        await asyncio.to_thread(office.server.held.wait, 60)
        await until(app, pilot, "Sending …", "Esc leaves")
        await pilot.press("escape")
        await back(app, pilot)
        await pilot.press("c")  # its draft is in use, and not offered
        await until(app, pilot, "New letter")
        office.server.go.set()
        await said(app, pilot, "✓ Delivered: Slow → hold@one.test")

    story(office, told)
    assert kept() == []


def test_a_lost_answer_and_a_retry_send_once(office):
    async def told(app, pilot):
        await write(app, pilot, "ok@one.test", "Once", "b")
        choose(app)
        whole = app.gateway.ask

        async def lost(request, timeout_s):
            await whole(request, timeout_s)
            raise DaemonSilent("the daemon closed the connection without an answer")

        app.gateway.ask = lost
        await pilot.press("ctrl+s")
        await until(app, pilot, "? No answer", "never sends it twice")
        app.gateway.ask = whole
        await pilot.press("ctrl+s")
        await said(app, pilot, "✓ Delivered: Once → ok@one.test")

    story(office, told)
    assert len(office.taken("Once")) == 1


def test_another_text_after_a_lost_answer_needs_a_word(office):
    async def told(app, pilot):
        await write(app, pilot, "ok@one.test", "Twice", "b")
        choose(app)
        whole = app.gateway.ask

        async def lost(request, timeout_s):
            await whole(request, timeout_s)
            raise DaemonSilent("the daemon closed the connection without an answer")

        app.gateway.ask = lost
        await pilot.press("ctrl+s")
        await until(app, pilot, "? No answer")
        app.gateway.ask = whole
        await typed(pilot, "!")
        await pilot.press("ctrl+s")
        await until(app, pilot, "✗ Not sent: the text is not the one", "Ctrl+N sends this one")
        assert len(office.taken("Twice")) == 1
        await pilot.press("ctrl+n")
        await until(app, pilot, "Send it as a letter of its own?")
        await pilot.press("y")
        await said(app, pilot, "✓ Delivered: Twice")

    story(office, told)
    assert len(office.taken("Twice")) == 2


def test_a_daemon_that_is_away_loses_nothing(tmp_path_factory):
    async def run(office):
        async with dashboard(office.daemon) as (app, pilot):
            await write(app, pilot, "ok@one.test", "Away", "b")
            choose(app)
            await asyncio.to_thread(office.daemon.stop)
            await until(app, pilot, "Trying again")
            await pilot.press("ctrl+s")
            await until(app, pilot, "✗ Not sent", "the draft is kept")
            assert [letter.subject for letter in kept()] == []  # it is in use
            await asyncio.to_thread(office.daemon.start)
            await pilot.press("ctrl+s")
            await said(app, pilot, "✓ Delivered: Away")

    with Office(tmp_path_factory.mktemp("away")) as office:
        asyncio.run(run(office))
        assert len(office.taken("Away")) == 1


# Answers


HOSTILE = "[bold]no[/nope] \x1b]52;c;AAAA\x07 \u202ertl <script>x</script> ![p](https://evil.test/p.png)"


@pytest.fixture(scope="module")
def answered(office):
    """A mail to be answered, with a file."""
    octets = mail(
        "Question [/x]",
        f"{HOSTILE}\r\nsecond line\r\n",
        **{
            "Message-ID": "<q1@sender.test>", "References": "<q0@sender.test>", "Reply-To": "ok@one.test",
            "Cc": f"Carol <ok@two.test>, ops@{DOMAIN}", "Content-Type": "text/plain; charset=utf-8",
            "Date": "Tue, 17 Nov 2026 10:00:00 +0000",
        },
    )  # fmt: skip
    parts = (
        "From: Mallory <m@evil.test>\r\nTo: desk@agent.test\r\nSubject: Files\r\nMessage-ID: <f1@evil.test>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
        "see file\r\n--b\r\nContent-Type: application/pdf\r\n"
        "Content-Disposition: attachment; filename=report.pdf\r\n\r\nPDF octets\r\n--b--\r\n"
    )
    office.daemon.send(octets, f"desk@{DOMAIN}")
    office.daemon.send(parts.encode(), f"desk@{DOMAIN}")


async def at(app, pilot, subject):
    """The cursor on that mail."""
    await until(app, pilot, subject)
    row = next(row for row in app.state.listing.rows if row.subject.startswith(subject) and row.folder == "inbox")
    app.screen.mails.focus()
    app.screen.mails.go(row.key)
    await settled(app, pilot, lambda: app.screen.selected() is not None and app.screen.selected().key == row.key)


@pytest.mark.parametrize(
    ("key", "title", "to", "cc"),
    [
        pytest.param("r", "Reply", "ok@one.test", "", id="reply"),
        pytest.param("R", "Reply to all", "ok@one.test", f"ops@{DOMAIN}, ok@two.test", id="all"),
    ],
)
def test_an_answer_is_quoted_threaded_and_addressed(office, answered, key, title, to, cc):
    async def told(app, pilot):
        await at(app, pilot, "Question")
        await pilot.press(key)
        await until(app, pilot, title, "Re: Question [/x]", "wrote:", "> [bold]no[/nope]")
        assert app.screen.query_one("#field-to").value == to
        assert sorted(app.screen.query_one("#field-cc").value.split(", ")) == sorted(cc.split(", "))
        assert app.screen.query_one("#from").value == f"desk@{DOMAIN}"
        assert not {"\x1b", "\x07", "\u202e"} & set(app.screen.query_one("#body").text)
        app.screen.query_one("#field-cc").value = "ok@two.test" if cc else ""
        await pilot.press("ctrl+t")
        await until(app, pilot, "image: p", "second line")
        await pilot.press("ctrl+t")
        await typed(pilot, f"Answer by {key}")
        await pilot.press("ctrl+s")
        await said(app, pilot, "✓ Delivered: Re: Question")

    story(office, told)
    octets = next(octets for _, octets in office.taken("Re: Question [/x]") if f"Answer by {key}".encode() in octets)
    assert b"In-Reply-To: <q1@sender.test>\r\n" in octets
    assert b"References: <q0@sender.test> <q1@sender.test>\r\n" in octets
    html = email.message_from_bytes(octets, policy=email.policy.default).get_body(("html",)).get_content()
    assert "<script" not in html
    assert "second line" in html


def test_a_mail_is_sent_on_with_its_files(office, answered, home):
    (home / "mine.txt").write_text("my own")

    async def told(app, pilot):
        await at(app, pilot, "Files")
        await pilot.press("f")
        await until(app, pilot, "Forward", "Fwd: Files", "Forwarded message", "report.pdf", "of the forwarded mail")
        app.screen.query_one("#field-to").value = "ok@three.test"
        await pilot.press("ctrl+g")
        await until(app, pilot, "Attach a file", "mine.txt")
        await typed(pilot, "mi")
        await settled(app, pilot, lambda: len(app.screen._found) == 1)
        await pilot.press("tab", "enter")
        await until(app, pilot, "mine.txt", "6 B")
        await pilot.press("ctrl+s")
        await said(app, pilot, "✓ Delivered: Fwd: Files")

    story(office, told)
    octets = office.taken("Fwd: Files")[0][1]
    assert b"report.pdf" in octets
    assert b"mine.txt" in octets


def begun(office, kind, row):
    """How a letter about that mail begins."""
    boxes = (Mailbox("desk", f"desk@{DOMAIN}"), Mailbox("ops", f"ops@{DOMAIN}"), Mailbox("catchall", f"*@{DOMAIN}"))
    return asyncio.run(beginnings.about(Gateway(office.daemon.socket), kind, row, boxes))


def stored(office, name, text, box="desk", folder="inbox"):
    """A mail as its owner may have put it there."""
    (office.daemon.data / folder / box / f"{name}.md").write_bytes(text.encode())
    return Mail(box, folder, name)


HEAD = (
    '+++\nid = "{0}"\nfrom = "{1}"\nto = "a@b.test"\nto_all = "a@b.test, c@d.test"\ncc = "e@f.test"\n'
    'subject = "re: S"\n'
)


def test_answering_what_was_sent_goes_to_the_same_people(office):
    row = stored(office, "2026-01-01-000000-own", HEAD.format("x", f"desk@{DOMAIN}") + "+++\n\nb\n", folder="sent")
    assert begun(office, "reply", row).to == "a@b.test, c@d.test"
    everybody = begun(office, "all", row)
    assert (everybody.cc, everybody.subject) == ("e@f.test", "re: S")


def test_mail_of_the_catchall_leaves_the_sender_to_be_chosen(office):
    row = stored(office, "2026-01-01-000001-any", HEAD.format("x", "q@r.test") + "+++\n\nb\n", box="catchall")
    letter = begun(office, "reply", row)
    assert (letter.from_, letter.to) == ("", "q@r.test")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("no frontmatter\n", "nobody knows whom to answer", id="no-frontmatter"),
        pytest.param("+++\nfrom = 3\n+++\n\nb\n", "names no address that could be answered", id="no-author"),
        pytest.param('+++\nfrom = "Nobody <>"\n+++\n\nb\n', "names no address that could be answered", id="bad-author"),
    ],
)
def test_what_cannot_be_answered_is_said(office, text, why):
    row = stored(office, "2026-01-01-000002-odd", text)
    with pytest.raises(AimxError, match=why):
        begun(office, "reply", row)


def test_of_a_very_long_mail_the_beginning_is_quoted(office):
    row = stored(office, "2026-01-01-000003-long", HEAD.format("x", "q@r.test") + "+++\n\n" + "word word\n" * 60_000)
    letter = begun(office, "forward", row)
    assert len(letter.body) < 2 * limits.TUI_QUOTE_CHARACTERS
    assert letter.body.rstrip().endswith("> [The rest of the forwarded message was left out.]")


# Files


def test_files_that_cannot_go_along_are_said_and_others_can_be_left_out(office, home):
    os.mkfifo(home / "pipe")
    with (home / "huge").open("wb") as file:
        file.truncate(30 * 1024 * 1024)
    (home / "small.txt").write_text("s")

    async def told(app, pilot):
        await write(app, pilot, "ok@one.test", "Files of mine", "b")
        choose(app)
        for name, words in (
            ("none", "Attachment file not found"),
            ("pipe", "Attachment path is not a file"),
            ("huge", "too large"),
        ):
            await pilot.press("ctrl+g")
            await until(app, pilot, "Attach a file")
            app.screen.query_one("#path").value = str(home / name)
            await pilot.press("enter")
            await said(app, pilot, words)
        await pilot.press("ctrl+g")
        await until(app, pilot, "Attach a file")
        app.screen.query_one("#path").value = str(home / "small.txt")
        await pilot.press("enter")
        await until(app, pilot, "small.txt 1 B")
        (home / "small.txt").unlink()
        await pilot.press("ctrl+s")
        await until(app, pilot, "✗ Not sent", "Attachment file not found")
        app.screen.query_one("#files").focus()
        await pilot.press("delete")
        await pilot.pause()
        await pilot.press("ctrl+s")
        await said(app, pilot, "✓ Delivered: Files of mine")

    story(office, told)


# Drafts


def test_leaving_asks_and_a_kept_draft_is_offered_and_goes_when_it_is_sent(office):
    async def told(app, pilot):
        await pilot.press("c")
        await until(app, pilot, "New letter")
        await pilot.press("escape")  # nothing was written
        await back(app, pilot)
        await write(app, pilot, "ok@one.test", "Kept for later", "first")
        choose(app)
        await pilot.press("escape")
        await until(app, pilot, "This letter is not sent")
        await pilot.press("escape")
        await until(app, pilot, "1 recipient")
        await pilot.press("escape")
        await until(app, pilot, "This letter is not sent")
        await pilot.press("enter")
        await back(app, pilot)
        assert [letter.body for letter in kept()] == ["first"]
        await pilot.press("c")
        await until(app, pilot, "Drafts are kept", "Kept for later → ok@one.test")
        await pilot.press("down", "enter")
        await until(app, pilot, "first", "kept as a draft")
        await pilot.press("ctrl+s")
        await said(app, pilot, "✓ Delivered: Kept for later")

    story(office, told)
    assert kept() == []
    assert len(office.taken("Kept for later")) == 1


def test_a_discarded_letter_leaves_nothing(office):
    async def told(app, pilot):
        await write(app, pilot, body="secret")
        await pilot.press("escape")
        await until(app, pilot, "This letter is not sent")
        await pilot.press("d")
        await back(app, pilot)

    story(office, told)
    assert list(drafts.directory().iterdir()) == []


def test_what_was_typed_is_on_disk_a_moment_later_and_nobody_else_reads_it(office):
    async def told(app, pilot):
        await write(app, pilot, body="words that matter")
        await settled(app, pilot, lambda: list(drafts.directory().glob("*.json")))

    story(office, told)  # which ends in the middle of the letter, as a hang-up does
    assert [letter.body for letter in kept()] == ["words that matter"]
    assert drafts.directory().stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in drafts.directory().iterdir()} == {0o600}


# The editor


@pytest.fixture
def lent(monkeypatch):
    """A terminal that can be lent: there is none in this test."""
    from contextlib import nullcontext

    from textual.app import App

    monkeypatch.setattr(App, "suspend", lambda _: nullcontext())


def script(home, text):
    """An editor."""
    path = home / "editor"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


EDITORS = {
    'echo edited >> "$1"; stat -c %a "$1" > mode': ("edited", "before\nedited\n", 0),
    "exit 3": ("failed with exit code 3; the text is as it was", "before\n", 0),
    'echo lost >> "$1"; exit 1': ("what it wrote is in", "before\n", 1),
    "kill -9 $$": ("was ended by signal 9", "before\n", 0),
    'printf "\\377" > "$1"': ("wrote no UTF-8 text", "before\n", 1),
    'rm "$1"': ("left nothing that can be read", "before\n", 0),
    "printf 'a\\033]5;\\007b' > \"$1\"": ("a\ufffd]5;\ufffdb", "a\ufffd]5;\ufffdb", 0),
}


def test_the_text_goes_to_an_editor_and_comes_back(office, home, lent, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(home))

    async def told(app, pilot):
        await write(app, pilot, body="before\n")
        body = app.screen.query_one("#body")
        for command, (words, text, left) in EDITORS.items():
            monkeypatch.setenv("VISUAL", script(home, command))
            body.text = "before\n"
            await pilot.press("ctrl+o")
            if text == "before\n":
                await said(app, pilot, words)
            else:
                await until(app, pilot, words)
            assert body.text == text
            rooms = list(home.glob("aimx-*"))
            assert len(rooms) == left
            for room in rooms:
                shutil.rmtree(room)

    story(office, told)
    assert (home / "mode").read_text() == "600\n"


def test_without_an_editor_that_is_said(office, monkeypatch):
    monkeypatch.delenv("VISUAL", raising=False)
    missing = {"": "set VISUAL or EDITOR", "/nowhere/vi -u": "the editor /nowhere/vi -u was not found",
               'vi "': "cannot be read as a command"}  # fmt: skip

    async def told(app, pilot):
        await write(app, pilot, body="b")
        for editor, words in missing.items():
            monkeypatch.setenv("EDITOR", editor)
            await pilot.press("ctrl+o")
            await said(app, pilot, words)

    story(office, told)


def test_the_preview_is_beside_the_text_or_in_its_place(office):
    async def told(app, pilot):
        await write(app, pilot, body="# Head\n\n[link](https://x.test) and more")
        await pilot.press("ctrl+t")
        await until(app, pilot, "link[1] and more")
        assert ("# Head" in shown(app)) == (app.size.width >= 100)

    for size in ((110, 30), (80, 24)):
        story(office, told, size)
        for path in drafts.directory().iterdir():
            path.unlink()
