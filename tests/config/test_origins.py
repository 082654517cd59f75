"""The register of origins beside config.toml: what it says after every end that a change can have."""

import errno
import os
import stat

import pytest

from aimx.config import edit, hookedit, load, origins
from aimx.config.origins import Origins
from aimx.errors import ConfigInvalid, StorageFailed
from aimx.model.config import Hook
from aimx.model.hook import Written

TEXT = """domain = "a.test"

[mailboxes.x]
address = "x@a.test"
owner = "o"

[[mailboxes.x.hooks]]
name = "old"
event = "on_receive"
cmd = ["/old"]
"""
NEW = Hook("new", "on_receive", ("/new",))
HOOK = Written("x", "new", "on_receive", ("/new",))
OLD = Written("x", "old", "on_receive", ("/old",))


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def logged(monkeypatch):
    lines = []
    monkeypatch.setattr("aimx.log.emit", lines.append)
    return lines


def reopened(file) -> Origins:
    """The register as the next process finds it."""
    return origins.beside(file, load.digest(file.read_bytes()))


def told(register, file, hook=HOOK):
    """What is said about a hook now; None: config.toml has no such hook."""
    there = [found for found in hookedit.hooks(file.read_text()) if found.name == hook.name]
    return register.of(there[0], load.digest(file.read_bytes())) if there else None


def add(register, file, hook=NEW, written=HOOK, before_rename=None):
    def change(config):
        text = config.text
        result = hookedit.added(text, "x", hook)
        there = hookedit.hooks(text)
        register.announce(written, load.digest(result.encode()), there, load.digest(text.encode()))
        if before_rename is not None:
            before_rename()
        return result

    edit.transact(file, None, hookedit.by_text(change))


def delete(register, file, name="new", before_rename=None):
    def change(config):
        text = config.text
        found = next(hook for hook in hookedit.hooks(text) if hook.name == name)
        result = hookedit.removed(text, "x", name)
        register.withdraw(found, hookedit.hooks(text), load.digest(text.encode()))
        if before_rename is not None:
            before_rename()
        return result

    edit.transact(file, None, hookedit.by_text(change))


def created(file) -> Origins:
    register = Origins(file)
    add(register, file)
    register.conclude(HOOK, exists=True)
    return register


def killed():
    raise Killed


def test_a_hook_over_the_socket_is_mcp_and_one_by_hand_the_operator_s(file):
    register = created(file)
    assert told(register, file) == told(reopened(file), file) == "mcp"
    assert told(register, file, OLD) == "operator"


def test_only_its_owner_may_read_it(file):
    register = created(file)
    assert stat.S_IMODE(register.path.stat().st_mode) == 0o600
    assert sorted(os.listdir(file.parent)) == ["config.toml", origins.NAME]
    assert "/new" not in register.path.read_text()


# A crash at each point of a creation and of a deletion


def test_killed_before_the_hook_is_written_nothing_is_registered(file):
    register = Origins(file)
    with pytest.raises(Killed):
        add(register, file, before_rename=killed)
    assert told(reopened(file), file) is None
    file.write_text(hookedit.added(TEXT, "x", NEW).replace("domain", "# by hand\ndomain"))
    assert told(register, file) == told(reopened(file), file) == "operator"


def test_a_hook_by_hand_before_the_next_start_is_the_operator_s(file):
    """The very hook that a killed creation announced."""
    with pytest.raises(Killed):
        add(Origins(file), file, before_rename=killed)
    file.write_text("# by hand\n" + hookedit.added(TEXT, "x", NEW))
    assert told(reopened(file), file) == "operator"


def test_killed_after_the_hook_is_written_it_is_mcp(file):
    register = Origins(file)
    add(register, file)
    assert told(register, file) == told(reopened(file), file) == "mcp"
    file.write_text("# by hand\n" + file.read_text())
    assert told(reopened(file), file) == "mcp"  # confirmed by the start before


def test_killed_after_the_hook_is_written_and_edited_by_hand_it_is_the_operator_s(file):
    add(Origins(file), file)
    file.write_text("# by hand\n" + file.read_text())
    assert told(reopened(file), file) == "operator"


def test_killed_before_the_hook_is_deleted_it_is_still_mcp(file):
    register = created(file)
    with pytest.raises(Killed):
        delete(register, file, before_rename=killed)
    assert told(register, file) == told(reopened(file), file) == "mcp"


def test_killed_after_the_hook_is_deleted_its_twin_is_the_operator_s(file):
    register = created(file)
    before = file.read_text()
    delete(register, file)
    assert told(register, file) is None
    file.write_text("# by hand\n" + before)
    assert told(register, file) == told(reopened(file), file) == "operator"


# Failures


def test_a_creation_that_fails_leaves_no_entry(file):
    register = Origins(file)
    with pytest.raises(ConfigInvalid):
        add(register, file, hook=Hook("new", "on_receive", ("relative",)))
    register.conclude(HOOK, exists=None)
    assert reopened(file)._read() == []


def test_a_deletion_that_fails_changes_nothing(file):
    register = created(file)

    def broken():
        raise StorageFailed("full")

    with pytest.raises(StorageFailed):
        delete(register, file, before_rename=broken)
    register.conclude(HOOK, exists=None)
    file.write_text("# by hand\n" + file.read_text())
    assert told(register, file) == "mcp"


def test_a_change_that_fails_and_yet_stands_in_the_file_is_what_the_file_says(file):
    """Its directory could not be synced, say."""
    register = Origins(file)
    add(register, file)
    register.conclude(HOOK, exists=None)
    file.write_text("# by hand\n" + file.read_text())
    assert told(register, file) == "mcp"
    delete(register, file)
    register.conclude(HOOK, exists=None)
    assert register._read() == []


def test_while_nobody_can_read_the_file_nothing_is_decided(file):
    register = created(file)
    text = file.read_text()
    delete(register, file)
    file.write_text("[")
    register.conclude(HOOK, exists=None)
    file.write_text(text)
    assert told(register, file) == "mcp"


def test_nothing_is_settled_amid_a_change(file):
    register = Origins(file)
    with pytest.raises(Killed):
        add(register, file, before_rename=killed)
    known = (hookedit.hooks(TEXT), load.digest(TEXT.encode()))
    register.settle(lambda: known)
    assert len(register._read()) == 1
    register.conclude(HOOK, exists=None)
    register.settle(lambda: known)
    assert register._read() == []


def test_a_register_that_cannot_be_written_stops_the_creation(file):
    register = Origins(file.parent / "missing" / "config.toml")
    with pytest.raises(StorageFailed, match=origins.NAME):
        add(register, file)
    assert file.read_text() == TEXT


# What an entry is bound to


@pytest.mark.parametrize(
    "change",
    [('"/new"', '"/other"'), ('"/new"', '"/new", "more"'), ("on_receive", "after_send"), ('"new"', '"renamed"')],
    ids=["program", "argument", "event", "name"],
)
def test_a_hook_by_hand_in_the_place_of_another_is_the_operator_s(file, change):
    register = created(file)
    head, block = file.read_text().split('[[mailboxes.x.hooks]]\nname = "new"')
    block = ('[[mailboxes.x.hooks]]\nname = "new"' + block).replace(*change)
    file.write_text(head + block)
    hook = hookedit.hooks(file.read_text())[-1]
    assert told(register, file, hook) == "operator"


def test_arguments_are_told_apart(file):
    first, second = (Written("x", "n", "on_receive", cmd) for cmd in (("/a", "b c"), ("/a", "b", "c")))
    assert origins.digest(first) != origins.digest(second)


def test_the_same_hook_in_another_mailbox_is_another(file):
    register = created(file)
    assert register.of(HOOK._replace(mailbox="y"), load.digest(file.read_bytes())) == "operator"


def test_what_no_longer_exists_is_forgotten(file):
    created(file)
    file.write_text(TEXT)
    assert reopened(file)._read() == []


# Loss and damage


@pytest.mark.parametrize(
    "octets",
    [b"", b"{", b"[]", b'{"version": 2, "mcp": []}', b'{"version": 1, "mcp": [{"hook": "new"}]}', b"\xff", b"null",
     b'{"version": 1, "mcp": [{"mailbox": "x", "hook": "new", "digest": 7}]}', b"[" * 100_000],
    ids=["empty", "cut", "array", "version", "fields", "not-utf-8", "null", "types", "deep"],
)  # fmt: skip
def test_a_damaged_register_makes_every_hook_the_operator_s_and_is_written_anew(file, logged, octets):
    register = created(file)
    register.path.write_bytes(octets)
    assert told(register, file) == "operator"
    assert "event=hook-origins-damaged" in "".join(logged)
    other = Hook("other", "on_receive", ("/new",))
    add(register, file, other, HOOK._replace(name="other"))
    assert told(register, file, HOOK._replace(name="other")) == "mcp"


def test_a_lost_register_makes_every_hook_the_operator_s(file):
    register = created(file)
    register.path.unlink()
    assert told(register, file) == told(reopened(file), file) == "operator"


def test_nothing_is_followed_or_waited_for(file, logged):
    register = created(file)
    elsewhere = register.path.rename(file.parent / "elsewhere")
    register.path.symlink_to(elsewhere)
    assert told(register, file) == "operator"
    register.path.unlink()
    os.mkfifo(register.path)
    assert told(register, file) == "operator"
    assert "event=hook-origins-unreadable" in "".join(logged)


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE])
def test_a_register_that_cannot_be_read_for_a_moment_is_not_written_without_what_it_has(file, logged, number):
    register = created(file)
    with pytest.MonkeyPatch.context() as failing:
        real = os.open

        def fail(path, *words, **more):
            if path == register.path:
                failing.setattr(os, "open", real)  # the next time it can be read
                raise OSError(number, os.strerror(number))
            return real(path, *words, **more)

        failing.setattr(os, "open", fail)
        register.settle(lambda: (hookedit.hooks(file.read_text()), load.digest(file.read_bytes())))
    assert "event=hook-origins-not-written" in "".join(logged)
    assert told(register, file) == told(reopened(file), file) == "mcp"
