"""tui.toml: what it may say, what becomes of a fault in it, and the one line of it that the dashboard writes."""

import asyncio
import os
import stat
import tomllib
from pathlib import Path

import pytest

from aimx import limits
from aimx.errors import Refused
from aimx_tui.dash import bindings, settings
from tests.docs import pages
from tests.tui.dash.screens import dashboard, settled, shown, until

BOOK = Path(__file__).parents[3] / "book" / "tui.md"


def told(app):
    return "\n".join(notice.message for notice in app._notifications)


@pytest.fixture
def file():
    """Where it belongs, in a directory that is there."""
    path = settings.path()
    path.parent.mkdir(parents=True)
    return path


READ = {
    "nothing": ("", settings.Settings()),
    "theme": ('theme = "nord"', settings.Settings("nord")),
    "keys": ('[keys]\n"hooks.test" = "z"', settings.Settings(None, {"hooks.test": "z"})),
    "dotted": ('[keys]\nhooks.test = "z,f5"\nagain = "f6"',
               settings.Settings(None, {"hooks.test": "z,f5", "again": "f6"})),
}  # fmt: skip
FAULTS = {
    "not TOML": ("theme = ", "is not valid"),
    "not UTF-8": (b"theme = '\xff'", "is not valid"),
    "unknown": ("colour = 1", "there is no setting colour"),
    "theme of a kind": ("theme = 1", "theme is the name of one"),
    "keys of a kind": ("keys = 1", "keys is a table"),
    "no key": ('[keys]\nagain = ""', "again names no key"),
    "a number": ("[keys]\nagain = 5", "again names no key"),
    "too long": ("#" * (limits.TUI_SETTINGS_OCTETS + 1), "is longer than"),
}


@pytest.mark.parametrize(("text", "expected"), READ.values(), ids=READ)
def test_what_it_may_say(file, text, expected):
    file.write_text(text)
    assert settings.read(file) == expected


@pytest.mark.parametrize(("text", "trouble"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_and_changes_nothing(file, text, trouble):
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    found = settings.read(file)
    assert (found.theme, found.keys) == (None, {})
    assert any(trouble in one for one in found.troubles)


def test_what_is_no_file_is_told(file):
    assert settings.read(file) == settings.Settings()
    os.mkfifo(file)
    assert "is not a file" in settings.read(file).troubles[0]


KEPT = {
    "nothing": ("", 'theme = "nord"\n'),
    "a comment": ("# mine\n", '# mine\ntheme = "nord"\n'),
    "another one": ('# mine\ntheme = "dracula"  # dark\n\n[keys]\n# these\nagain = "f6"\n',
                    '# mine\ntheme = "nord"  # dark\n\n[keys]\n# these\nagain = "f6"\n'),
    "only keys": ('[keys]\ntheme = "f7"\n', 'theme = "nord"\n[keys]\ntheme = "f7"\n'),
    "no end of line": ("# mine", '# mine\ntheme = "nord"\n'),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), KEPT.values(), ids=KEPT)
def test_a_theme_is_kept_and_nothing_else_changes(file, before, after):
    file.write_text(before)
    file.chmod(0o640)
    settings.save_theme(file, "nord")
    assert file.read_text() == after
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir(file.parent) == ["tui.toml"]


REFUSED = {
    "not TOML": ("theme = ", "is not valid"),
    "in a text": ('text = """\ntheme = "a"\n"""\n', "in a way that only you can change"),
    "as a table": ("[theme]\n", "in a way that only you can change"),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_would_not_say_it_stays_as_it_is(file, text, reason):
    file.write_text(text)
    with pytest.raises(Refused, match=reason):
        settings.save_theme(file, "nord")
    assert file.read_text() == text


def test_a_link_to_the_file_stays_one(file, tmp_path):
    (tmp_path / "dotfiles").mkdir()
    file.symlink_to(tmp_path / "dotfiles" / "tui.toml")
    settings.save_theme(file, "nord")
    assert file.is_symlink()
    assert tomllib.loads(file.read_text()) == {"theme": "nord"}


CLASHES = {
    "a mode and itself": ({"hooks.test": "x"}, ["x means both hooks.explain and hooks.test"]),
    "two that were changed": ({"hooks.test": "z", "hooks.explain": "z"}, ["z means both hooks.explain and hooks.test"]),
    "everywhere": ({"again": "1"}, ["1 means both again and mode.mail"]),
    "a list": ({"health.check": "j"}, ["j means both grid.down and health.check"]),
    "exchanged": ({"hooks.test": "x", "hooks.explain": "t"}, []),
    "two modes": ({"hooks.test": "d"}, []),
}


@pytest.mark.parametrize(("keys", "expected"), CLASHES.values(), ids=CLASHES)
def test_a_key_with_two_meanings_is_told(keys, expected):
    assert list(bindings.clashes(keys, bindings.rows())) == expected


def test_every_binding_says_what_it_does():
    assert [row.id for row in bindings.rows() if not row.about.strip() or row.about == "None"] == []


def test_theme_and_keys_are_those_of_the_file(empty, file):
    file.write_text('theme = "aimx-contrast"\n[keys]\nmode.hooks = "f5"\nnonsense = "x"\nagain = "1"\n')

    async def story():
        async with dashboard(empty) as (app, pilot):
            assert app.theme == "aimx-contrast"
            await settled(app, pilot, lambda: "there is no binding nonsense" in told(app))
            assert "1 means both again and mode.mail" in told(app)
            await pilot.press("2")
            assert "Fires for" not in shown(app)
            await pilot.press("f5")
            await until(app, pilot, "Fires for")

    asyncio.run(story())


def test_a_faulty_file_is_one_notice_and_the_defaults(empty, file):
    file.write_text("theme = \n")

    async def story():
        async with dashboard(empty) as (app, pilot):
            await settled(app, pilot, lambda: "tui.toml is not valid" in told(app))
            assert app.theme == "aimx-dark"
            await pilot.press("f9")
            await settled(app, pilot, lambda: "the theme is not kept" in told(app))

    asyncio.run(story())


def test_a_theme_that_was_chosen_is_there_the_next_time(empty):
    async def story():
        async with dashboard(empty) as (app, pilot):
            await pilot.press("f8")
            await until(app, pilot, "Search for themes")
            await pilot.press(*"nord", "enter")
            await settled(app, pilot, lambda: app.theme == "nord")
            await settled(app, pilot, settings.path().exists)
        async with dashboard(empty) as (app, pilot):
            assert app.theme == "nord"

    asyncio.run(story())


def test_the_settings_of_the_book_are_understood(file):
    (block,) = [block for block in pages.blocks(BOOK) if block.language == "toml"]
    file.write_text(block.text)
    found = settings.read(file)
    assert (found.theme, found.troubles) == ("aimx-contrast", ())
    assert set(found.keys) <= {row.id for row in bindings.rows()}
    assert list(bindings.clashes(found.keys, bindings.rows())) == []


def test_the_book_has_the_table_of_keys():
    table = "".join(
        f"| `{row.id}` | {' '.join(f'`{key}`' for key in row.keys)} | {row.about} |\n" for row in bindings.rows()
    )
    text = BOOK.read_text()
    before, head, rest = text.partition("| id | keys | what it does |\n|---|---|---|\n")
    was, gap, after = rest.partition("\n\n")
    if os.environ.get("UPDATE_GOLDEN"):
        BOOK.write_text(before + head + table + gap[1:] + after)
    else:
        assert (was if gap else was.rstrip("\n")) + "\n" == table
