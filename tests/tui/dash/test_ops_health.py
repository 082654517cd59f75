"""Mode 3 beside a real daemon: its counters, doctor's findings of that installation, and the event stream."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from aimx_tui.dash.health import vitals
from tests.harness import DOMAIN, mail
from tests.tui.dash.screens import dashboard, settled, shown, until


@asynccontextmanager
async def health(daemon, monkeypatch, size=(120, 40)):
    """Mode 3; doctor looks at that daemon's installation."""
    for name in ("AIMX_CONFIG_DIR", "AIMX_DATA_DIR", "AIMX_RUNTIME_DIR", "AIMX_TEST_DNS"):
        monkeypatch.setenv(name, daemon.env[name])
    async with dashboard(daemon, size) as (app, pilot):
        await pilot.press("3")
        await until(app, pilot, "● live", "Doctor at")
        yield app, pilot


def test_doctor_s_findings_are_told_with_what_to_type(busy, monkeypatch):
    async def story():
        async with health(busy, monkeypatch) as (app, pilot):
            await until(app, pilot, "✗ fail", "DNS-MX")
            await pilot.press("end")
            await until(app, pilot, "✓ ok: ")
            grid = app.screen.query_one("#findings")
            key = next(key for key in (f"{line.id} {line.text}" for line in grid._items) if key.startswith("DNS-MX"))
            assert grid.go(key)
            await until(app, pilot, "✗ fail: DNS-MX", "What to do", f"publish: MX {DOMAIN}")
            await pilot.press("y")
            await settled(app, pilot, lambda: app.clipboard.startswith("publish: MX"))
            await pilot.press("enter")
            await until(app, pilot, "Finding", "Esc closes this")
            await pilot.press("escape", "v")
            await until(app, pilot, "aimx doctor", "Config file:", str(busy.etc))
            await pilot.press("escape")
            last = app.screen._checked
            await pilot.press("d")
            await settled(app, pilot, lambda: app.screen._checked is not last)
            await until(app, pilot, "Doctor at")

    asyncio.run(story())


def test_the_counters_are_those_of_the_daemon(busy, monkeypatch):
    async def story():
        async with health(busy, monkeypatch) as (app, pilot):
            await until(app, pilot, "Server and client", f"process {busy.pid}", "4 mailboxes, 3 hooks",
                        "sessions 0 of 512", "watchers 1 of", "No copy waits", "hook runs: 0")  # fmt: skip
            before = app.state.status["uptime_s"]
            await settled(app, pilot, lambda: app.state.status["uptime_s"] > before)

    asyncio.run(story())


def test_events_come_in_above_and_are_filtered_held_and_told_in_full(busy, monkeypatch):
    async def story():
        async with health(busy, monkeypatch, (90, 26)) as (app, pilot):
            await asyncio.to_thread(busy.send, mail("One [/nope]"), f"quiet@{DOMAIN}")
            await until(app, pilot, "received", "One [/nope]")
            await pilot.press("tab")
            assert app.focused.id == "events"
            await settled(app, pilot, lambda: app.screen.query_one("#events").go(_cursor(app, "One [/nope]")))
            await until(app, pilot, "cursor", "type received")
            await pilot.press("y")
            await settled(app, pilot, lambda: "One [/nope]" in app.clipboard)
            assert json.loads(app.clipboard)["type"] == "received"
            await pilot.press("p")
            await until(app, pilot, "paused, 0 newer")
            await asyncio.to_thread(busy.send, mail("Two"), f"quiet@{DOMAIN}")
            await until(app, pilot, "paused, 1 newer")
            assert "Two" not in shown(app)
            await pilot.press("p")
            await until(app, pilot, "(not trusted): Two")
            await asyncio.to_thread(busy.send, mail("Three"), f"billing@{DOMAIN}")
            await until(app, pilot, "Three")
            await pilot.press("backslash", *"received", "space", *"quiet")
            await until(app, pilot, "Events with received quiet: 2", "Two")
            assert "Three" not in shown(app)
            await pilot.press("enter", "escape")
            await until(app, pilot, "Three")

    def _cursor(app, subject):
        return next((told["cursor"] for told in app.state.events if told.get("subject") == subject), "")

    asyncio.run(story())


def test_while_the_daemon_is_away_doctor_says_so_and_what_starts_it(gone, monkeypatch):
    async def story():
        async with health(gone, monkeypatch, (60, 18)) as (app, pilot):
            await asyncio.to_thread(gone.stop)
            await until(app, pilot, "no aimx daemon answers")
            await pilot.press("d")
            await settled(app, pilot, lambda: any("DAEMON" in line.id for line in app.screen._checked.found))
            await until(app, pilot, "Doctor at")

    asyncio.run(story())


BUILD = vitals.Build("1.2.3", "abc", "t", "d")
STATUS = {
    "version": {"tag": "1.2.4", "git_hash": "def"}, "uptime_s": 93_784, "pid": 7, "privileged": False,
    "config": {"differs": True}, "mailboxes": 1, "hooks": 2,
    "smtp": {"address": "[::]:25", "tls": True, "sessions": None},
    "helpers": {"workers": {"now": 1, "most": 2}, "resolver": False}, "index_healthy": False, "dkim": {"record": None},
    "requests": {"now": 1, "most": 16}, "watchers": {"now": 2, "most": 128}, "all_watchers": None,
    "hook_runs": {"pending": 3, "running": 1, "held": 0},
    "spool": [{"mailbox": "ops", "copies": 2, "reason": "owner-mismatch"}],
}  # fmt: skip


def test_what_is_odd_is_said_in_words():
    text = "\n".join(vitals.lines(STATUS, BUILD))
    for words in (
        "Server v1.2.4 (def), client v1.2.3 (abc): they differ, which is no fault", "Up 1 d 2 h", "not as root",
        "1 mailbox, 2 hooks", "not in force: reload", "STARTTLS; workers 1 of 2; ✗ no resolver",
        "✗ the index takes nothing", "✗ no key signs", "2 copies wait for ops (owner-mismatch)",
        "3 wait, 1 run, 0 held",
    ):  # fmt: skip
        assert words in text
    assert "has not said" in "\n".join(vitals.lines(None, BUILD))


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (90_061, "1 d 1 h")]
)
def test_an_uptime_has_two_units(seconds, words):
    assert vitals.uptime(seconds) == words
