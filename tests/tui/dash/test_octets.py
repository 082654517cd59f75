"""Mail that would do something to a terminal: all that `aimx tui` writes to a real one is its own, octet by octet."""

import re
import sys

import pytest

from tests.tui.dash import busy
from tests.tui.dash.busy import Past
from tests.tui.ptys import OnPty

BEL, ESC, ST = "\x07", "\x1b", "\x9c"
EVIL = {
    "markup": "[/nope][bold red]x[/][link=file:///etc/passwd]",
    "action": "[@click=app.quit]go[/]",
    "clipboard": f"{ESC}]52;c;ZXZpbA=={BEL}",
    "clipboard of one octet": f"\x9d52;c;ZXZpbA=={ST}",
    "link": f"{ESC}]8;;https://evil.test/{ESC}\\here{ESC}]8;;{ESC}\\",
    "title": f"{ESC}]0;evil{BEL}",
    "clear": f"{ESC}[2J{ESC}[H{ESC}c\x9b2J",
    "device": f"{ESC}P$q q{ESC}\\{ESC}_evil{ESC}\\{ESC}[5n{ESC}[6n{ESC}[c",
    "bidi": "abc\u202egro.elpmaxe\u2066\u200f",
    "joined": "\U0001f468\u200d\U0001f469\u200d\U0001f467\ufe0f",
    "combining": "o" + "\u0301\u0489\u20dd" * 300,
    "null": "a\x00b\x08\x08\x7f\x0e\x0f",
    "tag": "a\U000e0041\U000e007f",
    "wide": "請求書" * 100,
    "long": "Subject of ten kilobytes " * 400,
    "emoji code": ":bomb: :skull:",
    "braces": "{0} %s $(reboot) `id`",
}
_DEEP = "".join("> " * min(depth, 60) + f"level {depth}\n" for depth in range(300))
BODIES = {
    **{f"text: {name}": f"{text}\n\n{text} again\n" for name, text in EVIL.items()},
    "deep quotes": _DEEP,
    "deep lists": "".join("  " * depth + f"- {depth}\n" for depth in range(200)),
    "deep emphasis": "*" * 5000 + "x" + "*" * 5000,
    "brackets": "[" * 20_000 + "]" * 20_000,
    "a table of a megabyte": "|a|b|\n|-|-|\n" + "|cell|cell|\n" * 80_000,
    "a wide table": "|" + "a|" * 5000 + "\n|" + "-|" * 5000 + "\n|" + "b|" * 5000 + "\n",
    "100,000 links": "[l](https://evil.test/) " * 100_000,
    "images": "![x](https://evil.test/track.png) ![y](file:///etc/passwd)\n" * 50,
    "links that act": "[go](javascript:alert(1)) [up](app.quit) <https://evil.test/\x1b]52;c;eA==\x07>\n",
    "html": "<script>alert(1)</script><img src=x onerror=y><b>bold</b>\n" * 20,
    "one line of a megabyte": "x" * 1_000_000,
    "code": "```\x1b]52;c;eA==\x07\n\x1b[2J\n```\n~~~[/nope]\n[/nope]\n",
    "no text": "",
}
MAILS = tuple(
    Past("support", 10 + number, text if number % 2 else busy.ANN, text, files=((_name, "text/plain", b"x"),))
    for number, (_name, text) in enumerate(("f\u202efdp.exe", text) for text in EVIL.values())
) + tuple(Past("support", 100 + number, busy.BOB, name, body) for number, (name, body) in enumerate(BODIES.items()))
HOSTILE_RUNS = tuple(
    busy.Run(10 + number, "triage", "support", number, exit_code=1, stderr=text, reason=text[:200])
    for number, text in enumerate(EVIL.values())
)
# What Textual itself writes: colours, the place of the cursor, modes of the terminal, the shape of the pointer.
_OURS = re.compile(
    rb"\x1b\[[0-9;]*m|\x1b\[[0-9]+;[0-9]+H|\x1b\[\?[0-9]+(?:[hl]|\$p)|\x1b\[(?:>[0-9]+|<)u|\x1b\]22;[a-z-]+\x07|\r|\n"
)
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A mailbox of such mail, and hooks that wrote such things."""
    with busy.daemons(tmp_path_factory.mktemp("hostile"), past=MAILS, runs=HOSTILE_RUNS) as daemon:
        yield daemon


def program(daemon, size):
    """`aimx tui` on a terminal of that size."""
    kept = {name: text for name, text in daemon.env.items() if name not in ("NO_COLOR", "TEXTUAL_THEME")}
    env = {**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", "COLORTERM": "truecolor", "HOME": str(daemon.tree)}
    return OnPty([sys.executable, "-m", "aimx.cli.main", "tui"], env, size)


def foreign(octets):
    """What is no text and none of Textual's own sequences."""
    return _CONTROLS.findall(_OURS.sub(b"", octets).decode("utf-8", "replace"))


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_nothing_of_a_mail_is_obeyed(hostile, size):
    with program(hostile, size) as running:
        running.until("● live".encode())
        running.until(b"nope")
        running.type(b"\r")
        for _ in MAILS:
            before = len(running.octets)
            running.type(b"]")
            running.more(before)
        running.type(b"q")
        before = len(running.octets)
        running.type(b"2")
        running.until(b"triage", before)
        for _ in range(len(HOSTILE_RUNS)):
            running.type(b"\tj")
        before = len(running.octets)
        running.type(b"?")
        running.until(b"Keys", before)
        running.type(b"\x11")
        written = running.ended()
        assert foreign(written) == []
        for sequence in (b"]52;", b"]8;"):
            assert b"\x1b" + sequence not in written
            assert b"\x9d" + sequence[1:] not in written
        assert b"Traceback" not in written
