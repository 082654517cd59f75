"""A process ends at every step of a commit; the next start finishes or forgets it."""

import os
import tomllib

import pytest

from aimx.model.delivery import Duplicate, File, HookJob
from aimx.store import commit, ledger, publish, staging
from tests.store.parts import AT, copy, opened, plan, rows, tree_of

STEM = "2025-03-14-150926-hello"
ATTACHED = (File("a.txt", b"one"), File("b.txt", b"two"))


class Ended(BaseException):
    """Stands for the end of the process: nothing of the commit runs after it."""


def _end_at(monkeypatch, module, name, call, before):
    real, calls = getattr(module, name), []

    def stop(*arguments, **more):
        calls.append(1)
        if len(calls) == call and before:
            raise Ended
        result = real(*arguments, **more)
        if len(calls) == call:
            raise Ended
        return result

    monkeypatch.setattr(module, name, stop)
    monkeypatch.setattr(commit.Committer, "_undo", lambda *_: None)


POINTS = [
    (module, name, call, before)
    for module, name, calls in [
        (staging, "write", 2),
        (ledger, "promise", 1),
        (publish.files, "rename_noreplace", 2),
        (ledger, "settle", 1),
    ]
    for call in range(1, calls + 1)
    for before in (True, False)
]


@pytest.mark.parametrize(
    ("module", "name", "call", "before"), POINTS, ids=[f"{'before' if p[3] else 'after'} {p[1]} {p[2]}" for p in POINTS]
)
def test_whole_or_not_at_all(tmp_path, monkeypatch, module, name, call, before):
    first = opened(tmp_path, "dev")
    job = HookJob("h", "ops", "on_receive", {}, "")
    message = plan(copy(files=ATTACHED, jobs=(job,)), copy(mailbox="dev"), key=b"k")
    with monkeypatch.context() as crash:
        _end_at(crash, module, name, call, before)
        with pytest.raises(Ended):
            first.committer.commit(message)
    first.close()
    monkeypatch.setattr("aimx.daemon.storage.time.time", lambda: AT)
    second = opened(tmp_path, "dev")
    assert tree_of(tmp_path / "data/.aimx/staging") == []
    assert rows(second, "intents") == 0
    whole = [
        *("dev", f"dev/{STEM}.md", "ops", f"ops/{STEM}", f"ops/{STEM}/{STEM}.md"),
        *(f"ops/{STEM}/a.txt", f"ops/{STEM}/b.txt"),
    ]
    found = tree_of(tmp_path / "data/inbox")
    promised = name in ("rename_noreplace", "settle")
    assert found == (whole if promised else ["dev", "ops"])
    assert rows(second, "jobs") == (1 if promised else 0)
    again = second.committer.commit(message).outcomes
    assert all(isinstance(outcome, Duplicate) for outcome in again) is promised
    assert tree_of(tmp_path / "data/inbox") == whole
    second.close()


def test_a_rename_that_a_restart_finds_is_durable_before_its_intent_is_settled(tmp_path, monkeypatch):
    first = opened(tmp_path)
    with monkeypatch.context() as crash:
        _end_at(crash, publish.files, "rename_noreplace", 1, before=False)
        with pytest.raises(Ended):
            first.committer.commit(plan())
    first.close()
    inbox, order = (tmp_path / "data/inbox/ops").stat(), []
    fsync, settle = os.fsync, ledger.settle

    def synced(fd):
        fsync(fd)
        order.extend(["synced"] * os.path.samestat(os.fstat(fd), inbox))

    def settled(*arguments):
        order.append("settled")
        return settle(*arguments)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(ledger, "settle", settled)
    opened(tmp_path).close()
    assert order[:2] == ["synced", "settled"]


@pytest.mark.parametrize("files", [(), ATTACHED], ids=["flat", "bundle"])
@pytest.mark.parametrize("step", ["written", "promised", "tidied"])
def test_an_end_while_a_copy_gets_another_number(tmp_path, monkeypatch, files, step):
    first = opened(tmp_path)
    real = publish.files.rename_noreplace
    squat = tmp_path / "data/inbox/ops" / (STEM if files else f"{STEM}.md")

    def rename(source, name, target, final):
        if final.startswith(STEM) and not squat.exists():
            squat.mkdir()
        return real(source, name, target, final)

    with monkeypatch.context() as crash:
        crash.setattr(publish.files, "rename_noreplace", rename)
        module, name, before = {
            "written": (ledger, "promise_again", True),
            "promised": (staging, "tidy", True),
            "tidied": (staging, "tidy", False),
        }[step]
        _end_at(crash, module, name, 1, before)
        with pytest.raises(Ended):
            first.committer.commit(plan(copy(files=files)))
    first.close()
    second = opened(tmp_path)
    path = tmp_path / "data/inbox/ops" / (f"{STEM}-2/{STEM}-2.md" if files else f"{STEM}-2.md")
    assert tomllib.loads(path.read_text().split("+++\n")[1])["id"] == f"{STEM}-2"
    if files:
        assert tree_of(path.parent) == [f"{STEM}-2.md", "a.txt", "b.txt"]
    assert tree_of(tmp_path / "data/.aimx/staging") == []
    second.close()


@pytest.mark.parametrize(
    "damage",
    [lambda path: os.truncate(path / f"{STEM}.md", 3), lambda path: (path / "a.txt").unlink()],
    ids=["short", "missing"],
)
def test_an_incomplete_copy_is_dropped(tmp_path, monkeypatch, damage):
    first = opened(tmp_path)
    with monkeypatch.context() as crash:
        _end_at(crash, publish.files, "rename_noreplace", 1, True)
        with pytest.raises(Ended):
            first.committer.commit(plan(copy(files=ATTACHED)))
    first.close()
    (entry,) = (tmp_path / "data/.aimx/staging").iterdir()
    damage(entry)
    second = opened(tmp_path)
    assert tree_of(tmp_path / "data/inbox") == ["ops"]
    assert tree_of(tmp_path / "data/.aimx/staging") == []
    assert rows(second, "intents") == 0
    second.close()


def test_an_unreadable_intent_and_strange_entries_stop_nobody(tmp_path, told):
    first = opened(tmp_path)
    first.state.run(lambda db: db.execute("INSERT INTO intents (plan) VALUES (x'ff00')"))
    first.close()
    (tmp_path / "data/.aimx/staging/a/b/c").mkdir(parents=True)
    second = opened(tmp_path)
    assert "event=intent-unreadable" in told.getvalue()
    assert (rows(second, "intents"), tree_of(tmp_path / "data/.aimx/staging")) == (0, [])
    second.close()
