"""Anything in any order, by verbs and by hand: configuration, directories, index and answers agree after every step."""

import contextlib
import re
import shutil
import tempfile
import tomllib
from pathlib import Path

import pytest
import tomlkit
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule

from aimx import limits
from aimx.errors import ConfigInvalid
from aimx.wire.frames import (
    EmailList,
    HookCreate,
    HookDelete,
    HookList,
    MailboxCreate,
    MailboxDelete,
    MailboxList,
    MarkRead,
    MarkUnread,
)
from tests.harness import mail
from tests.model.world import OWNER, TOP, World, table

NAMES = st.sampled_from(["ops", "dev", "qa"])
HOOKS = st.sampled_from(["one", "two"])
BROKEN = "\nhalf = "


class Machine(RuleBasedStateMachine):
    """The model: `disk` and `force` are mailboxes with their hooks; `files` are ids with `read`, by directory."""

    mails = Bundle("mails")

    def __init__(self) -> None:
        super().__init__()
        self.tree = Path(tempfile.mkdtemp(prefix="aimx-model-"))
        self.world = World(self.tree, TOP + table("ops"))
        self.disk: dict[str, set[str]] = {"ops": set()}
        self.force = dict(self.disk)
        self.files: dict[str, dict[str, bool]] = {}
        self.broken = False
        self.notes: list[str] = []
        self.number = 0
        self.waits = limits.RECONCILE_S, limits.RECONCILE_DOUBT_S
        limits.RECONCILE_S = limits.RECONCILE_DOUBT_S = 0.0  # what is done by hand shows at once, not within a second

    def teardown(self) -> None:
        limits.RECONCILE_S, limits.RECONCILE_DOUBT_S = self.waits
        self.world.close()
        shutil.rmtree(self.tree)

    # Verbs

    @rule(name=NAMES)
    def create(self, name):
        code = self.world.ask(MailboxCreate(name, OWNER.pw_name))
        if name in self.force:
            assert code is None  # whoever asks for what he has, has it
        elif self.broken or name in self.disk:
            assert code in ("VALIDATION", "MAILBOX")
        else:
            assert code is None
            self.disk = {**self.disk, name: set()}
            self.force = self.disk

    @rule(name=NAMES, force=st.booleans())
    def delete(self, name, force):
        code = self.world.ask(MailboxDelete(name, force=force))
        if name not in self.force:
            assert code == "ENOENT"
        elif self.files.get(name) and not force:
            assert code == "NONEMPTY"
        elif self.broken or name not in self.disk:
            assert code in ("VALIDATION", "ENOENT")
        else:
            assert code is None
            self.disk = {other: hooks for other, hooks in self.disk.items() if other != name}
            self.force = self.disk
            self.files.pop(name, None)

    @rule(name=NAMES, hook=HOOKS)
    def create_hook(self, name, hook):
        code = self.world.ask(HookCreate(name, "on_receive", b'{"cmd": ["/bin/true"]}', hook))
        taken = any(hook in hooks for hooks in self.disk.values())
        if name not in self.force or name not in self.disk or taken or self.broken:
            assert code in ("ENOENT", "VALIDATION")
        else:
            assert code is None or code["effective_name"] == hook
            self.disk = {**self.disk, name: self.disk[name] | {hook}}
            self.force = self.disk

    @rule(hook=HOOKS)
    def delete_hook(self, hook):
        code = self.world.ask(HookDelete(hook))
        home = [name for name, hooks in self.force.items() if hook in hooks and hook in self.disk.get(name, ())]
        if not home or self.broken:
            assert code in ("ENOENT", "VALIDATION")
        else:
            assert code is None
            self.disk = {name: hooks - {hook} for name, hooks in self.disk.items()}
            self.force = self.disk

    @rule(target=mails, name=NAMES)
    def deliver(self, name):
        if name not in self.force:
            return multiple()
        self.number += 1
        stored = self.world.deliver(name, mail(f"mail {self.number}"))
        assert stored.id
        self.files.setdefault(name, {})[stored.id] = False
        return (name, stored.id)

    @rule(of=mails, read=st.booleans())
    def mark(self, of, read):
        name, id_ = of
        code = self.world.ask((MarkRead if read else MarkUnread)(name, id_))
        if name in self.force and id_ in self.files.get(name, ()):
            assert code is None
            self.files[name][id_] = read
        else:
            assert code in ("ENOENT", "NOTFOUND")

    @rule()
    def reload(self):
        with contextlib.nullcontext() if not self.broken else pytest.raises(ConfigInvalid):
            self.world.reload()
        if not self.broken:
            self.force = self.disk

    # By hand

    @rule(name=NAMES)
    @precondition(lambda self: not self.broken)
    def write_a_mailbox(self, name):
        if name not in self.disk:
            self.world.file.write_text(self.world.file.read_text() + table(name))
            self.disk = {**self.disk, name: set()}

    @rule(name=NAMES)
    @precondition(lambda self: not self.broken)
    def strike_a_mailbox(self, name):
        if name in self.disk:
            document = tomlkit.parse(self.world.file.read_text())
            del document["mailboxes"][name]
            self.world.file.write_text(tomlkit.dumps(document))
            self.disk = {other: hooks for other, hooks in self.disk.items() if other != name}

    @rule()
    def write_a_note(self):
        self.notes.append(f"# note {len(self.notes)}.\n")
        self.world.file.write_text(self.notes[-1] + self.world.file.read_text())

    @rule()
    def save_half(self):
        """And the whole the next time."""
        text = self.world.file.read_text()
        self.world.file.write_text(text.removesuffix(BROKEN) if self.broken else text + BROKEN)
        self.broken = not self.broken

    def _path(self, of) -> Path | None:
        name, id_ = of
        return self.world.data / "inbox" / name / f"{id_}.md" if id_ in self.files.get(name, ()) else None

    @rule(of=mails, replace=st.booleans())
    def edit_a_mail(self, of, replace):
        """In place, or as editors do."""
        if path := self._path(of):
            text = path.read_text()
            read = not self.files[of[0]][of[1]]
            text = re.sub(r"^read = \w+$", f"read = {str(read).lower()}", text, count=1, flags=re.MULTILINE)
            if replace:
                path.with_suffix(".new").write_text(text)
                path.with_suffix(".new").rename(path)
            else:
                path.write_text(text)
            self.files[of[0]][of[1]] = read

    @rule(of=mails)
    def remove_a_mail(self, of):
        if path := self._path(of):
            path.unlink()
            del self.files[of[0]][of[1]]

    @rule(target=mails, of=mails, number=st.integers(0, 9))
    def copy_a_mail(self, of, number):
        """Under a name of somebody's own."""
        path = self._path(of)
        id_ = f"2020-01-01-00000{number}-copy"
        if path is None or id_ in self.files[of[0]]:
            return multiple()
        shutil.copy(path, path.with_name(f"{id_}.md"))
        self.files[of[0]][id_] = self.files[of[0]][of[1]]
        return (of[0], id_)

    # Ends

    @rule(index=st.sampled_from(["kept", "older", "gone", "rubbish"]))
    @precondition(lambda self: not self.broken)
    def crash(self, index):
        """All that was answered is on disk; of the index, anything may be left."""
        private = self.world.data / ".aimx"
        older = {path.name: path.read_bytes() for path in private.glob("index.db*")} if index == "older" else {}
        if older:
            stored = [self.world.deliver(name, mail("late")) for name in list(self.force)[:1]]
            for one in stored:
                self.files.setdefault(one.mailbox, {})[one.id] = False
        self.world.close()
        if index != "kept":
            for path in private.glob("index.db*"):
                path.unlink()
        for name, octets in (older or ({"index.db": b"rubbish" * 99} if index == "rubbish" else {})).items():
            (private / name).write_bytes(octets)
        self.force = self.disk
        self.world.again()

    # What has to hold

    @invariant()
    def the_file_is_what_was_written(self):
        text = self.world.file.read_text()
        assert all(note in text for note in self.notes)
        assert "# written by hand" in text and "# stays" in text
        if not self.broken:
            found = tomllib.loads(text).get("mailboxes", {})
            assert {name: {hook["name"] for hook in one.get("hooks", ())} for name, one in found.items()} == self.disk

    @invariant()
    def what_is_in_force_is_what_was_taken(self):
        mailboxes = self.world.live.current.mailboxes
        assert {name: {hook.name for hook in one.hooks} for name, one in mailboxes.items()} == self.force

    @invariant()
    def directories_hold_the_mail(self):
        inbox = self.world.data / "inbox"
        found = {path.name: {one.stem for one in path.iterdir()} for path in inbox.iterdir()}
        assert {name: ids for name, ids in found.items() if ids} == {
            name: set(ids) for name, ids in self.files.items() if ids
        }
        assert not list((self.world.data / ".aimx/staging").iterdir())

    @invariant()
    def lists_and_counts_are_true(self):
        for name in self.force:
            rows = self.world.ask(EmailList(mailbox=name, limit=50))["emails"]
            assert {row["id"]: row["read"] for row in rows} == self.files.get(name, {})
        listed = {row["name"]: row for row in self.world.ask(MailboxList())}
        assert {name for name, row in listed.items() if row["registered"]} == set(self.force)
        for name in self.force:
            reads = list(self.files.get(name, {}).values())
            assert (listed[name]["total"], listed[name]["unread"]) == (len(reads), reads.count(False))

    @invariant()
    def hooks_are_listed(self):
        rows = self.world.ask(HookList())
        found = {(row["mailbox"], row["name"]) for row in rows}
        assert found == {(name, hook) for name, hooks in self.force.items() for hook in hooks}


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=15 if settings.default.max_examples == 100 else 400,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
)
