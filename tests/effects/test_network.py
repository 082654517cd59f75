"""Connections made: only to the address that was given, known as our own while they last, closed whatever happens."""

import resource
import socket

import pytest
import trio

from aimx import limits
from aimx.effects.api import ConnectFailed, TlsFailed
from aimx.effects.network import TcpNetwork


@pytest.fixture(params=["127.0.0.1", "::1"])
def listening(request):
    """A listening socket on loopback."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.create_server((request.param, 0), family=family) as sock:
        yield sock


def test_our_own_connections_are_known_while_they_last(listening):
    async def main():
        network = TcpNetwork()
        address, port = listening.getsockname()[:2]
        async with network.connect(address, port, own=True):
            accepted, peer = listening.accept()
            assert network.is_own(peer[:2])
        assert not network.is_own(peer[:2])
        with accepted:
            assert accepted.recv(1) == b""
        async with network.connect(address, port, own=False):
            accepted, peer = listening.accept()
            assert not network.is_own(peer[:2])
            accepted.close()

    trio.run(main)


@pytest.mark.parametrize("own", [True, False])
def test_nobody_listens(own):
    async def main():
        network = TcpNetwork()
        with socket.socket() as deaf:  # bound, so that nobody else gets the port; it never listens
            deaf.bind(("127.0.0.1", 0))
            with pytest.raises(ConnectFailed, match="Connection refused"):
                async with network.connect("127.0.0.1", deaf.getsockname()[1], own):
                    pass
        assert not network._own

    trio.run(main)


def test_what_is_no_handshake_is_no_tls(listening):
    async def main():
        network = TcpNetwork()
        address, port = listening.getsockname()[:2]
        async with network.connect(address, port, own=False) as stream:
            accepted, _ = listening.accept()
            accepted.sendall(b"250 in clear\r\n")
            with accepted, pytest.raises(TlsFailed):
                await network.start_tls(stream, "mx.test")

    trio.run(main)


def test_places_are_given_back_and_forgotten():
    async def main():
        network = TcpNetwork()
        async with trio.open_nursery() as nursery:

            async def take():
                async with network.place("a", "b"):
                    await trio.lowlevel.checkpoint()

            for _ in range(3 * limits.MX_CONNECTIONS_PER_DESTINATION):
                nursery.start_soon(take)
            await trio.lowlevel.checkpoint()
            nursery.start_soon(take)
        assert not network._senders._used
        assert not network._destinations._used
        assert network._all.borrowed_tokens == 0

    trio.run(main)


def test_no_descriptor_is_no_connection():
    async def main():
        network = TcpNetwork()
        most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, most[1]))
        try:
            with pytest.raises(ConnectFailed, match="Too many open files"):
                async with network.connect("192.0.2.1", 25, own=False):
                    pass
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, most)

    trio.run(main)
