"""Who made a hook, with real users: an owner deletes what came over the socket, and nothing of the operator's."""

import json
import os
import re
import signal
import stat

import pytest

from aimx.wire import codec
from aimx.wire.frames import HookCreate, HookDelete, HookList, MailboxDelete
from tests.hooks.test_pool import until
from tests.root import dropping
from tests.root.test_authorization import ask, error

pytestmark = pytest.mark.root
OK = "AIMX/1 OK\n"


@pytest.fixture(scope="module")
def shared(people):
    with dropping.daemon({name: people[name].pw_name for name in ("alice", "bob")}, people["bob"].pw_name) as running:
        yield running


@pytest.fixture
def daemon(shared):
    """With the configuration that it began with, and nobody's hooks."""
    file = shared.etc / "config.toml"
    before = file.read_text()
    yield shared
    file.write_text(before)
    (shared.etc / "hook-origins.json").unlink(missing_ok=True)
    os.kill(shared.pid, signal.SIGHUP)
    shared.wait_log("event=config-reloaded")


@pytest.fixture
def say(daemon, people):
    def said(caller, request):
        return ask(daemon, people[caller], codec.encode_request(request))

    return said


def create(mailbox: str, name: str | None = None, *words: str) -> HookCreate:
    return HookCreate(mailbox, "on_receive", json.dumps({"cmd": ["/bin/true", *words]}).encode(), name)


def exactly(code: str, reason: str) -> str:
    return f"AIMX/1 ERR {code} {reason}\nCode: {code}\n\n"


def kept(name: str) -> str:
    return exactly("EACCES", f"hook '{name}' was set up by the operator; to delete it: sudo aimx hooks delete {name}")


def test_what_came_over_the_socket_goes_over_the_socket(daemon, say):
    assert say("alice", create("alice", "hers")) == OK
    assert say("root", create("alice", "root_s")) == OK
    register = daemon.etc / "hook-origins.json"
    assert stat.S_IMODE(register.stat().st_mode) == 0o600
    assert [entry["hook"] for entry in json.loads(register.read_text())["mcp"]] == ["hers"]
    assert say("bob", HookDelete("hers")) == say("bob", HookDelete("ghost")).replace("ghost", "hers")
    assert say("alice", HookDelete("root_s")) == kept("root_s")
    assert say("alice", HookDelete("hers")) == OK
    assert say("alice", HookDelete("hers")) == exactly("ENOENT", "hook 'hers' not found")
    assert say("root", HookDelete("root_s")) == OK
    assert json.loads(register.read_text())["mcp"] == []


@pytest.mark.parametrize("again", ["alice", "root"])
def test_a_hook_that_is_asked_for_again_stays_whose_it_is(say, again):
    assert say("alice", create("alice", "hers")) == OK
    assert "is already in use" in say(again, create("alice", "hers"))
    assert say("alice", HookDelete("hers")) == OK


def test_root_deletes_what_came_over_the_socket(say):
    assert say("alice", create("alice", "hers")) == OK
    assert say("root", HookDelete("hers")) == OK


def test_the_operator_s_hand_takes_a_hook_over(daemon, say):
    """Whatever was read or not: what stands in the file is what counts."""
    assert say("alice", create("alice", "hers")) == OK
    file = daemon.etc / "config.toml"
    file.write_text(file.read_text().replace('["/bin/true"]', '["/bin/true", "by-hand"]'))
    assert say("alice", HookDelete("hers")) == kept("hers")
    assert '"by-hand"' in file.read_text()


def test_a_twin_by_hand_of_a_deleted_hook_is_the_operator_s(daemon, say):
    file = daemon.etc / "config.toml"
    assert say("alice", create("alice", "hers")) == OK
    text = file.read_text()
    assert say("alice", HookDelete("hers")) == OK
    file.write_text(text)
    os.kill(daemon.pid, signal.SIGHUP)
    daemon.wait_log("event=config-reloaded")
    assert say("alice", HookDelete("hers")) == kept("hers")


def test_it_is_still_known_after_a_restart_and_after_kill_9(daemon, say):
    assert say("alice", create("alice", "first")) == OK
    daemon.stop()
    daemon.start()
    assert say("alice", create("alice", "second")) == OK
    daemon.kill()
    daemon.start()
    assert say("alice", HookDelete("first")) == OK
    assert say("alice", HookDelete("second")) == OK


def test_without_the_register_every_hook_is_the_operator_s(daemon, say):
    assert say("alice", create("alice", "hers")) == OK
    (daemon.etc / "hook-origins.json").unlink()
    assert say("alice", HookDelete("hers")) == kept("hers")
    assert say("root", HookDelete("hers")) == OK


def test_a_deleted_mailbox_takes_its_entries_along(daemon, say):
    assert say("alice", create("alice", "hers")) == OK
    assert say("bob", create("bob", "his")) == OK
    assert say("alice", MailboxDelete("alice")) == OK
    register = daemon.etc / "hook-origins.json"
    until(lambda: [entry["hook"] for entry in json.loads(register.read_text())["mcp"]] == ["his"])
    assert say("bob", HookDelete("his")) == OK


def test_lists_and_refusals_name_nothing_of_others(say):
    assert say("alice", create("alice", "hers")) == OK
    assert say("bob", HookList()).endswith("\n[]")
    assert '"hers"' in say("alice", HookList())
    assert '"hers"' in say("root", HookList())
    taken = error("VALIDATION", "hook name 'hers' is already in use; choose another one with --name")
    assert re.fullmatch(taken, say("bob", create("bob", "hers")))
    assert (
        say("bob", create("alice", "his")) == say("bob", create("ghost", "his")) == exactly("EACCES", "not authorized")
    )


def test_an_unusable_file_is_no_news_for_an_owner(daemon, say):
    file = daemon.etc / "config.toml"
    text = file.read_text()
    file.write_text(text + "\n[mailboxes.of_the_operator]\n")
    answer = say("alice", create("alice", "hers"))
    assert answer == exactly("IO", "config.toml cannot be edited now: root has to look at it")
    assert "of_the_operator" in say("root", create("alice", "hers"))
    assert file.read_text() == text + "\n[mailboxes.of_the_operator]\n"


def test_an_owner_has_only_so_many_hooks(daemon, say):
    hooks = "".join(
        f'[[mailboxes.alice.hooks]]\nname = "h{number}"\nevent = "on_receive"\ncmd = ["/bin/true"]\n'
        for number in range(64)
    )
    file = daemon.etc / "config.toml"
    head, _, rest = file.read_text().partition("[mailboxes.bob]")
    file.write_text(head + hooks + "[mailboxes.bob]" + rest)
    assert "has 64 hooks, which is the limit" in say("alice", create("alice", "one_more"))
    assert say("root", create("alice", "one_more")) == OK


def test_an_owner_s_hooks_take_only_so_much_of_the_configuration(daemon, say):
    """Every change of config.toml reads all of it: what one owner puts there, everybody waits for."""
    many = json.dumps({"cmd": ["/bin/true", *"a" * 256]}).encode()
    assert "more than 256; put them into a script" in say("bob", HookCreate("bob", "on_receive", many, "many"))
    long = json.dumps({"cmd": ["/bin/true", "x" * 60_000]}).encode()
    answers = [say("bob", HookCreate("bob", "on_receive", long, f"long_{number}")) for number in range(5)]
    assert answers[:4] == [OK] * 4
    assert "the hooks of one owner take at most 256 KiB" in answers[4]
    assert say("root", HookCreate("bob", "on_receive", long, "long_by_root")) == OK
