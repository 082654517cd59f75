"""Dialogs as data: what a server says, what we say to that, and what it means. No I/O at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx.smtp.client import Dialog, Letter, Step
from aimx.smtp.stage import Stage

LETTER = Letter("agent.test", "ops@agent.test", 1000)
EIGHT = Letter("agent.test", "ops@agent.test", 1000, eight_bit=True)
FOREIGN = Letter("agent.test", "ops@agent.test", 1000, smtputf8=True, eight_bit=True)
GREETING = [("S", "220 mx ESMTP"), ("C", "EHLO agent.test")]
END = [("S", "354 go"), ("M", ""), ("S", "250 done"), ("C", "QUIT")]


def plain(*features):
    """Up to the reply to EHLO."""
    lines = ["mx", *features]
    return [*GREETING, ("S", "\n".join(f"250{' -'[n < len(lines)]}{line}" for n, line in enumerate(lines, 1)))]


MAIL, RCPT, DATA = ("C", "MAIL FROM:<ops@agent.test>"), ("C", "RCPT TO:<a@x.test>"), ("C", "DATA")
OK = ("S", "250 ok")
# Dialog; letter, recipients; result of the first recipient; words of its reply.
DIALOGS = {
    "no extensions": ([*plain(), MAIL, OK, RCPT, OK, DATA, *END], LETTER, ("a@x.test",), "delivered", "250 done"),
    "HELO": (
        [*GREETING, ("S", "502 what?"), ("C", "HELO agent.test"), ("S", "250 mx"), MAIL, OK, RCPT, OK, DATA, *END],
        LETTER, ("a@x.test",), "delivered", "250 done",
    ),
    "SIZE": (
        [*plain("SIZE 2000"), ("C", "MAIL FROM:<ops@agent.test> SIZE=1000"), OK, RCPT, OK, DATA, *END],
        LETTER, ("a@x.test",), "delivered", "250 done",
    ),
    "SIZE without a maximum": (
        [*plain("size"), ("C", "MAIL FROM:<ops@agent.test> SIZE=1000"), OK, RCPT, OK, DATA, *END],
        LETTER, ("a@x.test",), "delivered", "250 done",
    ),
    "SIZE of zero is none": (
        [*plain("SIZE 0"), ("C", "MAIL FROM:<ops@agent.test> SIZE=1000"), OK, RCPT, OK, DATA, *END],
        LETTER, ("a@x.test",), "delivered", "250 done",
    ),
    "SIZE of nonsense is none": (
        [*plain("SIZE -1"), ("C", "MAIL FROM:<ops@agent.test> SIZE=1000"), OK, RCPT, OK, DATA, *END],
        LETTER, ("a@x.test",), "delivered", "250 done",
    ),
    "too large for it": ([*plain("SIZE 999"), ("C", "QUIT")], LETTER, ("a@x.test",), "failed", "at most 999 octets"),
    "8BITMIME": (
        [*plain("8BITMIME"), ("C", "MAIL FROM:<ops@agent.test> BODY=8BITMIME"), OK, RCPT, OK, DATA, *END],
        EIGHT, ("a@x.test",), "delivered", "250 done",
    ),
    "no 8BITMIME": ([*plain(), ("C", "QUIT")], EIGHT, ("a@x.test",), "failed", "5.6.3"),
    "8BITMIME unused": ([*plain("8BITMIME"), MAIL, OK, RCPT, OK, DATA, *END], LETTER, ("a@x.test",), "delivered", ""),
    "SMTPUTF8": (
        [*plain("8BITMIME", "SMTPUTF8"), ("C", "MAIL FROM:<ops@agent.test> BODY=8BITMIME SMTPUTF8"), OK, RCPT, OK,
         DATA, *END],
        FOREIGN, ("a@x.test",), "delivered", "250 done",
    ),
    "no SMTPUTF8": ([*plain("8BITMIME"), ("C", "QUIT")], FOREIGN, ("a@x.test",), "failed", "5.6.7"),
    "SMTPUTF8 for a recipient": (
        [*plain("8BITMIME", "SMTPUTF8"), ("C", "MAIL FROM:<ops@agent.test> SMTPUTF8"), OK, ("C", "RCPT TO:<ü@x.test>"),
         OK, DATA, *END],
        LETTER, ("ü@x.test",), "delivered", "250 done",
    ),
    "no SMTPUTF8 for one of two": (
        [*plain(), MAIL, OK, RCPT, OK, DATA, *END], LETTER, ("ü@x.test", "a@x.test"), "failed", "5.6.7",
    ),
    "no SMTPUTF8 for the only one": ([*plain(), ("C", "QUIT")], LETTER, ("ü@x.test",), "failed", "5.6.7"),
    "pipelined": (
        [*plain("PIPELINING"), MAIL, RCPT, ("C", "RCPT TO:<b@x.test>"), DATA, OK, OK, OK, *END],
        LETTER, ("a@x.test", "b@x.test"), "delivered", "250 done",
    ),
    "pipelined, in one packet": (
        [*plain("PIPELINING"), MAIL, RCPT, DATA, ("S", "250 ok\n250 ok\n354 go"), ("M", ""), ("S", "250 done"),
         ("C", "QUIT")],
        LETTER, ("a@x.test",), "delivered", "250 done",
    ),
    "nobody accepted, DATA wanted": (
        [*plain("PIPELINING"), MAIL, RCPT, DATA, OK, ("S", "550 5.1.1 no"), ("S", "354 go"), ("C", "."),
         ("S", "250 an empty message"), ("C", "QUIT")],
        LETTER, ("a@x.test",), "failed", "550 5.1.1 no",
    ),
    "251 and 252 are acceptance": (
        [*plain(), MAIL, OK, RCPT, ("S", "251 will forward"), ("C", "RCPT TO:<b@x.test>"), ("S", "252 perhaps"), DATA,
         *END],
        LETTER, ("a@x.test", "b@x.test"), "delivered", "250 done",
    ),
    "the second 250 is not for the dot": (
        [*plain("PIPELINING"), MAIL, RCPT, DATA, ("S", "250 ok\n250 ok\n354 go\n250 done")],
        LETTER, ("a@x.test",), "deferred", "more replies than commands",
    ),
    "replies run ahead": ([*plain(), MAIL, ("S", "250 ok\n250 ok")], LETTER, ("a@x.test",), "deferred", "more replies"),
    "250 for DATA": (
        [*plain(), MAIL, OK, RCPT, OK, DATA, OK], LETTER, ("a@x.test",), "deferred", "broke the protocol: 250 ok",
    ),
    "words after the last": (
        [*plain(), MAIL, OK, RCPT, OK, DATA, ("S", "354 go"), ("M", ""), ("S", "250 done\n421 bye"), ("C", "QUIT")],
        LETTER, ("a@x.test",), "delivered", "250 done",
    ),
    "the null reverse-path": (
        [*plain(), ("C", "MAIL FROM:<>"), OK, RCPT, OK, DATA, *END],
        Letter("agent.test", "", 1000), ("a@x.test",), "delivered", "250 done",
    ),
    "STARTTLS": (
        [*plain("STARTTLS", "SIZE 1"), ("C", "STARTTLS"), ("S", "220 go\n250-mx\n250 SIZE 1"), ("T", ""),
         ("C", "EHLO agent.test"), ("S", "250 mx"), MAIL, OK, RCPT, OK, DATA, *END],
        LETTER, ("a@x.test",), "delivered", "250 done",
    ),
    "STARTTLS refused": (
        [*plain("STARTTLS"), ("C", "STARTTLS"), ("S", "454 4.7.0 not now"), MAIL, OK, RCPT, OK, DATA, *END],
        LETTER, ("a@x.test",), "delivered", "250 done",
    ),
    "STARTTLS refused, and more": (
        [*plain("STARTTLS"), ("C", "STARTTLS"), ("S", "454 4.7.0 not now\n250 ok")],
        LETTER, ("a@x.test",), "deferred", "more replies",
    ),
    "no second turn with who talks too much": (
        [*plain(), MAIL, OK, RCPT, OK, ("C", "RCPT TO:<b@x.test>"), ("S", "452 more"), DATA, ("S", "354 go"), ("M", ""),
         ("S", "250 done\n250 ok"), ("C", "QUIT")],
        LETTER, ("a@x.test", "b@x.test"), "delivered", "250 done",
    ),
    "STARTTLS is not asked for twice": (
        [*plain("STARTTLS"), ("C", "STARTTLS"), ("S", "220 go"), ("T", ""), *plain("STARTTLS")[1:], MAIL, OK, RCPT,
         OK, DATA, *END],
        LETTER, ("a@x.test",), "delivered", "250 done",
    ),
}  # fmt: skip


def play(script, letter, rcpts):
    """Both sides by turns; every line of ours is as the script says. The dialog at its end."""
    dialog = Dialog(letter, rcpts, tls=True)
    ours: list[str] = []
    for side, text in script:
        if side == "S":
            assert not ours, "we said more"
            assert dialog.step() is Step.READ
            dialog.receive((text.replace("\n", "\r\n") + "\r\n").encode())
        elif side == "M":
            assert dialog.step() is Step.MESSAGE
            dialog.sent()
        elif side == "T":
            assert dialog.step() is Step.SECURE
            dialog.secured()
        if dialog.step() is Step.WRITE:
            octets = dialog.take().decode()
            assert octets.endswith("\r\n")
            ours += octets.removesuffix("\r\n").split("\r\n")
        if side == "C":
            assert ours.pop(0) == text
    assert not ours
    assert dialog.step() is Step.OVER
    return dialog


@pytest.mark.parametrize(("script", "letter", "rcpts", "result", "words"), DIALOGS.values(), ids=DIALOGS)
def test_a_dialog_goes_as_written(script, letter, rcpts, result, words):
    fate = play(script, letter, rcpts).fates.of(0)
    assert (fate.result, words in fate.text) == (result, True), fate


def test_after_tls_nothing_of_before_is_known():
    script = [*plain("STARTTLS", "8BITMIME"), ("C", "STARTTLS"), ("S", "220 go"), ("T", ""), ("C", "EHLO agent.test"),
              ("S", "250 mx"), ("C", "QUIT")]  # fmt: skip
    assert "5.6.3" in play(script, EIGHT, ("a@x.test",)).fates.of(0).text


@pytest.mark.parametrize("tls", [True, False])
def test_losing_tls_makes_room_for_another_try(tls):
    dialog = Dialog(LETTER, ("a@x.test",), tls)
    dialog.receive(b"220 mx\r\n")
    dialog.receive(b"250-mx\r\n250 STARTTLS\r\n")
    dialog.lost("gone")
    assert dialog.tls_failed is tls
    assert dialog.step() is Step.OVER


LINES = [b"220 mx\r\n", b"250 ok\r\n", b"250-mx\r\n", b"250 STARTTLS\r\n", b"250 PIPELINING\r\n", b"354 go\r\n",
         b"451 later\r\n", b"550 no\r\n", b"421 bye\r\n", b"452 more\r\n", b"\r\n",
         b"250 ok\r\n250 ok\r\n354 go\r\n"]  # fmt: skip


@given(st.lists(st.sampled_from(LINES) | st.binary(max_size=8), max_size=40), st.booleans(), st.integers(1, 3))
def test_any_server_ends_in_an_outcome(octets, tls, rcpts):
    dialog = Dialog(LETTER, tuple(f"r{n}@x.test" for n in range(rcpts)), tls)
    sent, turns = False, iter(octets)
    for _ in range(500):
        step = dialog.step()
        if step is Step.OVER:
            break
        if step is Step.WRITE:
            dialog.take()
        elif step is Step.SECURE:
            dialog.secured()
        elif step is Step.MESSAGE:
            dialog.sent()
            sent = True
        else:
            dialog.receive(next(turns, b""))
    assert dialog.step() is Step.OVER
    fates = [dialog.fates.of(n) for n in range(rcpts)]
    assert all(fate.text for fate in fates)
    assert sent or not any(fate.result in ("delivered", "unknown") for fate in fates)


@given(st.sampled_from(Stage), st.binary(max_size=200))
def test_octets_at_any_time_raise_nothing(stage, octets):
    dialog = Dialog(LETTER, ("a@x.test",), tls=True)
    if stage is Stage.FINAL:
        for reply in (b"220 mx\r\n", b"250 mx\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            dialog.take()
            dialog.receive(reply)
        dialog.sent()
    dialog.receive(octets)
    dialog.receive(b"")
    dialog.lost("again")
    assert dialog.fates.of(0).text
