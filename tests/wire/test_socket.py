"""The socket server with real sockets: caps, deadline, odd clients, stale files. Each client gets an answer."""

import array
import os
import resource
import socket
import stat
import tempfile
from pathlib import Path

import pytest
import trio
import trio.testing

from aimx import limits
from aimx.daemon.verbd import SocketServer, Use
from aimx.effects.memory import MemoryBudget
from aimx.errors import Failed, NotAuthorized, ResourcesExhausted, StorageFailed
from aimx.flows.answer import Answer
from aimx.model.caller import Caller
from aimx.wire.frames import Ingest, MarkRead, Response, Send, Version
from tests.wire.feed import anybody

ERROR = "AIMX/1 ERR {code} {reason}\nCode: {code}\n\n"


@pytest.fixture
def path():
    """A short one: a socket's address has at most 107 octets."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "run" / "aimx.sock"


async def echo(request, caller):
    """Says what arrived."""
    if isinstance(request, Ingest):
        return Answer(Response("json", body=str(len(request.body)).encode()))
    if isinstance(request, Send):
        return Answer(Response("ok", note=f"{len(request.message)}+{len(request.html or b'')}"))
    return Answer(Response("ok", note=f"uid={caller.uid}"))


def against(path, story, handle=echo, clock=None, admit=anybody):
    """Run a story of a client against a server."""

    async def main():
        memory = MemoryBudget(limits.MEMORY_OCTETS, limits.MEMORY_WAIT_S)
        server = SocketServer(path, handle, memory, admit)
        listeners = server.listen()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, server.serve, listeners)
            with trio.fail_after(60):
                await story()
            nursery.cancel_scope.cancel()
        server.close()
        assert memory.free == limits.MEMORY_OCTETS

    trio.run(main, clock=clock)
    assert not path.exists()


async def all_of(stream) -> str:
    pieces = [piece async for piece in stream]
    return b"".join(pieces).decode()


async def ask(path, octets: bytes) -> str:
    """Write and read without half-closing: the server does not need it."""
    async with await trio.open_unix_socket(path) as stream:
        await stream.send_all(octets)
        return await all_of(stream)


def test_the_caller_is_who_the_kernel_says(path):
    async def story():
        assert await ask(path, b"AIMX/1 VERSION\n\n") == f"AIMX/1 OK uid={os.getuid()}\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755

    old = os.umask(0o077)
    try:
        against(path, story)
    finally:
        os.umask(old)


ODD = {
    "unknown-verb": (b"AIMX/1 FOO\n\n", ("PROTOCOL", "unknown verb 'FOO'")),
    "malformed": (b"GET /\r\n\r\n", ("MALFORMED", "malformed request: expected 'AIMX/1 <verb>', got \"GET /\"")),
    "over-the-cap": (
        b"AIMX/1 INGEST\nRcpt: a\nContent-Length: 26214401\n\n" + bytes(limits.MIB),
        ("MALFORMED", "malformed request: Content-Length 26214401 exceeds cap 26214400"),
    ),
    "endless-line": (b"x" * 2 * limits.MIB, ("MALFORMED", "malformed request: header line exceeds 8192 bytes")),
}


@pytest.mark.parametrize(("octets", "answer"), ODD.values(), ids=ODD)
def test_a_frame_that_is_none_gets_its_answer(path, octets, answer):
    async def story():
        assert await ask(path, octets) == ERROR.format(code=answer[0], reason=answer[1])

    against(path, story)


def test_the_largest_body_arrives(path):
    async def story():
        frame = f"AIMX/1 INGEST\nRcpt: a\nContent-Length: {limits.FRAME_BODY_OCTETS}\n\n".encode()
        answer = await ask(path, frame + bytes(limits.FRAME_BODY_OCTETS))
        assert answer == "AIMX/1 OK\nContent-Length: 8\n\n26214400"

    against(path, story)


def test_two_bodies_of_25_mib_are_one_request_and_fill_the_share_of_a_user(path):
    size = limits.FRAME_BODY_OCTETS
    frame = f"AIMX/1 SEND\nContent-Length: {size}\nHtml-Body-Length: {size}\n\n".encode()

    async def story():
        assert await ask(path, frame + bytes(2 * size)) == f"AIMX/1 OK {size}+{size}\n"
        async with await trio.open_unix_socket(path) as held:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(held.send_all, frame + bytes(2 * size - 1))
            await trio.testing.wait_all_tasks_blocked()
            refused = ERROR.format(code="TEMP", reason="too much data at once, try again later")
            assert await ask(path, frame + bytes(2 * size)) == refused

    against(path, story)


def test_a_refused_frame_makes_room_before_its_client_is_gone(path):
    size = limits.FRAME_BODY_OCTETS
    frame = f"AIMX/1 SEND\nContent-Length: {size}\nHtml-Body-Length: {size}\n\n".encode() + bytes(2 * size)

    async def story():
        first, second = [await trio.open_unix_socket(path) for _ in range(2)]
        async with first, second:
            await first.send_all(frame[: -10 * limits.MIB])
            await trio.testing.wait_all_tasks_blocked()
            await second.send_all(frame[: 25 * limits.MIB])
            assert b"too much data at once" in await second.receive_some()
            await first.send_all(frame[-10 * limits.MIB :])
            assert await first.receive_some() == f"AIMX/1 OK {size}+{size}\n".encode()

    against(path, story)


def test_what_no_body_can_change_is_refused_before_the_body(path):
    asked = []

    def admit(kind, caller):
        asked.append(kind)
        raise NotAuthorized("not authorized")

    async def story():
        answer = await ask(path, f"AIMX/1 INGEST\nRcpt: a\nContent-Length: {limits.FRAME_BODY_OCTETS}\n\n".encode())
        assert answer == ERROR.format(code="EACCES", reason="not authorized")
        answer = await ask(path, b"AIMX/1 MARK-READ\nMailbox: a\nId: x\n\n")
        assert answer == ERROR.format(code="EACCES", reason="not authorized")
        assert asked == [Ingest, MarkRead]

    against(path, story, admit=admit)


def test_a_request_is_admitted_once_however_it_arrives(path):
    asked = []

    async def story():
        async with await trio.open_unix_socket(path) as stream:
            for octet in b"AIMX/1 INGEST\nRcpt: a\nContent-Length: 9\n\nabcdefghi":
                await stream.send_all(bytes([octet]))
                await trio.testing.wait_all_tasks_blocked()
            assert (await all_of(stream)).endswith("\n\n9")

    against(path, story, admit=lambda kind, caller: asked.append(kind))
    assert asked == [Ingest]


def test_no_bug_in_a_connection_ends_the_server(path):
    def broken(kind, caller):
        raise KeyError("a bug")

    async def story():
        for _ in range(3):
            assert await ask(path, b"AIMX/1 VERSION\n\n") == ""

    against(path, story, admit=broken)


def test_a_second_request_is_ignored(path):
    async def story():
        assert (await ask(path, b"AIMX/1 VERSION\n\n" * 1000)).count("AIMX/1") == 1

    against(path, story)


def test_a_slow_frame_is_told_after_30_seconds(path):
    async def story():
        started = trio.current_time()
        async with await trio.open_unix_socket(path) as stream:
            await stream.send_all(b"AIMX/1 INGEST\nRcpt: a\nContent-Length: 9\n\nabc")
            answer = await all_of(stream)
        assert answer == ERROR.format(code="MALFORMED", reason="malformed request: request timed out")
        assert trio.current_time() - started == pytest.approx(limits.FRAME_S, abs=limits.FRAME_DRAIN_S + 1)

    against(path, story, clock=trio.testing.MockClock(autojump_threshold=0.05))


def test_an_octet_a_second_is_cut_after_30_seconds(path):
    async def story():
        started = trio.current_time()
        async with await trio.open_unix_socket(path) as stream, trio.open_nursery() as nursery:

            async def drip():
                await stream.send_all(b"AIMX/1 INGEST\nX: ")
                while True:
                    await trio.sleep(1)
                    await stream.send_all(b"x")

            nursery.start_soon(drip)
            answer = await all_of(stream)
            nursery.cancel_scope.cancel()
        assert answer == ERROR.format(code="MALFORMED", reason="malformed request: request timed out")
        assert trio.current_time() - started == pytest.approx(limits.FRAME_S, abs=limits.FRAME_DRAIN_S + 1)

    against(path, story, clock=trio.testing.MockClock(autojump_threshold=0.05))


def test_running_out_of_descriptors_neither_ends_nor_spins_the_server(path, caplog):
    async def story():
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        spare = os.dup(client.fileno())
        os.close(spare)
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare, allowed[1]))
        try:
            client.connect(str(path))
            await trio.sleep(2)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, allowed)
        refused = [record for record in caplog.records if "accept" in record.getMessage()]
        assert 1 < len(refused) < 50  # one every 0.1 s
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(client))
        await stream.send_all(b"AIMX/1 VERSION\n\n")
        assert (await all_of(stream)).startswith("AIMX/1 OK")
        await stream.aclose()

    against(path, story, clock=trio.testing.MockClock(autojump_threshold=0.01))


def test_a_truncated_frame_is_told(path):
    async def story():
        async with await trio.open_unix_socket(path) as stream:
            await stream.send_all(b"AIMX/1 INGEST\nRcpt: a\nContent-Length: 9\n\nabc")
            await stream.send_eof()
            answer = await all_of(stream)
        assert answer == ERROR.format(code="MALFORMED", reason="malformed request: body truncated: expected 9 bytes")

    against(path, story)


def test_clients_that_say_nothing_or_vanish_leave_nothing(path):
    seen = []

    async def slow(request, caller):
        seen.append(request)
        return Answer(Response("json", body=bytes(limits.MIB)))

    async def story():
        async with await trio.open_unix_socket(path) as stream:
            await stream.send_eof()
            assert await all_of(stream) == ""
        for octets in (b"", b"AIMX/1 INGEST\nRcpt", b"AIMX/1 VERSION\n\n"):
            for _ in range(20):
                async with await trio.open_unix_socket(path) as stream:
                    await stream.send_all(octets)
        while len(seen) < 20:
            await trio.lowlevel.checkpoint()
        assert (await ask(path, b"AIMX/1 VERSION\n\n")).startswith("AIMX/1 OK")

    against(path, story, slow)


def test_a_bug_is_an_error_frame_without_its_text(path):
    async def broken(request, caller):
        raise KeyError("secret")

    async def story():
        assert await ask(path, b"AIMX/1 VERSION\n\n") == ERROR.format(code="IO", reason="internal error")

    against(path, story, broken)


def test_descriptors_that_nobody_asked_for_are_dropped(path):
    async def story():
        before = len(os.listdir("/proc/self/fd"))
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(path))
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 50))
        client.sendmsg([b"AIMX/1 VERSION\n\n"], [rights])
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(client))
        assert (await all_of(stream)).startswith("AIMX/1 OK")
        await stream.aclose()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert len(os.listdir("/proc/self/fd")) <= before

    against(path, story)


def test_one_user_gets_so_many_connections_and_no_more(path):
    async def story():
        held = [await trio.open_unix_socket(path) for _ in range(limits.CLIENTS_PER_UID)]
        await trio.testing.wait_all_tasks_blocked()
        refused = ERROR.format(code="TEMP", reason="too many connections, try again later")
        assert await ask(path, b"AIMX/1 VERSION\n\n") == refused
        for stream in held:
            await stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert (await ask(path, b"AIMX/1 VERSION\n\n")).startswith("AIMX/1 OK")

    against(path, story)


def test_one_user_holds_so_many_octets_and_no_more(path):
    size = 24 * limits.MIB

    async def story():
        async with trio.open_nursery() as nursery:
            held = [await trio.open_unix_socket(path) for _ in range(2)]
            for stream in held:
                header = f"AIMX/1 INGEST\nRcpt: a\nContent-Length: {limits.FRAME_BODY_OCTETS}\n\n".encode()
                nursery.start_soon(stream.send_all, header + bytes(size))
        await trio.testing.wait_all_tasks_blocked()
        frame = f"AIMX/1 INGEST\nRcpt: a\nContent-Length: {size}\n\n".encode() + bytes(size)
        refused = ERROR.format(code="TEMP", reason="too much data at once, try again later")
        assert await ask(path, frame) == refused
        assert (await ask(path, b"AIMX/1 VERSION\n\n")).startswith("AIMX/1 OK")
        for stream in held:
            await stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert "25165824" in await ask(path, frame)

    against(path, story)


def test_users_together_cannot_keep_root_out():
    use = Use()
    users = [Caller(1000 + number // limits.CLIENTS_PER_UID, 1) for number in range(limits.CLIENTS)]
    assert all(use.enter(user) for user in users)
    assert not use.enter(Caller(5000, 1))
    assert use.enter(Caller(0, 0))
    use.leave(users[0])
    use.leave(Caller(0, 0))
    assert use.enter(Caller(5000, 1))
    for uid in (1, 2):
        use.hold(Caller(uid, 1), limits.FRAMES_OCTETS_PER_UID)
    with pytest.raises(ResourcesExhausted):
        use.hold(Caller(3, 1), 1, limits.FRAME_SMALL_OCTETS)
    use.hold(Caller(0, 0), 1, limits.FRAME_SMALL_OCTETS)
    for uid in (1, 3):
        use.hold(Caller(uid, 1), limits.FRAME_SMALL_OCTETS)


def test_a_stale_socket_is_replaced(path):
    path.parent.mkdir()
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()

    async def story():
        assert (await ask(path, b"AIMX/1 VERSION\n\n")).startswith("AIMX/1 OK")

    against(path, story)


def test_a_living_daemon_keeps_its_socket(path):
    async def story():
        with pytest.raises(Failed, match="another daemon answers on"):
            SocketServer(path, echo, MemoryBudget(1, 1), anybody).listen()
        assert (await ask(path, b"AIMX/1 VERSION\n\n")).startswith("AIMX/1 OK")

    against(path, story)


def test_a_daemon_too_busy_to_answer_keeps_its_socket(path, monkeypatch):
    monkeypatch.setattr(limits, "CLIENT_CONNECT_S", 0.05)
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(str(path))
        busy.listen(0)
        waiting.connect(str(path))
        with pytest.raises(Failed, match="another daemon answers on"):
            SocketServer(path, echo, MemoryBudget(1, 1), anybody).listen()
        assert path.is_socket()


def test_the_socket_of_a_successor_is_not_removed(path):
    async def story():
        server = SocketServer(path, echo, MemoryBudget(1, 1), anybody)
        (listener,) = server.listen()
        await listener.aclose()
        with socket.socket(socket.AF_UNIX) as successor:
            path.unlink()
            successor.bind(str(path))
            server.close()
            assert path.is_socket()

    trio.run(story)


def test_what_is_no_socket_is_left_alone(path):
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(Failed, match="is no socket; remove it"):
        SocketServer(path, echo, MemoryBudget(1, 1), anybody).listen()
    assert path.read_text() == "precious"


def test_a_runtime_directory_that_cannot_be_made_is_one_error(path):
    path.parent.write_text("")
    with pytest.raises(StorageFailed, match=r"aimx\.sock cannot be created: Not a directory"):
        SocketServer(path, echo, MemoryBudget(1, 1), anybody).listen()


def test_requests_of_many_clients_run_side_by_side(path):
    started = []

    async def together(request, caller):
        assert isinstance(request, Version)
        started.append(request)
        while len(started) < 10:
            await trio.lowlevel.checkpoint()
        return Answer(Response("ok"))

    async def story():
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(ask, path, b"AIMX/1 VERSION\n\n")

    against(path, story, together)
