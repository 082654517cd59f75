"""config.toml while the daemon runs: clients over the socket, hands on the file and reloads at once lose nothing."""

import json
import os
import signal
import sqlite3
import threading
import tomllib

import pytest

from aimx import client
from aimx.effects import linux
from aimx.wire.frames import MailboxCreate, MailboxDelete, MailboxList, MailboxShow, Response
from tests.harness import DOMAIN, Daemon, config_text, mail, owner

OWNER = "daemon" if os.geteuid() == 0 else owner()
ROUNDS = 40  # of each of two clients; half as many by each way of saving


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("live")) as running:
        yield running


def ask(daemon, request) -> Response:
    return client.call(daemon.socket, request, 60)


def names(daemon) -> set[str]:
    rows = json.loads(ask(daemon, MailboxList()).body)
    return {row["name"] for row in rows if row["registered"]}


def log_of(daemon) -> list[dict]:
    with sqlite3.connect(f"file:{daemon.data}/.aimx/state.db?mode=ro", uri=True) as db:
        found = [json.loads(text) for (text,) in db.execute("SELECT event FROM events ORDER BY seq")]
    db.close()
    return found


def on_disk(daemon) -> dict:
    return tomllib.loads((daemon.etc / "config.toml").read_text())


def reload(daemon, event="event=config-reloaded") -> None:
    os.kill(daemon.pid, signal.SIGHUP)
    daemon.wait_log(event)


def test_an_edit_over_a_hand_edit_takes_it_into_force_and_keeps_every_comment(daemon):
    path = daemon.etc / "config.toml"
    path.write_text(path.read_text() + f'\n# mine\n[mailboxes.hand]  # too\naddress = "hand@{DOMAIN}"\nowner = "x"\n')
    assert "hand" not in names(daemon)
    assert ask(daemon, MailboxCreate("socket", OWNER)).kind == "ok"
    assert {"hand", "socket"} <= names(daemon)
    daemon.wait_log("event=config-merged ")
    told = [(event["type"], event["mailbox"]) for event in log_of(daemon)]
    assert told[-2:] == [("mailbox_created", "hand"), ("mailbox_created", "socket")]
    assert "# mine\n[mailboxes.hand]  # too\n" in path.read_text()


BROKEN = {
    "syntax": ("[mailboxes.ops", "is not valid TOML"),
    "half-saved": ("dom", "is not valid TOML"),
    "empty": ("", "missing required key `domain`"),
    "rule": (config_text('[mailboxes.bad]\naddress = "bad"\nowner = "UP"\n'), "has invalid owner"),
}


@pytest.mark.parametrize(("text", "why"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_not_valid_is_refused_and_stays_as_it_is(daemon, text, why):
    path = daemon.etc / "config.toml"
    before, good = names(daemon), path.read_text()
    path.write_text(text)
    answer = ask(daemon, MailboxCreate("never", OWNER))
    assert (answer.kind, answer.code) == ("error", "VALIDATION")
    assert why in answer.reason
    assert path.read_text() == text
    assert names(daemon) == before
    assert not (daemon.data / "inbox" / "never").exists()
    reload(daemon, "event=config-reload-failed")
    assert names(daemon) == before
    path.write_text(good)


def test_a_reload_takes_what_is_on_disk(daemon):
    path = daemon.etc / "config.toml"
    path.write_text(path.read_text() + f'\n[mailboxes.later]\naddress = "later@{DOMAIN}"\nowner = "{OWNER}"\n')
    reload(daemon)
    assert "later" in names(daemon)
    assert json.loads(ask(daemon, MailboxShow("later")).body)["address"] == f"later@{DOMAIN}"


def test_the_mailbox_that_the_configuration_needs_is_kept(daemon):
    path = daemon.etc / "config.toml"
    ask(daemon, MailboxCreate("needed", OWNER))
    path.write_text('postmaster = "needed"\n' + path.read_text())
    reload(daemon)
    answer = ask(daemon, MailboxDelete("needed", force=True))
    assert answer.reason == "mailbox 'needed' is the `postmaster` of config.toml; root has to name another first"
    path.write_text(path.read_text().removeprefix('postmaster = "needed"\n'))
    reload(daemon)


class Editor:
    """Somebody who saves the whole file, and looks whether it is still the one that he has read."""

    def __init__(self, daemon) -> None:
        self.path = daemon.etc / "config.toml"

    def add(self, name: str, in_place: bool) -> None:
        line = f'\n# by hand: {name}\n[mailboxes.{name}]\naddress = "{name}@{DOMAIN}"\nowner = "{OWNER}"\n'
        save = self._in_place if in_place else self._by_rename
        while not save(line.encode()):
            pass

    def _in_place(self, line: bytes) -> bool:
        with open(self.path, "r+b") as file:
            text = file.read()
            file.seek(0)
            file.write(text + line)
            file.flush()
            return os.fstat(file.fileno()).st_ino == self.path.stat().st_ino

    def _by_rename(self, line: bytes) -> bool:
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            with open(self.path, "rb") as file:
                text, inode = file.read(), os.fstat(file.fileno()).st_ino
            swap = self.path.with_name("config.swp")
            swap.write_bytes(text + line)
            linux.rename_exchange(directory, swap.name, directory, self.path.name)
            if swap.stat().st_ino == inode and swap.read_bytes() == text:
                return True
            linux.rename_exchange(directory, swap.name, directory, self.path.name)
            return False
        finally:
            os.close(directory)


def test_two_clients_two_ways_of_saving_and_reloads_lose_nothing(daemon):
    """The hand takes turns with itself only: whoever overwrites what he has not read loses it, with any program."""
    kept, problems = set(), []

    def write(who):
        for number in range(ROUNDS):
            name, box = f"{who}{number}", None
            for _ in range(100):
                box = ask(daemon, MailboxCreate(name, OWNER))
                if box.kind == "ok":
                    break
                if box.code not in ("VALIDATION", "IO"):  # the file was half saved, or saved too often
                    problems.append(box)
            if number % 4 == 3 and ask(daemon, MailboxDelete(name)).kind == "ok":
                continue
            kept.add(name)

    def edit():
        editor = Editor(daemon)
        for number in range(ROUNDS):
            editor.add(f"hand{number}", in_place=number % 2 == 0)
            kept.add(f"hand{number}")
            if number % 5 == 0:
                os.kill(daemon.pid, signal.SIGHUP)

    threads = [threading.Thread(target=write, args=("a",)), threading.Thread(target=write, args=("b",)),
               threading.Thread(target=edit)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert problems == []
    assert ask(daemon, MailboxCreate("the-last", OWNER)).kind == "ok"
    found = on_disk(daemon)["mailboxes"]
    assert {name for name in found if name[-1].isdigit()} == kept
    assert names(daemon) == set(found)
    text = (daemon.etc / "config.toml").read_text()
    assert all(f"# by hand: hand{number}\n[mailboxes.hand{number}]\n" in text for number in range(ROUNDS))
    assert sorted(os.listdir(daemon.etc)) == ["config.swp", "config.toml"]


def test_clients_that_make_and_wipe_the_same_names_take_turns(daemon):
    names_, outcomes = [f"shared{number}" for number in range(3)], []

    def work(seed):
        for number in range(20):
            name = names_[(seed + number) % 3]
            made = number % 2 == seed % 2
            request = MailboxCreate(name, OWNER) if made else MailboxDelete(name, force=number % 4 < 2)
            answer = ask(daemon, request)
            outcomes.append(answer.code)
            if made:
                with daemon.smtp() as client_:
                    client_.mail("a@sender.test")
                    if client_.rcpt(f"{name}@{DOMAIN}")[0] == 250:
                        client_.data(mail())

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert set(outcomes) <= {"", "ENOENT", "NONEMPTY"}
    configured = set(on_disk(daemon)["mailboxes"])
    assert names(daemon) == configured
    for name in names_:
        told = [event["type"] for event in log_of(daemon) if event["mailbox"] == name and "mailbox_" in event["type"]]
        assert told == ["mailbox_created", "mailbox_deleted"] * (len(told) // 2) + ["mailbox_created"] * (len(told) % 2)
        assert (name in configured) == bool(len(told) % 2)
        if name not in configured:
            assert os.listdir(daemon.data / "inbox" / name) == []
