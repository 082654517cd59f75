"""Attachments onto the disk and into programs: asked for first, private, whole or not at all."""

import asyncio
import os
import stat
from email.message import EmailMessage

import pytest

from aimx.errors import Refused
from aimx_tui.dash.gateway import Gateway
from aimx_tui.dash.mail import launching, reading, saving, words
from aimx_tui.dash.mail.dialogs import Choose
from aimx_tui.dash.mail.fetching import Open, Save, bar
from aimx_tui.dash.state import Mail
from tests.harness import DOMAIN
from tests.tui.dash.screens import until
from tests.tui.dash.test_mail_mode import mode

BIG = bytes(range(256)) * 10_000  # three pieces


def with_files(subject, **files):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@sender.test", f"quiet@{DOMAIN}", subject
    message.set_content("See the files.\n")
    for name, octets in files.items():
        message.add_attachment(octets, maintype="application", subtype="octet-stream", filename=name.replace("_", "."))
    return message.as_bytes().replace(b"\n", b"\r\n")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Of the person at the terminal."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


async def arrived(daemon, subject, **files):
    """A mail with files, and its first attachment."""
    await asyncio.to_thread(daemon.send, with_files(subject, **files), f"quiet@{DOMAIN}")
    path = next(path for path in daemon.messages("quiet") if path.stem.endswith(subject.lower()))
    message = await reading.whole(Gateway(daemon.socket), "quiet", "inbox", path.stem)
    return Mail("quiet", "inbox", path.stem), words.attachments(message.fields)[0]


async def shown(it, subject):
    await it.press("slash", *f"subject:{subject}", "enter")
    await it.finds(f"subject:{subject}")
    await it.reads("See the files.", "s saves, o opens")


def test_a_file_is_saved_where_nothing_was(busy, home):
    async def story():
        await arrived(busy, "Onefile", big_bin=BIG)
        (home / "taken").write_text("mine")
        async with mode(busy) as it:
            await shown(it, "onefile")
            await it.press("s")
            await it.dialog(Save)
            path = it.app.screen.query_one("#path")
            assert path.value == f"{home}/big.bin"
            path.value = f"{home}/taken"
            await it.press("enter")
            await until(it.app, it.pilot, "is there already; nothing is")
            path.value = f"{home}/no/such"
            await it.press("enter")
            await until(it.app, it.pilot, "there is no directory")
            path.value = str(home)
            await it.press("enter")
            await it.says(f"Saved as {home}/big.bin")
            saved = home / "big.bin"
            assert saved.read_bytes() == BIG
            assert stat.S_IMODE(saved.stat().st_mode) == 0o600
            assert (home / "taken").read_text() == "mine"

    asyncio.run(story())


def test_of_several_files_one_is_chosen_and_a_link_in_its_place_is_not_followed(busy, home):
    async def story():
        await arrived(busy, "Several", a_txt=b"one", b_txt=b"two")
        (home / "b.txt").symlink_to(home / "elsewhere")
        async with mode(busy) as it:
            await shown(it, "several")
            await it.press("s")
            await it.dialog(Choose)
            await it.press("down", "enter")
            await it.dialog(Save)
            await it.press("enter")
            await until(it.app, it.pilot, "is there already")
            assert not (home / "elsewhere").exists()
            await it.press("escape")
            await it.has(lambda: it.app.screen is it.screen)

    asyncio.run(story())


def test_a_fetch_that_is_left_leaves_nothing(busy, home):
    async def story():
        mail, file = await arrived(busy, "Halfway", big_bin=BIG)
        seen = []
        saving_it = asyncio.ensure_future(
            saving.save(Gateway(busy.socket), mail, file, home / "half",
                        lambda done, total: (seen.append((done, total)), saving_it.cancel()))
        )  # fmt: skip
        with pytest.raises(asyncio.CancelledError):
            await saving_it
        assert seen[0][1] == len(BIG)
        assert 0 < seen[0][0] < len(BIG)
        assert not (home / "half").exists()

    asyncio.run(story())


def test_a_file_that_is_gone_leaves_nothing_either(busy, home):
    async def story():
        mail, file = await arrived(busy, "Lost", x_txt=b"x")
        with pytest.raises(Refused):
            await saving.save(Gateway(busy.socket), mail, file._replace(path="other"), home / "lost", lambda *_: None)
        assert not (home / "lost").exists()

    asyncio.run(story())


def opener(home, monkeypatch, script):
    """A program called xdg-open, and nothing else in PATH."""
    programs = home / "programs"
    programs.mkdir()
    if script is not None:
        (programs / "xdg-open").write_text(f"#!/bin/sh\n{script}\n")
        (programs / "xdg-open").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))


def test_a_file_is_opened_after_a_yes_as_a_private_copy(busy, home, monkeypatch):
    opener(home, monkeypatch, f'echo "$1" > {home}/opened.new; /bin/mv {home}/opened.new {home}/opened')

    async def story():
        await arrived(busy, "Secretname", secret_PDF=BIG)
        async with mode(busy) as it:
            await shown(it, "secretname")
            await it.press("o")
            await it.dialog(Open)
            await until(it.app, it.pilot, "Open secret.PDF?", "application/octet-stream, 2.4 MiB", "xdg-open chooses")
            assert not (home / "opened").exists()
            await it.press("y")
            await it.says("Opened a copy of it.")
            path = (home / "opened").read_text().strip()
            assert os.path.basename(path) == "attachment.PDF"
            assert os.path.getsize(path) == len(BIG)
            assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700

    asyncio.run(story())


REFUSING = {
    "none": (None, "there is no xdg-open here"),
    "failing": ("exit 3", "xdg-open could not open it (exit code 3)"),
}


@pytest.mark.parametrize(("script", "said"), REFUSING.values(), ids=REFUSING)
def test_an_opener_that_does_not_open_is_told(busy, home, monkeypatch, script, said):
    opener(home, monkeypatch, script)

    async def story():
        await arrived(busy, f"Unopened{len(said)}", x_txt=b"x")
        async with mode(busy) as it:
            await shown(it, f"unopened{len(said)}")
            await it.press("o")
            if script is None:
                await it.says(said)
            else:
                await it.dialog(Open)
                await it.press("y")
                await until(it.app, it.pilot, said)

    asyncio.run(story())


def test_a_browser_is_handed_the_address_as_it_is(home, monkeypatch):
    opener(home, monkeypatch, f'echo "$#:$1" > {home}/opened')
    monkeypatch.setenv("DISPLAY", ":0")
    asyncio.run(launching.open_url("https://a.example/$(x)?a=1&b=;"))
    assert (home / "opened").read_text() == "1:https://a.example/$(x)?a=1&b=;\n"


def test_a_mail_without_files_says_so(busy):
    async def story():
        async with mode(busy) as it:
            await it.press(*"JJJJ")
            await it.reads("Nightly import fails", "Traceback")
            await it.press("s")
            await it.says("This mail has no attachments.")

    asyncio.run(story())


def test_how_far_it_is_stands_in_signs_and_numbers():
    assert bar(0, 4096) == "░" * 24 + " 0 B of 4.0 KiB"
    assert bar(2048, 4096) == "█" * 12 + "░" * 12 + " 2.0 KiB of 4.0 KiB"
    assert bar(0, 0) == "░" * 24 + " 0 B of 0 B"
