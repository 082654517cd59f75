"""Mode 1 beside a real daemon: moving, reading, marking, searching, and what happens under the reader's hands."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from textual.widgets import Input

from aimx import client, limits
from aimx.wire.frames import EmailList, MailboxCreate, MailboxDelete
from aimx_tui.dash.compose.screen import ComposeScreen
from aimx_tui.dash.gateway import Gateway
from aimx_tui.dash.mail import reading
from aimx_tui.dash.mail.dialogs import Choose, Leading
from aimx_tui.dash.mail.screen import MailMode
from tests.harness import Daemon, config_text, mail, owner
from tests.tui.dash.screens import dashboard, settled, until


class Mode:
    """The mail mode under a pilot."""

    def __init__(self, app, pilot):
        self.app, self.pilot = app, pilot

    @property
    def screen(self):
        return next(screen for screen in self.app.screen_stack if isinstance(screen, MailMode))

    @property
    def text(self):
        """What the reader has, in view or not, as one line."""
        page = self.screen.reader.page
        lines = " ".join([self.note, *(page.text(number) for number in range(page.length))])
        return " ".join(lines.split())

    @property
    def note(self):
        return str(self.screen.reader.query_one("#reader-note").content)

    @property
    def place(self):
        return str(self.screen.query_one("#place").content)

    @property
    def here(self):
        """The subject of the row with the cursor."""
        return self.screen.mails.item.subject if self.screen.mails.item else None

    async def press(self, *keys):
        await self.pilot.press(*keys)

    async def has(self, holds, what=""):
        await settled(self.app, self.pilot, holds, what or (self.place, self.here, self.text[:600]))

    async def reads(self, *words):
        await self.has(lambda: all(word in self.text for word in words), words)

    async def finds(self, place, count=None):
        await self.has(lambda: place in self.place, place)
        if count is not None:
            assert self.place.split(" · ")[2] == count

    async def says(self, words):
        """A notice in the corner."""
        await self.has(lambda: any(words in notice.message for notice in self.app._notifications), words)

    async def dialog(self, kind):
        await self.has(lambda: isinstance(self.app.screen, kind), kind)
        await self.has(lambda: self.app.screen.is_mounted and self.app.screen.focused is not None, kind)


@asynccontextmanager
async def mode(daemon, size=(120, 40), rest_s=86_400.0):
    async with dashboard(daemon, size) as (app, pilot):
        it = Mode(app, pilot)
        await until(app, pilot, "● live", "agent.test")
        await it.has(lambda: app.state.mailboxes_loaded and app.state.listing.loaded)
        it.screen.rest_s = rest_s
        yield it


def unread(daemon, box):
    """The ids that the daemon itself calls unread."""
    told = client.call(daemon.socket, EmailList(box, "inbox", unread=True, limit=200))
    return [row["id"] for row in json.loads(told.body)["emails"]]


def test_moving_reads_and_words_say_why(busy):
    async def story():
        async with mode(busy) as it:
            await it.press(*"JJJJ")
            await it.finds("support · Inbox")
            await it.reads("Nightly import fails", "✔ trusted: ann@example.org is in trusted_senders", "DKIM ✔ pass",
                           "run result", "More in the log[1].")  # fmt: skip
            await it.press("j")
            await it.reads("✖ not trusted: bob@example.com is not in trusted_senders", "Conversation: 3 mails")
            await it.press("K", "K", "K")
            await it.finds("billing · Inbox")
            await it.reads("invoice-2041.pdf · application/pdf · 17.6 KiB", "⚙ automated")
            await it.press("J")
            await it.finds("catchall · Inbox · 200+")
            await it.press("G")
            await it.has(lambda: len(it.app.state.listing.rows) > limits.TUI_PAGE)
            await it.press("K", "K")
            await it.finds("All mailboxes · Inbox")
            await it.press("slash", *"nightly", "enter")
            await it.finds("search: nightly")
            await it.reads("Nightly")
            await it.press("v")
            await it.reads('trust_reason = "aligned-dkim:example.org"', "+++")
            await it.press("v")
            await it.has(lambda: "+++" not in it.text)

    asyncio.run(story())


def test_mailboxes_and_their_folders(busy):
    async def story():
        async with mode(busy) as it:
            await until(it.app, it.pilot, "All mailboxes", "old unreg.", "quiet")
            await it.press("J")
            await it.finds("billing · Inbox", "2")
            await it.press("S")
            await it.finds("billing · Sent", "2")
            await until(it.app, it.pilot, "… pending", "delivered")
            await it.reads("… pending: outcome unknown: the connection was lost")
            await it.press("J", "J", "J")
            await it.finds("support · Sent", "3")
            await it.press("j")
            await it.reads("✖ failed: 550 5.1.1 no such user")
            await it.press("a")
            await it.finds("support · All mail", "9")
            await it.press("i", "U")
            await it.finds("support · Inbox · 2 · unread only")
            await it.press("U", "K")
            await it.finds("quiet · Inbox", "0")
            await until(it.app, it.pilot, "No mail.")
            await it.press("h", "up")
            await it.finds("old: a directory without a mailbox")
            await it.press("up", "enter")
            await it.finds("catchall · Inbox")
            assert it.screen.mails.has_focus

    asyncio.run(story())


def test_a_search_says_what_is_wrong_where_it_is_typed(busy):
    async def story():
        async with mode(busy) as it:
            await it.press("slash", *"from:bob xx:y", "enter")
            await until(it.app, it.pilot, "✗ 'xx:y' at character 10")
            await it.press(*["backspace"] * 5, "enter")
            await it.finds("All mailboxes · Inbox · 3 · search: from:bob")
            await it.reads("Re: Offer for two agents")
            await it.press("n")
            await it.reads("What would two of them cost?")
            await it.press("N")
            await it.has(lambda: it.here == "Re: Offer for two agents")
            await it.press("slash", *["backspace"] * 9, *"in:sent twenty", "enter")
            await it.finds("Sent · 1 · search: in:sent twenty")
            await it.press("slash", "up", "up")
            assert it.screen.query_one("#wanted").value == "from:bob"
            await it.press("down", "escape", "escape")
            await it.finds("All mailboxes · Inbox · 200+")
            await it.press("n")
            await it.says("Nothing has been searched for")

    asyncio.run(story())


def test_hits_are_found_within_the_text(busy):
    async def story():
        body = "".join(f"line {number}\r\n\r\n" for number in range(200)) + "a needle\r\n\r\n" + "more\r\n\r\n" * 60
        await asyncio.to_thread(busy.send, mail("Haystack", body), "quiet@agent.test")
        async with mode(busy) as it:
            await it.press("slash", *"needle", "enter")
            await it.finds("search: needle")
            await it.reads("line 199")
            await it.press("enter", "n")
            await until(it.app, it.pilot, "a needle")
            assert it.screen.reads
            await it.press("q", "q")
            await it.finds("Inbox · 200+")

    asyncio.run(story())


def test_a_filter_narrows_while_it_is_typed(busy):
    async def story():
        async with mode(busy) as it:
            await it.press("J", "J")
            await it.finds("catchall · Inbox")
            await it.press("backslash", *"letter 22")
            await it.finds("filter: letter 22")
            await it.has(lambda: it.place.split(" · ")[2] == "10 of 200+")
            await it.has(lambda: "22" in it.here)
            await it.reads(it.here)  # the reader shows what the cursor is on, not what has left the table
            await it.press("enter")
            assert it.screen.mails.has_focus
            await it.press("escape")
            await it.finds("catchall · Inbox · 200+")

    asyncio.run(story())


def test_a_conversation_is_a_table_and_a_list(busy):
    async def story():
        async with mode(busy) as it:
            await it.press("slash", *"cost", "enter")
            await it.finds("search: cost")
            await it.reads("Conversation: 3 mails", "1 of 3")
            await it.press("T")
            await it.finds("support · conversation · 3")
            await it.press("G")
            await it.reads("What would two of them cost?")
            page = it.screen.reader.page
            line = next(number for number in range(page.length) if "10:15  to Bob" in page.text(number))
            await it.pilot.click(page, offset=(10, line - page.top))
            await it.reads("Two cost twenty.", "✔ delivered")
            await it.press("escape", "escape")
            await it.finds("All mailboxes · Inbox")

    asyncio.run(story())


def test_mails_without_an_id_are_no_conversation(busy):
    """All such mails have one `thread_id`, by its formula, and are strangers all the same."""

    async def story():
        for subject in ("A stranger", "Another one"):
            await asyncio.to_thread(busy.send, mail(subject), "quiet@agent.test")
        async with mode(busy) as it:
            await it.press("slash", *"stranger", "enter")
            await it.finds("search: stranger")
            await it.reads("A stranger")
            await it.press("T")
            await it.finds("quiet · conversation · 1")
            assert it.screen.mails.item.subject == "A stranger"

    asyncio.run(story())


@pytest.fixture
def arrivals(busy):
    """Sends to `quiet`, which has no mail of its own; tests tell theirs apart by the subject."""

    async def send(*subjects, body="Hi.\r\n"):
        for subject in subjects:
            await asyncio.to_thread(busy.send, mail(subject, body), "quiet@agent.test")

    return send


def test_only_a_mail_that_was_looked_at_counts_as_read(busy, arrivals):
    async def story():
        await arrivals("Passed", "Rested")
        async with mode(busy) as it:
            await it.press("J", "J", "J")
            await it.finds("quiet · Inbox")
            await it.reads("Rested", "Hi.")
            await it.press("j")
            await it.reads("Passed", "Hi.")
            assert {one[18:] for one in unread(busy, "quiet")} >= {"passed", "rested"}
            it.screen.rest_s = 0.01
            await it.press("k")
            await it.reads("Rested", "Hi.")
            await it.has(lambda: it.screen.mails.item.read)
            left = {one[18:] for one in unread(busy, "quiet")}
            assert "rested" not in left
            assert "passed" in left
            await it.press("u")
            await it.has(lambda: not it.screen.mails.item.read)
            await it.press("u")
            await it.has(lambda: it.screen.mails.item.read)
            it.screen.rest_s = 86_400.0
            await it.press("j", "enter")
            await it.has(lambda: it.screen.mails.item.read)
            assert it.screen.reads

    asyncio.run(story())


def test_sent_mail_is_neither_read_nor_unread(busy):
    async def story():
        async with mode(busy) as it:
            await it.press("S")
            await it.finds("Sent · 5")
            await it.press("u")
            await it.says("Only received mail is read or unread.")

    asyncio.run(story())


def test_in_a_small_terminal_the_reader_is_a_screen_of_its_own(busy):
    async def story():
        async with mode(busy, size=(80, 24)) as it:
            assert not it.screen.reader.is_on_screen
            await it.press(*"JJJJ")
            await it.finds("support · Inbox")
            await it.press("enter")
            await until(it.app, it.pilot, "Nightly import fails", "Checks", "Trust")
            await it.has(lambda: not it.screen.mails.is_on_screen)
            await it.press("space")
            await it.has(lambda: it.screen.reader.page.top > 0)
            await it.pilot.resize_terminal(120, 40)
            await it.has(lambda: it.screen.mails.is_on_screen and it.screen.reader.is_on_screen)
            assert "Traceback: line 4711" in it.text
            await it.pilot.resize_terminal(60, 18)
            await it.has(lambda: not it.screen.mails.is_on_screen)
            assert it.screen.reader.page.has_focus
            await it.press("right_square_bracket")
            await it.reads("Offer for two agents", "as agreed.")
            await it.press("q")
            await it.has(lambda: it.screen.mails.is_on_screen)
            assert it.screen.mails.has_focus
            await it.press("q")
            await it.has(lambda: it.app._exit)

    asyncio.run(story())


def test_news_leave_the_reader_alone_and_losses_are_told(busy, arrivals):
    async def story():
        await arrivals("Kept", body="line\r\n\r\n" * 200)
        async with mode(busy) as it:
            await it.press("J", "J", "J")
            await it.finds("quiet · Inbox")
            await it.reads("Kept", "line")
            await it.press("enter", "space", "space")
            top = it.screen.reader.page.top
            await arrivals("Above it")
            await it.has(lambda: any(row.subject == "Above it" for row in it.app.state.listing.rows))
            assert (it.here, it.screen.reader.page.top) == ("Kept", top)
            next(path for path in busy.messages("quiet") if path.stem.endswith("kept")).unlink()
            await it.press("ctrl+r")
            await it.reads("✗ This mail is no longer there", "Kept", "line")
            assert it.screen.reader.page.top == top

    asyncio.run(story())


def test_a_mailbox_that_is_deleted_while_it_is_shown_makes_place_for_all(busy):
    async def story():
        whose = "nobody" if owner() == "root" else owner()
        told = await asyncio.to_thread(client.call, busy.socket, MailboxCreate("shortlived", whose))
        assert told.kind != "error", told
        async with mode(busy) as it:
            await it.has(lambda: any(box.name == "shortlived" for box in it.app.state.mailboxes))
            await it.press(*"JJJJ")
            await it.finds("shortlived · Inbox")
            await asyncio.to_thread(client.call, busy.socket, MailboxDelete("shortlived"))
            await it.finds("All mailboxes · Inbox")
            await it.has(lambda: it.screen.boxes.key == "")
            await it.has(lambda: it.screen.mails.item is not None and it.screen.mails.item.mailbox != "shortlived")

    asyncio.run(story())


def test_a_long_mail_is_there_at_once_and_the_rest_on_the_way_down(busy):
    async def story():
        body = "".join(f"line {number} of many, all of them alike\r\n" for number in range(80_000)) + "the last\r\n"
        await asyncio.to_thread(busy.send, mail("Long"), "quiet@agent.test")
        await asyncio.to_thread(busy.send, mail("Long, really", body), "quiet@agent.test")
        async with mode(busy) as it:
            await it.press("slash", *"subject:really", "enter")
            await it.reads("Long, really", "more; going down loads it")
            assert it.screen.reader.message.next is not None
            await it.press("enter")
            for _ in range(6):
                size = len(it.screen.reader.message.source)
                await it.press("G")
                message = it.screen.reader.message
                if message.next is not None:
                    await it.has(lambda was=size: len(it.screen.reader.message.source) > was)
            await it.reads("the last")
            assert it.text.count("of many") == 80_000

    asyncio.run(story())


def test_a_link_shows_where_it_leads_before_anything_happens(busy, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    async def story():
        body = "[https://bank.example](https://evil.example/x) and [run](mailto:bob@x.example)\r\n"
        await asyncio.to_thread(busy.send, mail("Links of a stranger", body), "quiet@agent.test")
        async with mode(busy) as it:
            await it.press("slash", *"stranger", "enter")
            await it.reads("https://bank.example[1]")
            await it.press("l")
            await it.dialog(Choose)
            await it.press("enter")
            await it.dialog(Leading)
            await until(it.app, it.pilot, "https://evil.example/x", "! The text names bank.example")
            await it.press("y")
            await it.has(lambda: it.app.clipboard == "https://evil.example/x")
            page = it.screen.reader.page
            line = next(number for number in range(page.length) if "bank" in page.text(number))
            await it.pilot.click(page, offset=(4, line - page.top))
            await it.dialog(Leading)
            await it.press("o")
            await it.says("there is no graphical session here")
            await it.press("y", "Y")
            await it.has(lambda: it.app.clipboard.endswith("-links-of-a-stranger.md"))
            await it.press("l")
            await it.dialog(Choose)
            await it.press("down", "enter")
            await it.dialog(Leading)
            await it.press("o")
            await it.dialog(ComposeScreen)
            await until(it.app, it.pilot, "bob@x.example")
            assert it.app.screen.query_one("#field-to", Input).value == "bob@x.example"

    asyncio.run(story())


@pytest.mark.parametrize("folder", ["inbox", "sent"])
def test_all_of_a_mail_is_read_for_an_answer(busy, folder):
    async def story():
        path = busy.messages("support", folder)[-1]
        message = await reading.whole(Gateway(busy.socket), "support", folder, path.stem)
        assert message.source == path.read_text()
        assert message.fields["id"] == path.stem
        assert message.next is None
        assert message.source.endswith(message.body)

    asyncio.run(story())


def test_a_mail_that_changes_while_it_is_read_is_not_mixed(busy, monkeypatch):
    async def story():
        await asyncio.to_thread(busy.send, mail("Mixed", "x\r\n" * 60_000), "quiet@agent.test")
        path = next(path for path in busy.messages("quiet") if path.stem.endswith("mixed"))
        gateway = Gateway(busy.socket)
        begun = await reading.begin(gateway, "quiet", "inbox", path.stem)
        assert begun.next is not None
        path.write_text(path.read_text() + "y\n")
        with pytest.raises(reading.Changed):
            await reading.more(gateway, begun)
        assert (await reading.whole(gateway, "quiet", "inbox", path.stem)).body.endswith("y\n")

    asyncio.run(story())


def test_while_the_daemon_is_away_what_is_loaded_is_read(tmp_path):
    async def story():
        with Daemon(tmp_path, config_text()) as daemon:
            await asyncio.to_thread(daemon.send, mail("First", "one\r\n"))
            await asyncio.to_thread(daemon.send, mail("Second", "two\r\n"))
            async with mode(daemon) as it:
                await it.reads("Second", "two")
                await asyncio.to_thread(daemon.stop)
                await until(it.app, it.pilot, "✗ daemon away")
                await it.press("enter", "v")
                await it.reads("+++", "two")
                await it.press("u")
                await it.says("no aimx daemon answers")
                await it.press("q", "j")
                await it.reads("✗ no aimx daemon answers", "First")
                await asyncio.to_thread(daemon.start)
                await it.press("ctrl+r")
                await it.reads("First", "one")
                await it.has(lambda: it.note == "")

    asyncio.run(story())
