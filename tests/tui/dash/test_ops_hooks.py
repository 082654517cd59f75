"""Mode 2 beside a real daemon: every outcome of a run, made by hooks that end so, and every action."""

import asyncio
import json
import os
import threading
from contextlib import asynccontextmanager

import pytest

from aimx import client
from aimx.wire.frames import HookList, HookRuns
from aimx_tui.dash.app import Dashboard
from aimx_tui.dash.gateway import Gateway
from tests.harness import DOMAIN, Daemon, config_text, mail, owner
from tests.tui.dash.screens import PATIENCE_S, shown, until


def _hook(name, cmd, *more, mailbox="ops"):
    lines = [f'name = "{name}"', 'event = "on_receive"', f"cmd = {json.dumps(cmd)}", *more]
    return f"[[mailboxes.{mailbox}.hooks]]\n" + "\n".join(lines) + "\n"


ANY = "fire_on_untrusted = true"
HOOKS = "\n".join([
    _hook("fine", ["/bin/sh", "-c", "echo said; echo done >&2"], ANY),
    _hook("three", ["/bin/sh", "-c", "echo 'broken [/nope]' >&2; exit 3"], ANY),
    _hook("late", ["/bin/sleep", "600"], ANY, "timeout_secs = 1"),
    _hook("killed", ["/bin/sh", "-c", "kill -9 $$"], ANY),
    _hook("absent", ["/bin/no-such-program"], ANY),
    _hook("strict", ["/bin/true"]),
    _hook("people", ["/bin/true"], ANY, "skip_automated = true"),
    f'[mailboxes.other]\naddress = "other@{DOMAIN}"\nowner = "{owner()}"\n',
    f'[mailboxes.gated]\naddress = "gated@{DOMAIN}"\nowner = "{owner()}"\n',
    _hook("waits", ["/bin/sh", "-c", "read x < $HOME_GATE"], ANY, mailbox="gated"),
    _hook("after", ["/bin/true"], ANY, mailbox="gated"),
])  # fmt: skip


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    tree = tmp_path_factory.mktemp("hooks")
    gate = tree / "gate"
    os.mkfifo(gate)
    with Daemon(tree, config_text(HOOKS.replace("$HOME_GATE", str(gate)))) as running:
        running.gate = gate
        running.send(mail("First [/nope]", **{"Auto-Submitted": "auto-replied"}))
        yield running


@asynccontextmanager
async def hooks(daemon, size=(120, 40)):
    """Mode 2, with the cursor on all hooks."""
    app = Dashboard(Gateway(daemon.socket))
    async with app.run_test(size=size) as pilot:
        await pilot.press("2")
        await until(app, pilot, "● live", "agent.test", "waits")
        yield app, pilot


async def on(app, pilot, name):
    """The cursor on that hook, its detail beside it."""
    app.screen.query_one("#hooks").focus()
    assert app.screen.query_one("#hooks").go(name)
    await until(app, pilot, "time limit")
    await settled(pilot, lambda: app.state.runs_of == name and app.state.runs_loaded)


async def settled(pilot, happened):
    end = asyncio.get_running_loop().time() + PATIENCE_S
    while not happened():
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.01)
        await pilot.pause(0)


def runs(daemon, **asked):
    return json.loads(client.call(daemon.socket, HookRuns(**asked)).body)


def names(daemon):
    return [hook["name"] for hook in json.loads(client.call(daemon.socket, HookList()).body)]


OUTCOMES = (
    "✓ finished with exit code 0", "✗ exit code 3", "✗ timed out", "✗ ended by a signal", "✗ spawn failed",
    "– skipped: the mail is not trusted", "– skipped: no person wrote the mail",
)  # fmt: skip


def test_every_outcome_is_told_in_words_as_it_comes(daemon):
    async def story():
        async with hooks(daemon) as (app, pilot):
            await until(app, pilot, *OUTCOMES)
            await asyncio.to_thread(daemon.send, mail("Second"), f"gated@{DOMAIN}")
            await until(app, pilot, "▸ running", "… waiting")
            threading.Thread(target=daemon.gate.write_text, args=("go\n",), daemon=True).start()
            await settled(pilot, lambda: not {"▸ running", "… waiting"} & set(shown(app).split("  ")))
            await until(app, pilot, "waits ✓ finished", "after ✓ finished")
            await on(app, pilot, "three")
            await pilot.press("tab")
            await until(app, pilot, "✗ exit code 3", "First [/nope]", "broken [/nope]", "processor")
            await pilot.press("enter")
            await until(app, pilot, "Run", "Esc closes this", "stderr:")
            await pilot.press("escape")
            assert "✓ finished" not in shown(app)  # runs of the chosen hook only

    asyncio.run(story())
