"""The configuration of a running daemon: reload, last good, warnings in the log."""

import signal

import pytest
import trio
import trio.testing

from aimx import limits
from aimx.config.live import LiveConfig
from aimx.daemon import settings
from tests.harness import DOMAIN, Daemon, config_text


def _reload(daemon: Daemon, text: str) -> str:
    daemon.write_config(text)
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    return daemon.wait_log("event=config-reload")


def test_reload_adopts_what_is_good_and_keeps_the_last_good_otherwise(tmp_path):
    with Daemon(tmp_path, config_text(top="favourite = 1")) as daemon:
        assert any('why="favourite: unknown key, ignored"' in line for line in daemon.log)
        line = _reload(daemon, config_text(top='trust = "all"'))
        assert "event=config-reload-failed" in line
        assert "trust: invalid top-level trust value 'all'" in line
        daemon.send(b"Subject: still here\r\n\r\nx\r\n")
        more = f'[mailboxes.more]\naddress = "more@{DOMAIN}"\nowner = "no-such-user-here"\n'
        line = _reload(daemon, config_text(more))
        assert "event=config-reloaded" in line
        assert "mailboxes=2" in line
        with daemon.smtp() as client:
            client.mail("a@sender.test")
            assert client.rcpt(f"more@{DOMAIN}")[0] == 250
        assert len(daemon.messages()) == 1


@pytest.mark.root
def test_an_owner_that_does_not_resolve_is_a_line_in_the_log(tmp_path):
    text = config_text(f'[mailboxes.more]\naddress = "more@{DOMAIN}"\nowner = "no-such-user-here"\n')
    with Daemon(tmp_path, text) as daemon:
        assert any("owner 'no-such-user-here' does not resolve via getpwnam" in line for line in daemon.log)


def test_a_file_that_differs_is_noticed_once_and_not_adopted(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr("aimx.log.emit", lines.append)
    path = tmp_path / "config.toml"
    path.write_text('domain = "agent.test"')
    live, clock = LiveConfig(path, None), trio.testing.MockClock()

    async def looked():
        """The file has been looked at once more, in a thread, which no clock waits for."""
        clock.jump(limits.CONFIG_CHECK_S)
        await trio.testing.wait_all_tasks_blocked()
        while settings._THREAD.borrowed_tokens:
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(settings.watch, live)
            await trio.testing.wait_all_tasks_blocked()
            for text in ('domain = "a.test"', 'domain = "b.test"', 'domain = "agent.test"', "domain ="):
                await looked()
                path.write_text(text)
            await looked()
            nursery.cancel_scope.cancel()

    trio.run(main, clock=clock)
    assert len(lines) == 2
    assert all(line.startswith("level=warn event=config-differs ") for line in lines)
    assert live.current.domain == "agent.test"
