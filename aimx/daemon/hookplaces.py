"""The places of the pool: who has them, and who gets the next one. Decides; runs nothing.

A place goes to the owner who has the fewest, then to the hook that has the fewest, then to the oldest job: no backlog
of one owner or of one hook makes others wait for longer than one run.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from aimx import limits
from aimx.model.config import Config
from aimx.store import lines
from aimx.store.jobs import JobRow, Mail
from aimx.store.lines import Line


class Places:
    """What runs."""

    def __init__(self) -> None:
        self._mails: set[Mail] = set()  # never two jobs of one mail
        self._hooks: Counter[str] = Counter()
        self._mailboxes: Counter[str] = Counter()

    @property
    def free(self) -> int:
        """How many more may run."""
        return limits.HOOK_POOL - len(self._mails)

    def take(self, row: JobRow) -> None:
        """A job runs."""
        self._mails.add(row.mail)
        self._hooks[row.hook] += 1
        self._mailboxes[row.mailbox] += 1

    def leave(self, row: JobRow) -> None:
        """It has ended."""
        self._mails.discard(row.mail)
        for counter, name in ((self._hooks, row.hook), (self._mailboxes, row.mailbox)):
            counter[name] -= 1
            if not counter[name]:
                del counter[name]

    def choice(self, config: Config) -> "Choice":
        """What may be chosen as things are now; for a thread."""
        return Choice(self, config)


class Choice(Places):
    """Places as they were at one moment, for one configuration; what is chosen takes its place in this copy only."""

    def __init__(self, now: Places, config: Config) -> None:
        self._mails, self._hooks, self._mailboxes = set(now._mails), Counter(now._hooks), Counter(now._mailboxes)
        self._most = config.hook_concurrency or limits.HOOK_POOL
        self._owner: Mapping[str, str] = {name: box.owner for name, box in config.mailboxes.items()}
        self._owners: Counter[str] = Counter()
        for name, count in self._mailboxes.items():
            self._owners[self._owner.get(name, "")] += count

    def take(self, row: JobRow) -> None:
        """A job will run."""
        super().take(row)
        self._owners[self._owner.get(row.mailbox, "")] += 1

    def chosen(self, db: lines.Database) -> list[JobRow]:
        """The jobs that get the free places. A unit of work for State.run."""
        return list(self._choose(db, lines.lines(db)))

    def _choose(self, db: lines.Database, waiting: list[Line]) -> Iterator[JobRow]:
        while self.free > 0 and (waiting := [line for line in waiting if self._may_run(line)]):
            line = min(waiting, key=self._order)
            row = lines.turn(db, line, self._mails)
            if row is None:
                waiting.remove(line)
            else:
                self.take(row)
                yield row

    def _may_run(self, line: Line) -> bool:
        owner = self._owner.get(line.mailbox, "")
        return self._hooks[line.hook] < self._most and self._owners[owner] < limits.HOOK_POOL_OF_OWNER

    def _order(self, line: Line) -> tuple[int, int, int]:
        return self._owners[self._owner.get(line.mailbox, "")], self._hooks[line.hook], line.first
