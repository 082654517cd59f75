"""What stands in the rows and the header block of a mail, and what its text and its links become."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimx import limits
from aimx_tui.dash.mail import document, links, rows, saving, sheet, words
from aimx_tui.dash.mail.document import Colours, Link
from aimx_tui.dash.mail.reading import Message
from aimx_tui.dash.mail.sheet import Body, Look
from aimx_tui.dash.state import Asked, Listing, Mail, Mailbox

FROM = {"from": "Bob B <bob@example.com>"}
TRUST = {
    "trusted": (
        {"trusted": "true", "trust_reason": "aligned-dkim:example.com"},
        "✔ trusted: bob@example.com is in trusted_senders and DKIM passed for example.com",
    ),
    "trusted by an older program": ({"trusted": "true"}, "✔ trusted"),
    "none": ({"trusted": "none"}, "– not evaluated: trust is none for this mailbox"),
    "not listed": (
        {"trusted": "false", "trust_reason": "sender-not-listed"},
        "✖ not trusted: bob@example.com is not in trusted_senders",
    ),
    "unaligned": (
        {"trusted": "false", "trust_reason": "dkim-unaligned:evil.example"},
        "✖ not trusted: the only signature that passed is of evil.example, not of bob@example.com's domain",
    ),
    "no signature": (
        {"trusted": "false", "trust_reason": "dkim-none"},
        "✖ not trusted: it has no DKIM signature",
    ),
    "unknown": ({"trusted": "false", "trust_reason": "new-rule"}, "✖ not trusted: new-rule"),
    "edited": ({"trusted": 3}, "– not evaluated: trust is none for this mailbox"),
}


@pytest.mark.parametrize(("fields", "said"), TRUST.values(), ids=TRUST)
def test_trust_has_its_reason_in_words(fields, said):
    assert words.trust({**FROM, **fields}).plain == said


def test_checks_have_their_words_and_what_these_leave_out():
    fields = {"dkim": "fail", "spf": "softfail", "dmarc": "pass", "auth_detail": "dkim=fail (key\x1b lookup)"}
    said = "DKIM ✖ fail · SPF ✖ softfail · DMARC ✔ pass (dkim=fail (key\\x1b lookup))"
    assert words.checks(fields).plain == said


DELIVERY = {
    "delivered": ({"delivery_status": "delivered", "delivered_at": "2026-11-18T10:00:00Z"},
                  ["✔ delivered, Wed 18 Nov 2026 10:00 UTC"]),
    "failed": ({"delivery_status": "failed", "delivery_details": "550 5.1.1 no"}, ["✖ failed: 550 5.1.1 no"]),
    "pending": ({"delivery_status": "pending"}, ["… pending: on its way, or the daemon stopped meanwhile"]),
    "unknown word": ({"delivery_status": "odd"}, ["odd"]),
    "each": (
        {"delivery_status": "failed", "delivered_to": "a@x.example, b@y.example, c@z.example",
         "delivery_details": "a@x.example: delivered; b@y.example: failed: 550 no; really; c@z.example: deferred: 4"},
        ["✖ failed", "a@x.example: delivered", "b@y.example: failed: 550 no; really", "c@z.example: deferred: 4"],
    ),
    "not told apart": (
        {"delivery_status": "failed", "delivered_to": "a@x.example, b@y.example", "delivery_details": "no route"},
        ["✖ failed: no route"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "said"), DELIVERY.values(), ids=DELIVERY)
def test_delivery_is_told_for_each_recipient(fields, said):
    assert [row.text.plain for row in words.delivery(fields)] == said


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["from", "to", "date", "trusted", "trust_reason", "delivered_to", "attachments",
                                        "delivery_details", "delivery_status", "dkim", "delivered_at", "cc"]),
                       st.one_of(st.text(max_size=40), st.integers(), st.booleans(), st.lists(st.text(max_size=9)),
                                 st.lists(st.dictionaries(st.text(max_size=4), st.text(max_size=4))))))  # fmt: skip
def test_whatever_an_owner_wrote_there_the_header_block_is_drawn(fields):
    mail = Mail("ops", "sent", "x")
    message = Message("ops", "sent", "x", "/x", "1", 1, "", "", fields, None)
    for one in (mail, mail._replace(folder="inbox")):
        assert sheet.top(one, message, (), Look(30))


NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WHEN = {
    "today": ("2026-11-21T08:15:00Z", "08:15"),
    "this year": ("2026-03-02T08:15:00Z", "Mar  2"),
    "before": ("2024-03-02T08:15:00Z", "Mar 24"),
    "nothing": ("", ""),
    "no date": ("yesterday", ""),
}


@pytest.mark.parametrize(("text", "said"), WHEN.values(), ids=WHEN)
def test_a_time_is_short(text, said):
    assert rows.when(text, NOW) == said


def test_a_row_has_as_many_cells_as_columns_at_every_width():
    mail = Mail("ops", "inbox", "x", from_='"B, Bob" <b@x.example>', subject="[/nope]\n2", read=False, automated="true")
    for width in range(0, 140, 7):
        for folder in ("inbox", "sent", "all"):
            for box in (None, "ops"):
                asked = Asked(box, folder)
                cells = rows.mail(mail, asked, width, NOW)
                assert len(cells) == len(rows.columns(asked, width))
                assert [cell.plain for cell in cells[:3]] == ["●–⚙ ", "B, Bob", "[/nope] 2"]


def test_a_directory_that_is_no_mailbox_says_so():
    assert [cell.plain for cell in rows.box(Mailbox("old", "", registered=False))] == ["old", "unreg."]


def test_the_table_says_what_it_shows():
    listing = Listing(Asked("ops", "inbox", "from:bob", True), (Mail("ops", "inbox", "x"),), "more", True)
    assert rows.place(listing, 0, "ann") == "ops · Inbox · 0 of 1+ · unread only · search: from:bob · filter: ann"
    assert rows.place(Listing(), 0, "") == "All mailboxes · Inbox · … loading"


def lines(text, width=60):
    drawn = document.markdown(text, width, Colours())
    return [line if isinstance(line, str) else "".join(part.text for part in line).rstrip() for line in drawn.lines]


TEXTS = {
    "markup stays text": ("[/nope] [bold]x[/] :bomb:", ["[/nope] [bold]x[/] :bomb:"]),
    "html is text": ("a <b>x</b> <!-- hidden -->\n<script>y</script>", ["a <b>x</b> <!-- hidden -->",
                                                                       "<script>y</script>"]),
    "controls are shown": ("a\x1b]52;c;x\x07b", ["a\\x1b]52;c;x\\x07b"]),
    "so are those of entities": ("a&#x202e;b &#x200d;", ["a\\u202eb \\u200d"]),
    "a definition is not hidden": ("[a]: x 'y'", ["[a]: x 'y'"]),
    "a title is not hidden": ("[a](http://b.example \"pay\")", ["a[1] “pay”"]),
    "what a fence claims is not hidden": ("```sh ignore\nx\n```", ["  ⟨sh ignore⟩", "  x"]),
    "an image is a link": ("![pixel](http://t.example/p.png)", ["[image: pixel][1]"]),
    "short lines end": ("Bob\nMain street 1", ["Bob", "Main street 1"]),
    "long lines flow": (f"{'word ' * 12}\n{'word ' * 2}end", [("word " * 12).strip(), "word word end"]),
    "a deep quote is all there": ("> " * 30 + "deep", ["> " * 29 + ">", "deep"]),
    "a wide table is all there": ("|a" * 30 + "|\n" + "|-" * 30 + "|", None),
    "code is as it was": ("```\na\n\n\nb\n```", ["  a", "", "", "  b"]),
    "a task": ("- one\n- two", [" • one", " • two"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "there"), TEXTS.values(), ids=TEXTS)
def test_a_text_of_a_stranger_is_shown_whole_and_obeyed_nowhere(text, there):
    found = lines(text)
    if there is None:
        assert "".join(found).count("a") == 30
    else:
        assert found == there


def test_no_link_reaches_the_terminal_and_each_is_counted():
    drawn = document.markdown("[a](http://b.example/%0a) and http://c.example/d. <http://e.example>", 60, Colours())
    parts = [part for line in drawn.lines for part in line]
    assert [part.style.link for part in parts if part.style] == [None] * sum(1 for part in parts if part.style)
    assert {part.style.meta.get("link") for part in parts if part.style} == {0, 1, 2}
    assert [link.target for link in drawn.links] == ["http://b.example/%0a", "http://c.example/d", "http://e.example"]


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("a b*_`~[](){}<>!|-+>#:\n\t\\/&;1.=\"'漢\u200d\u202e\x1b\xa0"), max_size=120),
       st.integers(1, 90))  # fmt: skip
def test_any_text_is_drawn_at_any_width(text, width):
    found = lines(text, width)
    assert not any(character in line for line in found for character in "\x1b\u202e\u200d\x07")
    plain = document.plain(text, width)
    assert "".join("".join(plain).split()) == "".join(document.safe.whole(text.replace("\xa0", " ")).split())


LINKS = {
    "web": (Link("http://a.example", "http://a.example"), "web", 1),
    "encrypted": (Link("here", "https://a.example/x"), "web", 0),
    "names another": (Link("https://bank.example", "https://evil.example"), "web", 1),
    "with www": (Link("www.bank.example", "https://bank.example/login"), "web", 0),
    "user": (Link("x", "https://bank.example@evil.example/"), "web", 1),
    "look-alike": (Link("x", "https://xn--bnk-5na.example"), "web", 1),
    "mail": (Link("Bob", "mailto:bob@x.example?subject=y"), "mail", 0),
    "script": (Link("x", "javascript:alert(1)"), "", 1),
    "file": (Link("x", "file:///etc/passwd"), "", 1),
    "relative": (Link("x", "/etc/passwd"), "", 1),
    "control": (Link("x", "https://a.example/\x1b[2J"), "", 1),
    "broken": (Link("x", "http://[::1"), "", 1),
    "option": (Link("x", "--help"), "", 1),
    "address": (Link("x", "https://[2001:db8::1]:8443/"), "web", 0),
    # A browser goes elsewhere: a backslash is a slash to it, %2e a dot; or nowhere.
    "backslash": (Link("bank.example", "https://evil.example\\@bank.example/"), "", 1),
    "escaped": (Link("x", "https://evil%2eexample/"), "", 1),
    "port": (Link("x", 'https://a.example:"'), "", 1),
    "brackets": (Link("x", "https://evil.example[::1]/"), "", 1),
}


@pytest.mark.parametrize(("link", "opens", "warnings"), LINKS.values(), ids=LINKS)
def test_what_a_link_may_open_and_what_is_odd_about_it(link, opens, warnings):
    judged = links.judge(link)
    assert (judged.opens, len(judged.warnings)) == (opens, warnings)


def test_a_mail_to_write_goes_to_the_address_only():
    assert links.judge(Link("Bob", "mailto:bob%40x.example?body=y")).address == "bob@x.example"


def test_a_long_text_is_drawn_once_and_goes_on_where_it_was():
    first = "# Head\n\n" + "word " * 200 + "\n"
    message = Message("ops", "inbox", "x", "/x", "1", 9_000, first, first, {}, 5)
    body = Body(message, Look(40))
    before = list(body.lines)
    whole = first + "*tail*\nlast"
    body.feed(message._replace(source=whole, body=whole, next=None))
    assert body.lines[: len(before)] == before
    assert body.lines[len(before) :] == ["*tail*", "last"]
    source = Body(message._replace(source=whole, next=None), Look(40, source=True))
    assert source.lines[0] == "# Head"
    assert source.lines[-2:] == ["*tail*", "last"]


def test_more_than_the_reader_holds_is_named():
    mail = Mail("ops", "sent", "x")
    message = Message("ops", "sent", "x", "/x", "1", 2**30, "a" * limits.TUI_BODY_CHARACTERS, "", {}, 9)
    assert "… the rest is not loaded: aimx emails read ops x --folder sent" in sheet.bottom(mail, message, (), Look(60))


NAMES = {
    "plain": ("report.pdf", "report.pdf"),
    "path": ("../../etc/passwd", "_.._etc_passwd"),
    "hidden": (".bashrc", "bashrc"),
    "option": ("--help", "help"),
    "control": ("a\x1b[2J\u202e.txt", "a_[2J_.txt".replace("[", "_")),
    "nothing": ("...", "attachment"),
}


@pytest.mark.parametrize(("name", "proposed"), NAMES.values(), ids=NAMES)
def test_a_file_is_proposed_under_a_harmless_name(name, proposed, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    file = words.Attachment(name, "text/plain", 1, name)
    assert saving.proposed(file) == f"{tmp_path}/{proposed}"
    (tmp_path / "Downloads").mkdir()
    assert saving.proposed(file) == f"{tmp_path}/Downloads/{proposed}"
    assert str(saving.place("~/Downloads", file)) == f"{tmp_path}/Downloads/{proposed}"
