"""Events on trio: logged in state.db, then whoever waits for news is woken.

Never fails whoever tells: what happened has happened. An event that state.db does not take now is kept and tried again.
"""

from collections import deque
from collections.abc import Callable

import trio

from aimx import limits, log
from aimx.errors import StorageFailed
from aimx.model.event import Event
from aimx.store import eventlog
from aimx.store.state import State

Listener = Callable[[], None]


class LoggedEvents:
    """Implements effects.api.Events over state.db."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._posted: deque[Event] = deque()
        self._unlogged: list[Event] = []
        self._listeners: list[Listener] = []
        self._threads = trio.CapacityLimiter(limits.EVENT_THREADS)
        self._token: trio.lowlevel.TrioToken | None = None
        self._due = trio.Event()

    def listen(self, listener: Listener) -> None:
        """Have a function called, in trio's thread, when the log may have grown. It must not block and not raise."""
        self._listeners.append(listener)

    async def tell(self, *events: Event) -> None:
        """Log events; they are durable when this returns. Shielded."""
        if not events:
            return
        with trio.CancelScope(shield=True):
            await self._log(events)

    def post(self, *events: Event) -> None:
        """Have events logged soon, without waiting. From any thread."""
        self._posted.extend(events)
        self._from_any_thread(self._hasten)

    def logged(self) -> None:
        """Events were logged in a transaction of the caller's own. From any thread."""
        self._from_any_thread(self._wake)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Log what is posted, and what could not be logged, until cancelled."""
        self._token = trio.lowlevel.current_trio_token()
        task_status.started()
        while True:
            if not self._posted and not self._unlogged:
                await self._due.wait()
            if self._unlogged:
                await trio.sleep(limits.EVENT_RETRY_S)
            self._due = trio.Event()
            await self.flush()

    async def flush(self) -> None:
        """Log what is posted now. Shielded."""
        events = tuple(self._posted)
        for _ in events:
            self._posted.popleft()
        if events or self._unlogged:
            with trio.CancelScope(shield=True):
                await self._log(events)

    async def _log(self, events: tuple[Event, ...]) -> None:
        again, self._unlogged = self._unlogged, []
        all_ = [*again, *events]

        def work(db):  # type: ignore[no-untyped-def]
            for event in all_:
                eventlog.append(db, event)

        try:
            await trio.to_thread.run_sync(self._state.run, work, limiter=self._threads)
        except StorageFailed as error:
            kept = [*all_, *self._unlogged][-limits.EVENTS_UNLOGGED :]
            lost = len(all_) + len(self._unlogged) - len(kept)
            self._unlogged = kept
            log.error("events-not-logged", events=len(kept), lost=lost, why=error.detail or error.reason, again=True)
            self._due.set()
            return
        self._wake()

    def _hasten(self) -> None:
        self._due.set()

    def _wake(self) -> None:
        for listener in self._listeners:
            listener()

    def _from_any_thread(self, act: Callable[[], None]) -> None:
        if self._token is None:
            return  # nobody listens in a process that only asks itself; it flushes at its end
        if trio.lowlevel.in_trio_run():
            act()  # a token would wake the thread that runs already: a pass of the scheduler for each mail
            return
        try:
            self._token.run_sync_soon(act, idempotent=True)
        except trio.RunFinishedError:
            return  # nobody is left who could want to know
