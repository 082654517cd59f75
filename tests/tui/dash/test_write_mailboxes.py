"""Mailboxes made and deleted in the dashboard: judged as they are typed, what goes is named, and the daemon decides."""

import asyncio
import os
import pwd

import pytest

from tests.harness import DOMAIN, Daemon, mail, owner
from tests.tui.dash.screens import settled, shown, until
from tests.tui.dash.writing import said

BOX = '[mailboxes.{0}]\naddress = "{0}@' + DOMAIN + '"\nowner = "' + owner() + '"\n'
HOOKS = '[[mailboxes.full.hooks]]\nname = "note"\nevent = "on_receive"\ncmd = ["/bin/true"]\nfire_on_untrusted = true\n'
CATCHALL = f'[mailboxes.catchall]\naddress = "*@{DOMAIN}"\nowner = "{owner()}"\n'
OTHER = "nobody" if os.geteuid() == 0 else ""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    boxes = "".join(BOX.format(name) for name in ("desk", "full", "late", "void")) + HOOKS + CATCHALL
    with Daemon(tmp_path_factory.mktemp("boxes"), f'domain = "{DOMAIN}"\n{boxes}') as daemon:
        daemon.send(mail("One"), f"full@{DOMAIN}")
        yield daemon


def story(daemon, told, size=(80, 24)):
    """Run it beside a dashboard."""
    from aimx_tui.dash.app import Dashboard
    from aimx_tui.dash.gateway import Gateway

    async def run():
        app = Dashboard(Gateway(daemon.socket))
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(app, pilot, "● live", "desk")
            await told(app, pilot)

    asyncio.run(run())


def names(app):
    return [box.name for box in app.state.mailboxes]


async def on(app, pilot, name):
    """The cursor on a mailbox."""
    app.screen.boxes.focus()
    await settled(app, pilot, lambda: app.screen.boxes.go(name) and app.state.listing.asked.mailbox == name)
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (60, 18)], ids=str)
def test_a_mailbox_is_made_by_name(daemon, size):
    name = f"made{size[0]}"

    async def told(app, pilot):
        await pilot.press("+")
        await until(app, pilot, "New mailbox", "before the @ of its address", "Create", "Cancel")
        await pilot.press(*name)
        if OTHER:
            await until(app, pilot, f"✗ there is no Linux user '{name}'")
            await pilot.press("enter", *OTHER)
            await until(app, pilot, f"✓ {name}@{DOMAIN}, owner: {OTHER}")
        else:
            await until(app, pilot, f"✓ {name}@{DOMAIN}, yours")
        await pilot.press("enter")
        await said(app, pilot, f"✓ Mailbox '{name}' created")
        await settled(app, pilot, lambda: name in names(app))

    story(daemon, told, size)


NAMES = {
    "Upper": "invalid character 'U'",
    "a..b": "Mailbox name cannot contain '..'",
    "catchall": "is reserved for the wildcard",
    "[/x]": "invalid character '['",
    "x" * 65: "is longer than 64 characters",
}


def test_a_name_that_cannot_be_is_said_as_it_is_typed(daemon):
    async def told(app, pilot):
        await pilot.press("+")
        await until(app, pilot, "New mailbox")
        for name, words in NAMES.items():
            app.screen.query_one("#name").value = name
            await until(app, pilot, words)
            assert app.screen.query_one("#create").disabled
        await pilot.press("enter", "enter", "escape")
        await until(app, pilot, "● live")

    story(daemon, told)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root names an owner")
def test_root_is_not_an_owner_and_a_taken_name_is_the_daemons_to_refuse(daemon):
    async def told(app, pilot):
        await pilot.press("+")
        await until(app, pilot, "New mailbox")
        app.screen.query_one("#name").value = "desk"
        app.screen.query_one("#owner").value = "root"
        await until(app, pilot, "owner 'root' can only be set by editing config.toml")
        app.screen.query_one("#owner").value = OTHER
        await until(app, pilot, f"✓ desk@{DOMAIN}")
        app.screen.query_one("#create").press()
        await said(app, pilot, "✗ mailbox 'desk' already exists")

    story(daemon, told)


def test_an_empty_mailbox_is_deleted_after_a_question(daemon):
    async def told(app, pilot):
        await on(app, pilot, "void")
        await pilot.press("D")
        await until(app, pilot, "Delete mailbox 'void'?", f"void@{DOMAIN}", "No mail is in it", "No hooks")
        await pilot.press("enter")  # the harmless answer
        await until(app, pilot, "● live")
        assert "void" in names(app)
        await pilot.press("D")
        await until(app, pilot, "Delete mailbox 'void'?")
        await pilot.press("y")
        await said(app, pilot, "✓ Mailbox 'void' deleted; its empty directories stay")
        await settled(app, pilot, lambda: "void" not in [box.name for box in app.state.mailboxes if box.registered])

    story(daemon, told)


def test_a_full_one_goes_only_by_its_name_and_all_that_goes_is_named(daemon):
    async def told(app, pilot):
        await on(app, pilot, "full")
        await pilot.press("D")
        await until(app, pilot, "Delete mailbox 'full' and all its mail?", "1 message in", "0 messages in")
        await until(app, pilot, "1 hook: note", "Type full to go on")
        await pilot.press("y", "enter")
        assert "Type full" in shown(app)
        app.screen.query_one("#word").value = "full"
        await pilot.press("enter")
        await said(app, pilot, "✓ Mailbox 'full' deleted")

    story(daemon, told)
    assert daemon.messages("full") == []


def test_mail_that_comes_while_the_question_is_asked_is_not_wiped_by_it(daemon):
    async def told(app, pilot):
        await on(app, pilot, "late")
        await pilot.press("D")
        await until(app, pilot, "Delete mailbox 'late'?")
        await asyncio.to_thread(daemon.send, mail("Late"), f"late@{DOMAIN}")
        await pilot.press("y")
        await until(app, pilot, "mailbox 'late' has 1 file", "Type late to go on")
        await pilot.press("escape")
        await until(app, pilot, "● live")

    story(daemon, told)
    assert len(daemon.messages("late")) == 1


def test_the_catchall_and_no_mailbox_at_all_are_refused_in_words(daemon):
    async def told(app, pilot):
        await on(app, pilot, "catchall")
        await pilot.press("D")
        await said(app, pilot, "✗ Cannot delete the catchall mailbox")
        await pilot.press("g", "D")
        await said(app, pilot, "✗ The cursor is on no mailbox")

    story(daemon, told)


def test_a_daemon_that_is_away_is_said(tmp_path):
    with Daemon(tmp_path, f'domain = "{DOMAIN}"\n' + BOX.format("desk")) as daemon:

        async def told(app, pilot):
            await on(app, pilot, "desk")
            await asyncio.to_thread(daemon.stop)
            await pilot.press("D")
            await said(app, pilot, "✗ no aimx daemon answers")

        story(daemon, told)


def test_the_user_of_the_name_is_the_owner_unless_another_is_named():
    from aimx_tui.dash import mailboxes
    from aimx_tui.dash.mailboxes import Wanted

    me = pwd.getpwuid(os.getuid()).pw_name
    expected = "owner 'root' can only be set by editing config.toml" if me == "root" else ""
    assert mailboxes._problem(Wanted("box", me)) == expected
    assert mailboxes._problem(Wanted("box", None)) == ""
    assert mailboxes._problem(Wanted("postmaster", None)).startswith("Mailbox name 'postmaster' is reserved")
