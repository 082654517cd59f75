"""Whatever is at the other end of the socket: the stream ends in `Away`, a question in an error, both with words."""

import asyncio
import contextlib
import json

import pytest

from aimx import errors, limits
from aimx.errors import AimxError, DaemonAbsent, DaemonRefused, DaemonSilent, WireError
from aimx.wire.frames import EmailList, EmailSearch, MailboxList
from aimx_tui.dash import asking, live
from aimx_tui.dash.gateway import Gateway
from aimx_tui.dash.live import Away, Told
from aimx_tui.dash.state import Asked

HEAD = b"AIMX/1 OK\nContent-Type: application/x-ndjson\n\n"
HELLO = b'{"cursor":"f-1","type":"hello","at":"2026-11-18T11:00:00Z","heartbeat_s":15}\n'
EVENT = (
    b'{"cursor":"f-2","type":"hook_started","at":"2026-11-18T11:00:00Z","mailbox":"ops","hook":"h","id":"i","run":1}\n'
)
SILENT, GONE, UNREAD = "gone silent", "ended the stream", "cannot be read"
# id → what the server says before it closes, how many lines come of it, words of the end
STREAMS = {
    "nothing": (b"", 0, GONE),
    "half a head": (HEAD[:10], 0, GONE),
    "a head and no more": (HEAD, 0, GONE),
    "half a line": (HEAD + HELLO[:20], 0, GONE),
    "a line and a half": (HEAD + HELLO + EVENT[:30], 1, GONE),
    "two lines": (HEAD + HELLO + EVENT, 2, GONE),
    "another protocol": (b"HTTP/1.1 400 Bad Request\n\n", 0, "not an AIMX/1 answer"),
    "octets of no text": (b"\xff\xfe\x00\n\n" * 10, 0, ""),
    "refused": (b"AIMX/1 ERR TEMP too many watchers\nCode: TEMP\n\n", 0, "too many watchers"),
    "an answer of another kind": (b"AIMX/1 OK\nContent-Length: 2\n\n[]", 0, "does not match"),
    "a line that is no JSON": (HEAD + HELLO + b"mail!\n", 1, UNREAD),
    "a line that is a list": (HEAD + HELLO + b"[1]\n", 1, UNREAD),
    "a line that is a number": (HEAD + HELLO + b"7\n", 1, UNREAD),
    "a line of no text": (HEAD + HELLO + b'{"type":"\xff\xfe"}\n', 1, UNREAD),
    "a deep line": (HEAD + HELLO + b"[" * 200_000 + b"\n", 1, ""),
    "a number beyond all": (HEAD + HELLO + b'{"n":' + b"9" * 5000 + b"}\n", 1, UNREAD),
    "an empty line": (HEAD + HELLO + b"\n", 1, UNREAD),
    "an error at the end": (HEAD + HELLO + b'{"type":"error","code":"IO","reason":"full"}\n' + EVENT, 1, "full"),
    "an error that is odd": (HEAD + b'{"type":"error"}\n', 0, UNREAD),
    "a huge line": (HEAD + HELLO + b"x" * (limits.STREAM_LINE_OCTETS + 10), 1, "exceeds"),
    "many headers": (b"AIMX/1 OK\n" + b"A: b\n" * 10_000, 0, "headers"),
    "zero octets": (b"\0" * 1000, 0, ""),
}  # fmt: skip


class Server:
    """Says that to whoever connects, and closes, or stays silent for ever."""

    def __init__(self, path, octets, closes=True):
        self.path, self._octets, self._closes = path, octets, closes
        self.gateway = Gateway(path)

    async def __aenter__(self):
        self._over = asyncio.Event()
        self._server = await asyncio.start_unix_server(self._session, self.path)
        return self

    async def __aexit__(self, *_):
        self._over.set()
        self._server.close()

    async def _session(self, reader, writer):
        await reader.read()
        writer.write(self._octets)
        if not self._closes:
            await self._over.wait()
        writer.close()


async def followed(gateway):
    """What is told until the stream is lost for the first time."""
    told = []
    async for happened in live.happenings(gateway, sleep=_never):
        if isinstance(happened, Away):
            return told, happened
        told.append(happened)
    raise AssertionError("it ended by itself")


async def _never(_):
    raise AssertionError("it went on")


def run(story):
    """In a loop of its own, bounded for a server that would hang us."""
    return asyncio.run(asyncio.wait_for(story, 60))


@pytest.mark.parametrize(("octets", "lines", "words"), STREAMS.values(), ids=STREAMS)
def test_a_stream_ends_in_words(tmp_path, octets, lines, words):
    async def story():
        async with Server(tmp_path / "s", octets) as server:
            told, away = await followed(server.gateway)
            assert len(told) == lines
            assert all(isinstance(one, Told) for one in told)
            assert words in away.why
            assert away.why
            assert away.again_s == limits.WATCH_RETRY_S[0]

    run(story())


def test_a_stream_that_closes_at_any_octet_ends_in_words(tmp_path):
    async def story():
        whole = HEAD + HELLO + EVENT
        for size in range(len(whole) + 1):
            async with Server(tmp_path / str(size), whole[:size]) as server:
                told, away = await followed(server.gateway)
                assert len(told) == whole[:size].count(b"}\n")
                assert away.why

    run(story())


@pytest.mark.parametrize("octets", [b"", HEAD, HEAD + HELLO[:9], HEAD + HELLO], ids=["once", "head", "half", "line"])
def test_a_server_that_falls_silent_is_given_up(tmp_path, octets, monkeypatch):
    monkeypatch.setattr(limits, "CLIENT_STREAM_S", 0.2)

    async def story():
        async with Server(tmp_path / "s", octets, closes=False) as server:
            told, away = await followed(server.gateway)
            assert SILENT in away.why
            assert len(told) == octets.count(b"}\n")

    run(story())


def test_where_nobody_listens_it_says_so_and_waits_longer_each_time(tmp_path):
    async def story():
        waits = []

        async def sleep(seconds):
            waits.append(seconds)

        stream = live.happenings(Gateway(tmp_path / "none"), sleep=sleep)
        for _ in range(len(limits.WATCH_RETRY_S) + 3):
            happened = await anext(stream)
            assert "no aimx daemon answers" in happened.why
        await stream.aclose()
        assert waits == [*limits.WATCH_RETRY_S, *[limits.WATCH_RETRY_S[-1]] * 2]

    run(story())


def test_it_goes_on_behind_the_last_cursor_and_an_odd_one_is_none(tmp_path):
    asked = []

    async def session(reader, writer):
        asked.append((await reader.read()).decode())
        cursor = {1: b'"f-7"', 2: b"5"}.get(len(asked), b'""')
        writer.write(HEAD + b'{"type":"hello","at":"x","cursor":' + cursor + b"}\n")
        writer.close()

    async def sleep(_):
        pass

    async def story():
        server = await asyncio.start_unix_server(session, tmp_path / "s")
        stream = live.happenings(Gateway(tmp_path / "s"), sleep=sleep)
        while len(asked) < 4:
            await anext(stream)
        await stream.aclose()
        server.close()

    run(story())
    assert ["After: f-7" in frame for frame in asked[:4]] == [False, True, True, True]
    assert "After" not in asked[0]


def frame(value):
    """A successful answer with that as its JSON."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return f"AIMX/1 OK\nContent-Length: {len(body)}\n\n".encode() + body


async def _page(gateway):
    return await asking.page(gateway, Asked())


ROW = {"mailbox": "ops", "folder": "inbox", "id": "i"}
ANSWERS = {
    "nothing": (b"", DaemonSilent),
    "half a head": (b"AIMX/1 O", WireError),
    "half a body": (frame([])[:-1], WireError),
    "too much of a body": (frame([]) + b"]", WireError),
    "garbage": (b"\xff" * 1000, WireError),
    "refused": (b"AIMX/1 ERR EACCES not yours\nCode: EACCES\n\n", DaemonRefused),
    "no JSON": (frame(b"nope"), WireError),
    "an object of other things": (frame({"a": 1}), WireError),
    "a list of numbers": (frame([1, 2]), WireError),
    "a list of rows that lack all": (frame([{}]), WireError),
    "null": (frame(None), WireError),
    "a deep list": (frame(b"[" * 200_000 + b"]" * 200_000), WireError),
    "emails are a number": (frame({"emails": 5, "next": None}), WireError),
    "a row is a number": (frame({"emails": [5], "next": None}), WireError),
    "a size is a word": (frame({"emails": [{**ROW, "size": "big"}], "next": None}), WireError),
    "a size is endless": (frame(b'{"emails": [{"size": Infinity}], "next": null}'), WireError),
    "no emails": (frame({"next": None}), WireError),
    "no next": (frame({"emails": []}), WireError),
}


@pytest.mark.parametrize("ask", [asking.mailboxes, _page], ids=["boxes", "page"])
@pytest.mark.parametrize(("octets", "kind"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_none_is_an_error_with_words(tmp_path, octets, kind, ask):
    async def story():
        async with Server(tmp_path / "s", octets) as server:
            with pytest.raises(AimxError) as caught:
                await ask(server.gateway)
            assert isinstance(caught.value, kind)
            assert errors.told(caught.value)
            assert "internal error" not in errors.told(caught.value)

    run(story())


@pytest.mark.parametrize("closes", [True, False], ids=["closes", "stays"])
def test_a_question_to_a_silent_server_ends(tmp_path, closes):
    async def story():
        async with Server(tmp_path / "s", b"", closes) as server:
            with pytest.raises(DaemonSilent):
                await server.gateway.ask(EmailList(), timeout_s=0.2)

    run(story())


def test_a_server_that_goes_away_while_it_is_asked_is_silent(tmp_path):
    async def story():
        async def session(_, writer):
            writer.transport.abort()

        server = await asyncio.start_unix_server(session, tmp_path / "s")
        for _ in range(200):
            with pytest.raises(AimxError) as caught:
                await Gateway(tmp_path / "s").ask(EmailSearch("word " * 200))
            assert errors.told(caught.value) != "internal error"
        server.close()

    run(story())


def test_nobody_there_is_told_from_nobody_answering(tmp_path):
    (tmp_path / "file").write_text("")
    for name in ("none", "file"):
        with pytest.raises(DaemonAbsent) as caught:
            run(Gateway(tmp_path / name).ask(MailboxList()))
        assert "no aimx daemon answers" in errors.told(caught.value)


def test_a_cancelled_question_closes_its_connection(tmp_path):
    async def story():
        asked, closed = asyncio.Event(), asyncio.Event()

        async def session(reader, writer):
            await reader.read()
            asked.set()
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b" " * 65536)
                    await writer.drain()
            writer.close()
            closed.set()

        server = await asyncio.start_unix_server(session, tmp_path / "s")
        question = asyncio.ensure_future(Gateway(tmp_path / "s").ask(MailboxList()))
        await asked.wait()
        question.cancel()
        with pytest.raises(asyncio.CancelledError):
            await question
        await closed.wait()
        server.close()

    run(story())
