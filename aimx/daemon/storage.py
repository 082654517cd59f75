"""The store on trio: commits in threads, events and hooks told afterwards."""

from collections.abc import Callable

import trio

from aimx import limits
from aimx.model.delivery import CommitPlan, Outcome
from aimx.model.event import Event
from aimx.store.commit import Committer


class Storage:
    """Implements effects.api.Store over a Committer."""

    def __init__(self, committer: Committer, publish: Callable[[int | None, Event], None]) -> None:
        self.committer = committer
        self._publish = publish
        self._commits = trio.CapacityLimiter(limits.COMMIT_THREADS)
        self._wake: Callable[[], None] = lambda: None

    def on_runnable(self, wake: Callable[[], None]) -> None:
        """Whom to tell that jobs may be runnable."""
        self._wake = wake

    async def commit(self, plan: CommitPlan) -> tuple[Outcome, ...]:
        """Store every copy. Raises: StorageFailed."""
        committed = await trio.to_thread.run_sync(self.committer.commit, plan, limiter=self._commits)
        for seq, event in committed.events:
            self._publish(seq, event)
        return committed.outcomes

    def wake_hooks(self) -> None:
        """There may be runnable jobs."""
        self._wake()
