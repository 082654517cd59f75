"""News: the daemon is watched while somebody listens; nothing that happened meanwhile is left untold."""

from collections import deque

import pytest
import trio
import trio.testing

from aimx.errors import DaemonAbsent
from aimx.mcp.daemon import SocketDaemon
from aimx.mcp.news import News, changes
from aimx.mcp.sdk import ResourcesListChanged, ResourceUpdated
from aimx.mcp.server import server
from aimx.mcp.tool import ToolError
from tests.harness import Daemon, mail

LIST = "the list"


@pytest.mark.parametrize(
    ("told", "uris", "listed"),
    [
        ({"type": "hello", "cursor": "a-1"}, set(), False),
        ({"type": "heartbeat"}, set(), False),
        ({"type": "gap", "reason": "expired"}, set(), True),
        ({"type": "received", "mailbox": "ops", "id": "x y"},
         {"aimx://mailbox/ops", "aimx://mailbox/ops/inbox/x%20y"}, True),
        ({"type": "read", "mailbox": "ops", "id": "x"}, {"aimx://mailbox/ops", "aimx://mailbox/ops/inbox/x"}, False),
        ({"type": "sent", "mailbox": "ops", "id": "x"}, {"aimx://mailbox/ops", "aimx://mailbox/ops/sent/x"}, False),
        ({"type": "sent", "mailbox": "ops", "id": ""}, {"aimx://mailbox/ops"}, False),
        ({"type": "deleted", "mailbox": "ops", "folder": "sent", "id": "x"},
         {"aimx://mailbox/ops", "aimx://mailbox/ops/sent/x"}, True),
        ({"type": "mailbox_created", "mailbox": "new", "address": "new@x"}, {"aimx://mailbox/new"}, True),
        ({"type": "mailbox_deleted", "mailbox": "old"}, {"aimx://mailbox/old"}, True),
        ({"type": "hook_started", "mailbox": "ops", "id": "x", "hook": "h"}, set(), False),
        ({"type": "config_reloaded", "mailbox": "", "mailboxes": 1}, set(), False),
        ({"type": "what-may-come", "mailbox": "ops"}, set(), False),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else "",
)  # fmt: skip
def test_what_an_event_changes(told, uris, listed):
    assert changes(told) == (frozenset(uris), listed)


class Script:
    """A daemon whose streams are written beforehand; after the last one it stays connected and silent."""

    def __init__(self, *streams):
        self.streams = deque(streams)
        self.asked = []
        self.open = 0

    async def lines(self, request):
        self.asked.append(request.after)
        stream = self.streams.popleft() if self.streams else [None]
        self.open += 1
        try:
            for line in stream:
                await trio.lowlevel.checkpoint()
                if isinstance(line, Exception):
                    raise line
                if line is None:
                    await trio.sleep_forever()
                yield line
        finally:
            self.open -= 1


def hello(place):
    return {"type": "hello", "cursor": f"a-{place}"}


def received(place, email_id="x"):
    return {"type": "received", "cursor": f"a-{place}", "mailbox": "ops", "id": email_id}


def _hear(script, seconds=60.0):
    """What is told in so many seconds of listening."""
    heard = []

    async def publish(news):
        heard.append((sorted(news.uris), LIST if news.listed else ""))

    async def main():
        news = News(script, publish)
        async with news.running(), news.followed():
            await trio.sleep(seconds)
        await trio.testing.wait_all_tasks_blocked()
        assert script.open == 0

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return heard


def test_mail_that_comes_together_is_told_together():
    script = Script([hello(1), received(2, "a"), received(3, "b"), received(4, "c"), None])
    heard = _hear(script)
    assert script.asked == [None]
    assert len(heard) <= 2
    assert {uri for uris, _ in heard for uri in uris} == {
        "aimx://mailbox/ops", *(f"aimx://mailbox/ops/inbox/{name}" for name in "abc")
    }  # fmt: skip
    assert {listed for _, listed in heard} == {LIST}


def test_a_stream_that_ends_is_taken_up_where_it_was():
    script = Script([hello(1), received(2)], DaemonAbsent("gone"), [hello(2), received(3, "y"), None])
    script.streams[1] = [DaemonAbsent("gone")]
    heard = _hear(script)
    assert script.asked == [None, "a-2", "a-2"]
    assert [listed for _, listed in heard] == [LIST, LIST]


@pytest.mark.parametrize("trouble", [DaemonAbsent("gone"), ToolError("TEMP: too many", "TEMP")], ids=["away", "full"])
def test_a_daemon_that_comes_back_may_have_news(trouble):
    heard = _hear(Script([trouble], [trouble], [hello(7), None]))
    assert heard == [([], LIST)]


def test_a_daemon_without_streams_is_asked_once():
    script = Script([ToolError("PROTOCOL: unknown verb 'WATCH'", "PROTOCOL")])
    assert _hear(script) == []
    assert script.asked == [None]


def test_one_stream_for_all_listeners_and_none_without_any():
    script = Script([hello(1), None], [hello(5), None])

    async def publish(_news):
        raise AssertionError("nothing happened")

    async def main():
        news = News(script, publish)
        async with news.running():
            assert script.asked == []
            async with news.followed(), news.followed():
                assert script.open == 1
                async with news.followed():
                    pass
                assert script.open == 1
            await trio.testing.wait_all_tasks_blocked()
            assert script.open == 0
            async with news.followed():
                assert script.open == 1
        assert script.asked == [None, None]

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_client_hears_of_mail_across_a_restart(tmp_path, monkeypatch):
    from mcp import Client

    monkeypatch.setenv("AIMX_RUNTIME_DIR", str(tmp_path / "run"))

    async def heard(subscription):
        found = []
        async for event in subscription:
            found.append(event)
            if isinstance(event, ResourcesListChanged):
                break
        return found

    async def main(daemon):
        with trio.fail_after(60):
            async with (
                Client(server(False, SocketDaemon()), mode="2026-07-28") as client,
                client.listen(resources_list_changed=True, resource_subscriptions=["aimx://mailbox/ops"]) as changed,
            ):
                for restart in (False, True):
                    if restart:
                        await trio.to_thread.run_sync(daemon.kill)
                        await trio.to_thread.run_sync(daemon.start)
                    await trio.to_thread.run_sync(daemon.send, mail())
                    events = await heard(changed)
                    assert ResourceUpdated(uri="aimx://mailbox/ops") in events

    with Daemon(tmp_path) as daemon:
        trio.run(main, daemon)
