"""Hold one SMTP dialog on a connection: its steps in order, each within its time. Decides nothing about mail."""

from contextlib import AbstractContextManager

import trio

from aimx import limits
from aimx.effects.api import Network, TlsFailed
from aimx.smtp import data
from aimx.smtp.client import Dialog, Step
from aimx.smtp.stage import Stage

_STAGE_S = {
    Stage.BANNER: limits.MX_BANNER_S,
    Stage.STARTTLS: limits.MX_TLS_S,
    Stage.FINAL: limits.MX_FINAL_S,
    Stage.QUIT: limits.MX_QUIT_S,
}
_BEYOND = (Stage.FINAL, Stage.QUIT)  # when the message has left, its deadline is over
_LOST = (trio.BrokenResourceError, trio.ClosedResourceError)
_SLOW = "the server did not answer in time"
_BROKEN = "the connection broke"


class Link:
    """One connection. `until`: when the message must have left; the answer to its final dot has a time of its own."""

    def __init__(self, network: Network, stream: trio.abc.Stream, host: str, until: float) -> None:
        self._network = network
        self._plain = stream
        self._stream = stream
        self._host = host
        self._until = until
        self._waiting: tuple[Stage, int] | None = None
        self._since = 0.0

    async def converse(self, dialog: Dialog, octets: bytes) -> None:
        """Until the dialog is over. Whatever the peer does is told to the dialog; nothing is raised for it."""
        try:
            while (step := dialog.step()) is not Step.OVER:
                if step is Step.MESSAGE:
                    await self._send(dialog, octets)
                else:
                    with self._patience(dialog):
                        await self._do(step, dialog)
        except _LOST:
            dialog.lost(_BROKEN)
        except trio.TooSlowError:
            dialog.lost(_SLOW)
        except TlsFailed as error:
            dialog.lost(f"TLS failed: {error}")
        if self._stream is not self._plain:
            with trio.move_on_after(limits.MX_QUIT_S):
                await self._stream.aclose()

    def _patience(self, dialog: Dialog) -> AbstractContextManager[trio.CancelScope]:
        """The time of one reply, all of it: octets that drip in gain none."""
        now = trio.current_time()
        if self._waiting != (dialog.stage, dialog.replies):
            self._waiting, self._since = (dialog.stage, dialog.replies), now
        until = self._since + _STAGE_S.get(dialog.stage, limits.MX_COMMAND_S)
        return trio.fail_at(until if dialog.stage in _BEYOND else min(until, self._until))

    def _piece(self) -> AbstractContextManager[trio.CancelScope]:
        return trio.fail_at(min(trio.current_time() + limits.MX_BLOCK_S, self._until))

    async def _do(self, step: Step, dialog: Dialog) -> None:
        if step is Step.WRITE:
            await self._stream.send_all(dialog.take())
        elif step is Step.SECURE:
            self._stream = await self._network.start_tls(self._plain, self._host)
            dialog.secured()
        else:
            dialog.receive(await self._stream.receive_some(limits.READ_OCTETS))

    async def _send(self, dialog: Dialog, octets: bytes) -> None:
        """The message. A write that fails has not passed on the final dot, which is the end of the last piece."""
        if len(octets) <= limits.MX_PIECE_OCTETS:
            with self._piece():
                for piece in data.pieces(octets):
                    await self._stream.send_all(piece)
            dialog.sent()
            return
        problem = ""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._overhear, dialog, nursery.cancel_scope)
            problem = await self._write(octets)
            if not problem:
                dialog.sent()
            nursery.cancel_scope.cancel()
        if problem:
            dialog.lost(problem)

    async def _write(self, octets: bytes) -> str:
        """All pieces; what went wrong, in the words of the dialog. Does not yield after the last octet has left.

        The answer to the final dot is then never taken for one that came before it.
        """
        try:
            for piece in data.pieces(octets):
                with self._piece():
                    await trio.lowlevel.checkpoint()  # a fast reader must not keep everybody else waiting
                    await self._stream.send_all(piece)
        except _LOST:
            return _BROKEN
        except trio.TooSlowError:
            return "the server did not take the message in time"
        return ""

    async def _overhear(self, dialog: Dialog, writing: trio.CancelScope) -> None:
        """What the server says before the message has ended: a refusal, as a rule, which saves sending the rest."""
        try:
            while dialog.step() is Step.MESSAGE:
                dialog.receive(await self._stream.receive_some(limits.READ_OCTETS))
        except _LOST:
            return  # the writer meets it too
        if dialog.step() is Step.OVER:
            writing.cancel()
