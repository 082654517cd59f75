"""WATCH against a daemon: what happens is told once, in order, whatever happens to the connection in between."""

import os
import signal
import typing

import pytest

from aimx import client
from aimx.model.event import Event
from aimx.wire.frames import EmailList, HookCreate, HookDelete, MailboxCreate, MailboxDelete, MarkRead, Send
from tests.daemon.watchers import HEAD, Watcher
from tests.harness import DOMAIN, Daemon, config_text, mail, owner
from tests.mailauth import signing

OTHER = f'[mailboxes.other]\naddress = "other@{DOMAIN}"\nowner = "{owner()}"\n'
HOOKED = (
    f'[mailboxes.hooked]\naddress = "hooked@{DOMAIN}"\nowner = "{owner()}"\n'
    '[[mailboxes.hooked.hooks]]\nname = "says"\nevent = "on_receive"\ncmd = ["/bin/sh", "-c", "exit 3"]\n'
    "fire_on_untrusted = true\n"
    '[[mailboxes.hooked.hooks]]\nname = "trusting"\nevent = "on_receive"\ncmd = ["/bin/true"]\n'
)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("watch"), config_text(OTHER + HOOKED)) as running:
        yield running


def test_a_stream_says_hello_then_tells_what_arrives(daemon):
    with Watcher(daemon.socket) as watcher:
        assert watcher.head == HEAD
        assert watcher.hello["type"] == "hello"
        assert watcher.hello["heartbeat_s"] == 15
        daemon.send(mail("First"))
        daemon.send(mail("Second"))
        first, second = watcher.events("received", 2)
    assert list(first) == [
        "cursor", "type", "at", "mailbox", "id", "from", "subject", "trusted", "thread_id"
    ]  # fmt: skip
    assert (first["subject"], second["subject"]) == ("First", "Second")
    assert first["mailbox"] == "ops"
    assert first["id"] == daemon.messages()[-2].stem
    place = [int(told["cursor"].rpartition("-")[2]) for told in (watcher.hello, first, second)]
    assert place == sorted(set(place))


def test_what_happened_between_two_connections_is_told(daemon):
    with Watcher(daemon.socket) as watcher:
        cursor = watcher.cursor
    daemon.send(mail("While away"))
    with Watcher(daemon.socket, after=cursor) as watcher:
        assert watcher.hello["cursor"] == cursor
        (told,) = watcher.events("received", 1)
        assert told["subject"] == "While away"
        daemon.send(mail("Then"))
        assert watcher.events("received", 1)[0]["subject"] == "Then"


def test_one_mailbox_only(daemon):
    with Watcher(daemon.socket, mailbox="other") as watcher:
        daemon.send(mail("Not this"))
        daemon.send(mail("This"), f"other@{DOMAIN}")
        assert watcher.event()["subject"] == "This"


def test_no_such_mailbox_is_refused(daemon):
    with Watcher(daemon.socket, mailbox="ghost") as watcher:
        assert watcher.head == b"AIMX/1 ERR ENOENT mailbox-not-found: ghost\nCode: ENOENT\n\n"


def test_a_hook_is_told_from_start_to_end_or_why_it_did_not_run(daemon):
    with Watcher(daemon.socket, mailbox="hooked") as watcher:
        daemon.send(mail("Run"), f"hooked@{DOMAIN}")
        told = [watcher.event() for _ in range(4)]
    assert [(one["type"], one.get("hook")) for one in told] == [
        ("received", None), ("hook_skipped", "trusting"), ("hook_started", "says"), ("hook_finished", "says"),
    ]  # fmt: skip
    received, skipped, started, finished = told
    assert {one["id"] for one in told} == {received["id"]}
    assert skipped["reason"] == "trusted=none fire_on_untrusted=false"
    assert finished["run"] == started["run"]
    assert (finished["exit_code"], finished["timed_out"], finished["reason"]) == (3, False, "")


GAPS = {
    "malformed": ("now", "malformed"),
    "empty-number": ("0123456789abcdef-", "malformed"),
    "other-log": ("0123456789abcdef-1", "other-log"),
    "future": ("{epoch}-999999999", "unknown"),
}


@pytest.mark.parametrize(("after", "reason"), GAPS.values(), ids=GAPS)
def test_a_cursor_that_cannot_be_followed_is_a_gap_and_then_goes_on_from_now(daemon, after, reason):
    with Watcher(daemon.socket) as fresh:
        now = fresh.cursor
    with Watcher(daemon.socket, after=after.format(epoch=now.partition("-")[0])) as watcher:
        gap = watcher.event()
        assert (gap["type"], gap["reason"]) == ("gap", reason)
        assert gap["cursor"] == watcher.hello["cursor"] == now
        daemon.send(mail("After the gap"))
        assert watcher.events("received", 1)[0]["subject"] == "After the gap"


def test_a_reload_is_told(daemon):
    with Watcher(daemon.socket) as watcher:
        daemon.process.send_signal(signal.SIGHUP)
        told = watcher.events("config_reloaded", 1)[0]
    assert (told["mailboxes"], told["hooks"]) == (3, 2)


def test_a_stop_ends_streams_and_a_crash_loses_nothing(tmp_path):
    daemon = Daemon(tmp_path)
    try:
        daemon.start()
        with Watcher(daemon.socket) as watcher:
            daemon.send(mail("One"))
            watcher.events("received", 1)
            daemon.send(mail("Two"))
            daemon.kill()
            daemon.start()
            with Watcher(daemon.socket, after=watcher.cursor) as again:
                assert again.event()["subject"] == "Two"
                assert daemon.stop() == 0
                assert again.event() is None
        daemon.start()
        with Watcher(daemon.socket, after=again.cursor) as last:
            daemon.send(mail("Three"))
            assert last.event()["subject"] == "Three"
    finally:
        daemon.stop()
        daemon.close()


def test_a_hook_that_ran_when_the_daemon_was_killed_is_told_as_interrupted(tmp_path):
    hook = 'name = "long"\nevent = "on_receive"\ncmd = ["/bin/sleep", "600"]\nfire_on_untrusted = true\n'
    daemon = Daemon(tmp_path, config_text(f"[[mailboxes.ops.hooks]]\n{hook}"))
    try:
        daemon.start()
        with Watcher(daemon.socket) as watcher:
            daemon.send(mail("Runs"))
            started = watcher.events("hook_started", 1)[0]
            daemon.kill()
        daemon.start()
        with Watcher(daemon.socket, after=watcher.cursor) as again:
            ended = again.event()
    finally:
        daemon.stop()
        daemon.close()
    assert (ended["type"], ended["run"], ended["hook"]) == ("hook_finished", started["run"], "long")
    assert (ended["exit_code"], ended["reason"]) == (-1, "daemon-restart")


MADE_FOR = "daemon" if os.geteuid() == 0 else owner()  # a mailbox of root's cannot be made over the socket


def test_every_kind_of_event_is_told(tmp_path):
    drop = tmp_path / "drop"
    drop.mkdir()
    seen = set()
    daemon = Daemon(tmp_path, config_text(OTHER + HOOKED), AIMX_TEST_MAIL_DROP=str(drop))
    signing.install(daemon.etc)

    def ask(request):
        answer = client.call(daemon.socket, request)
        assert answer.kind != "error", answer

    def until(kind):
        while (told := watcher.event())["type"] != kind:
            seen.add(told["type"])
        seen.add(kind)

    with daemon, Watcher(daemon.socket) as watcher:
        daemon.send(mail("Hooked"), f"hooked@{DOMAIN}")
        until("hook_finished")
        daemon.send(mail("Other"), f"other@{DOMAIN}")
        until("received")
        (path,) = daemon.messages("other")
        ask(MarkRead("other", path.stem))
        until("read")
        ask(EmailList("other"))
        path.unlink()
        ask(EmailList("other"))
        until("deleted")
        ask(HookCreate("other", "on_receive", b'{"cmd": ["/bin/true"]}', "mine"))
        until("hook_created")
        ask(HookDelete("mine"))
        until("hook_deleted")
        ask(MailboxCreate("made", MADE_FOR))
        until("mailbox_created")
        ask(MailboxDelete("made"))
        until("mailbox_deleted")
        ask(Send(mail("Out", To="x@remote.test").replace(b"a@sender.test", b"ops@agent.test"), text_only=True))
        until("sent")
        (daemon.data / "inbox" / "ops").rmdir()
        (daemon.data / "inbox" / "ops").write_text("squatted")
        daemon.send(mail("Waits"))
        until("spooled")
        daemon.write_config(config_text(OTHER))
        daemon.process.send_signal(signal.SIGHUP)
        gone = watcher.event()
        assert (gone["type"], gone["mailbox"]) == ("mailbox_deleted", "hooked")
        until("config_reloaded")
    assert seen == {kind.__struct_config__.tag for kind in typing.get_args(Event)}
