"""The resolver's loop: questions from the front, answers from the DNS, one cache for everybody (A5)."""

import os
import socket

import msgspec
import trio

from aimx.effects.channel import Channel, ChannelClosed
from aimx.model.job import Answers, Ask, Ready
from aimx.resolver.lookup import Lookup


def preload() -> None:
    """Import what dnspython loads lazily, before files may be out of reach."""
    Lookup.preload()


def serve(sock: socket.socket, checks: dict[str, bool]) -> None:
    """Report the verified privileges, then answer until end of input."""
    trio.run(_serve, sock, checks)


async def _serve(sock: socket.socket, checks: dict[str, bool]) -> None:
    channel = Channel(sock)
    encode = msgspec.msgpack.Encoder().encode
    decode = msgspec.msgpack.Decoder(Ask).decode
    lookup = Lookup()
    sending = trio.Lock()
    await channel.send(encode(Ready(os.getpid(), os.getuid(), checks)))

    async def answer(ask: Ask) -> None:
        answers = await lookup.all(ask.questions)
        async with sending:
            await channel.send(encode(Answers(ask.id, answers)))

    async with trio.open_nursery() as nursery:
        try:
            while True:
                nursery.start_soon(answer, decode(await channel.receive()))
        except ChannelClosed:
            nursery.cancel_scope.cancel()
