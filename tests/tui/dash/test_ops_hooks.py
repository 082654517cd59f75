"""Mode 2 beside a real daemon: every outcome of a run, made by hooks that end so, and every action."""

import asyncio
import json
import os
import threading
from contextlib import asynccontextmanager

import pytest

from aimx import client
from aimx.wire.frames import HookList, HookRuns
from aimx_tui.dash.hooks.form import NewHook
from tests.harness import DOMAIN, Daemon, config_text, mail, owner
from tests.tui.dash.screens import dashboard, settled, shown, until


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
    _hook("waits", ["/bin/sh", "-c", "read x < $GATE"], ANY, "timeout_secs = 600", mailbox="gated"),
    _hook("after", ["/bin/true"], ANY, mailbox="gated"),
])  # fmt: skip
OUTCOMES = (
    "✓ finished with exit code 0", "✗ exit code 3", "✗ timed out", "✗ ended by a signal", "✗ spawn failed",
    "– skipped: the mail is not trusted", "– skipped: no person wrote the mail",
)  # fmt: skip


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    """With the runs of one mail that no person wrote. `gate`: what the hook `waits` waits for."""
    tree = tmp_path_factory.mktemp("hooks")
    gate = tree / "gate"
    os.mkfifo(gate)
    with Daemon(tree, config_text(HOOKS.replace("$GATE", str(gate)))) as running:
        running.gate = gate
        running.send(mail("First [/nope]", **{"Auto-Submitted": "auto-replied"}))
        yield running


@asynccontextmanager
async def hooks(daemon, size=(120, 40)):
    """Mode 2, with the cursor on all hooks."""
    async with dashboard(daemon, size) as (app, pilot):
        await pilot.press("2")
        await until(app, pilot, "● live", "agent.test", "waits")
        yield app, pilot


async def on(app, pilot, name):
    """The cursor on that hook, and its runs there."""
    app.screen.query_one("#hooks").focus()
    await settled(app, pilot, lambda: app.screen.query_one("#hooks").go(name))
    await settled(app, pilot, lambda: app.state.runs_of == name and app.state.runs_loaded)
    await until(app, pilot, "time limit")


def ask(daemon, request):
    return json.loads(client.call(daemon.socket, request).body)


def names(daemon):
    return [hook["name"] for hook in ask(daemon, HookList())]


def told(app):
    return [notice.message for notice in app._notifications]


def test_every_outcome_is_told_in_words_as_it_comes(daemon):
    async def story():
        async with hooks(daemon) as (app, pilot):
            await until(app, pilot, *OUTCOMES)
            await asyncio.to_thread(daemon.send, mail("Second"), f"gated@{DOMAIN}")
            await until(app, pilot, "▸ running", "… waiting")
            threading.Thread(target=daemon.gate.write_text, args=("go\n",), daemon=True).start()
            await until(app, pilot, "waits ✓ finished", "after ✓ finished")
            await on(app, pilot, "three")
            assert "✓ finished" not in shown(app)  # runs of the chosen hook only
            await pilot.press("tab")
            await until(app, pilot, "✗ exit code 3", "First [/nope]", "broken [/nope]", "processor")
            await pilot.press("enter")
            await until(app, pilot, "Run", "Esc closes this", "stderr:")
            await pilot.press("escape")
            await pilot.press("y")
            await settled(app, pilot, lambda: app.clipboard == daemon.messages()[0].stem)

    asyncio.run(story())


def test_a_hook_is_made_by_a_form_that_shows_what_will_run(daemon):
    async def story():
        async with hooks(daemon) as (app, pilot):
            await on(app, pilot, "fine")
            await pilot.press("plus")
            await until(app, pilot, "New hook", "Mailbox ops")
            form = app.screen
            form.query_one("#cmd").value = "true 'it'\"'\"'s $HOME' "
            await until(app, pilot, """["true", "it's $HOME"]""", "Nothing is expanded")
            form.query_one("#cmd").value = "true 'it"
            await until(app, pilot, "no closing quotation")
            await pilot.press("ctrl+s")
            await until(app, pilot, "✗ not a command line: no closing quotation")
            form.query_one("#cmd").value = "true"
            form.query_one("#name").value = "pinned"
            form.query_one("#timeout").value = "601"
            form.query_one("#untrusted").focus()
            await pilot.press("space")
            await until(app, pilot, "[x] fires for mail that is not trusted too", "⚠ Anybody can send such mail")
            await pilot.press("ctrl+s")
            await until(app, pilot, "✗ hook has non-absolute `cmd[0]`")
            form.query_one("#cmd").value = '["/bin/true", "a b"]'
            await pilot.press("ctrl+s")
            await until(app, pilot, "✗", "600")
            form.query_one("#timeout").value = "5"
            await pilot.press("ctrl+s")
            await settled(app, pilot, lambda: "✓ Hook created: pinned" in told(app))
            await on(app, pilot, "pinned")
            await until(app, pilot, '["/bin/true", "a b"]', "5 s", "mail from anybody", "set up by the operator")
            await pilot.press("D")
            await until(app, pilot, "Delete this hook?", "pinned on ops", "Mail and past runs stay")
            await pilot.press("n")
            assert "pinned" in names(daemon)
            await pilot.press("D")
            await until(app, pilot, "Delete this hook?")
            await pilot.press("y")
            await settled(app, pilot, lambda: "✓ Hook deleted: pinned" in told(app))
            await settled(app, pilot, lambda: "pinned" not in shown(app).split())
            assert "pinned" not in names(daemon)

    asyncio.run(story())


def test_choices_that_mean_nothing_after_a_send_are_not_offered(daemon):
    async def story():
        async with hooks(daemon, (80, 24)) as (app, pilot):
            await pilot.press("plus")
            await until(app, pilot, "New hook", "which one?")
            form = app.screen
            form.query_one("#cmd").value = "/bin/true"
            await pilot.press("ctrl+s")
            await until(app, pilot, "✗ choose the mailbox that it belongs to")
            form.query_one("#people").value = True
            form.query_one("#event").value = "after_send"
            await until(app, pilot, "after a send", "[ ] not for mail that no person wrote")
            assert form.query_one("#people").disabled
            form.query_one("#mailbox").value = "other"
            await pilot.press("ctrl+s")
            await settled(app, pilot, lambda: any(text.startswith("✓ Hook created: ") for text in told(app)))
            (name,) = [text.rpartition(" ")[2] for text in told(app) if "created" in text]
            await on(app, pilot, name)
            await until(app, pilot, "every message that its mailbox sends")

    asyncio.run(story())


def test_a_hook_is_tested_for_an_email_or_a_sample_and_both_outputs_are_shown(daemon):
    async def story():
        async with hooks(daemon) as (app, pilot):
            await on(app, pilot, "fine")
            await pilot.press("t")
            await until(app, pilot, "Test fine for which email?", "First [/nope]", "a sample that nobody sent")
            await pilot.press("enter")
            await until(
                app, pilot, "✓ finished with exit code 0", "stdout:", "said", "stderr:", "done", "Esc closes this"
            )
            await pilot.press("escape")
            await until(app, pilot, "(test)")
            await pilot.press("t")
            await until(app, pilot, "First [/nope]")
            await pilot.press("G", "enter")
            await until(app, pilot, "a sample that nobody sent", "said", "Esc closes this")

    asyncio.run(story())


def test_escape_ends_the_run_that_was_asked_for(daemon):
    async def story():
        async with hooks(daemon) as (app, pilot):
            await on(app, pilot, "waits")
            await pilot.press("t")
            await until(app, pilot, "Second", "a sample that nobody sent")
            await pilot.press("G", "enter")
            await until(app, pilot, "▸ running…", "Esc cancels")
            await settled(app, pilot, lambda: test_runs(daemon) == ["running"])
            await pilot.press("escape")
            await settled(app, pilot, lambda: test_runs(daemon) == ["interrupted"])
            await until(app, pilot, "✗ interrupted")

    def test_runs(daemon):
        return [run["state"] for run in ask(daemon, HookRuns(hook="waits")) if run["test"]]

    asyncio.run(story())


def test_why_one_does_not_fire_is_told_gate_by_gate(daemon):
    async def story():
        async with hooks(daemon) as (app, pilot):
            await on(app, pilot, "strict")
            await pilot.press("x")
            await until(app, pilot, "Explain strict for which email?", "First [/nope]")
            await pilot.press("enter")
            await until(app, pilot, "✖ It would not fire now, because of: trust.", "✔ open event", "[config.toml]",
                        "✖ closed trust", "skipped: the mail is not trusted")  # fmt: skip
            await pilot.press("escape")
            await on(app, pilot, "absent")
            await pilot.press("tab", "x")  # a run has its email
            await until(app, pilot, "✖ closed program", "No such file or directory", "✗ spawn failed")

    asyncio.run(story())


def test_without_a_hook_there_is_nothing_to_do_with_one(empty):
    async def story():
        async with dashboard(empty, (60, 18)) as (app, pilot):
            await pilot.press("2")
            await until(app, pilot, "● live", "0 hooks.", "No run of any hook.")
            await pilot.press("t", "x", "D", "y")
            assert len(app.screen_stack) == 1

    asyncio.run(story())


def test_all_of_a_dialog_is_reached_in_a_small_terminal(empty):
    async def story():
        async with dashboard(empty, (60, 18)) as (app, pilot):
            await pilot.press("2")
            await until(app, pilot, "● live", "0 hooks.")
            await pilot.press("plus")
            await settled(app, pilot, lambda: isinstance(app.screen, NewHook))
            app.screen.query_one("#create").focus()
            await until(app, pilot, "Create", "Cancel")
            await pilot.press("enter")
            await until(app, pilot, "✗")

    asyncio.run(story())


def test_what_the_daemon_cannot_do_is_said(gone):
    async def story():
        async with dashboard(gone, (80, 24)) as (app, pilot):
            await pilot.press("2")
            await until(app, pilot, "● live", "triage")
            await on(app, pilot, "triage")
            await asyncio.to_thread(gone.stop)
            await until(app, pilot, "✗ daemon away")
            await pilot.press("x")
            await until(app, pilot, "no aimx daemon answers")
            await pilot.press("escape")
            await pilot.press("D")
            await until(app, pilot, "Delete this hook?")
            await pilot.press("y")
            await settled(app, pilot, lambda: any("✗ no aimx daemon answers" in text for text in told(app)))

    asyncio.run(story())


def test_a_run_that_the_daemon_s_end_cut_off_is_told(daemon):
    async def story():
        async with hooks(daemon) as (app, pilot):
            await asyncio.to_thread(daemon.send, mail("Third"), f"gated@{DOMAIN}")
            await until(app, pilot, "▸ running")
            await asyncio.to_thread(daemon.stop)
            await until(app, pilot, "✗ daemon away", "▸ running")
            await asyncio.to_thread(daemon.start)
            await until(app, pilot, "● live", "✗ interrupted: the daemon stopped")

    asyncio.run(story())


def test_q_ends_the_dashboard(empty):
    async def story():
        async with dashboard(empty, (80, 24)) as (app, pilot):
            await pilot.press("2")
            await until(app, pilot, "No run of any hook.")
            await pilot.press("q")
            await settled(app, pilot, lambda: app._exit)

    asyncio.run(story())


def test_mail_is_offered_as_soon_as_the_daemon_can_be_asked(tmp_path):
    async def story(daemon):
        async with hooks(daemon) as (app, pilot):
            await on(app, pilot, "fine")
            await asyncio.to_thread(daemon.stop)
            await pilot.press("t")
            await until(app, pilot, "a sample that nobody sent", "no aimx daemon answers", "Esc goes back")
            await asyncio.to_thread(daemon.start)
            await until(app, pilot, "First [/nope]", "Enter takes it")

    with Daemon(tmp_path, config_text(HOOKS)) as running:
        running.send(mail("First [/nope]"))
        asyncio.run(story(running))
