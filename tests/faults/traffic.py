"""Mail that goes on arriving while something else happens, and the account of it afterwards.

It never says what the fault was; whoever injects it does.
"""

import os
import signal
import smtplib
import threading
import time
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

from tests.faults import shapes
from tests.faults.tally import DOUBTFUL, PROMISED, REFUSED, TALLY
from tests.harness import DOMAIN, Daemon

PATIENCE_S = 120.0
ROUNDS = int(os.environ.get("AIMX_FAULT_ROUNDS", "12"))
MAILBOXES = ("ops", "dev")
_SHAPES = ((("ops",), 0), (("ops", "dev"), 1), (("dev",), 0), (("ops",), 2))


def until(condition, what="it"):
    """Poll what nobody reports; the seconds that it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE_S, f"{what} never happened"
        time.sleep(0.01)
    return time.monotonic() - began


class Traffic(AbstractContextManager["Traffic"]):
    """Senders that never give up while the block runs. `name` begins every marker, so it is one of its own.

    A reply of 4yz is a refusal and a broken connection a doubt; any other answer than 250 is a problem.
    """

    def __init__(self, daemon: Daemon, name: str, senders: int = 3, mailboxes: tuple[str, ...] = MAILBOXES) -> None:
        self.daemon, self.name = daemon, name
        self.tried: dict[str, tuple[str, ...]] = {}
        self.promised: list[tuple[str, str]] = []  # marker, mailbox
        self._told: dict[tuple[str, str], str] = {}
        self.refused: Counter[int] = Counter()
        self.doubtful = 0
        self.problems: list[str] = []
        self._shapes = [shape for shape in _SHAPES if set(shape[0]) <= set(mailboxes)]
        self._boxes = mailboxes
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send_all, args=(number,)) for number in range(senders)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a sender still waits"

    def more(self, number: int = 3) -> float:
        """Return when so many more copies have been promised; the seconds that it took."""
        before = len(self.promised)
        try:
            return until(lambda: len(self.promised) >= before + number or self.problems, "mail")
        except AssertionError:
            raise AssertionError(f"no mail: refused {self.refused}, {self.doubtful} doubtful") from None

    def tries(self, number: int) -> None:
        """Return when so many more messages have been tried, whatever became of them."""
        before = len(self.tried)
        until(lambda: len(self.tried) >= before + number, "traffic")

    def recovers(self, began: float) -> None:
        """Since `began` the fault is over: mail goes on by itself."""
        self.more()
        TALLY.recovered(time.monotonic() - began)

    def _send_all(self, sender: int) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            marker = f"{self.name}.{sender}.{number}"
            mailboxes, attachments = self._shapes[number % len(self._shapes)]
            self.tried[marker] = mailboxes
            self._told |= dict.fromkeys([(marker, box) for box in mailboxes], DOUBTFUL)
            if not self._sent(marker, mailboxes, shapes.message(marker, attachments)):
                self._over.wait(0.02)

    def _sent(self, marker: str, mailboxes: tuple[str, ...], octets: bytes) -> bool:
        try:
            with self.daemon.smtp() as client:
                turned_down = client.sendmail("a@sender.test", [f"{box}@{DOMAIN}" for box in mailboxes], octets)
                taken = [(marker, box) for box in mailboxes if f"{box}@{DOMAIN}" not in turned_down]
                self._told |= dict.fromkeys(taken, PROMISED)
                self.promised += taken
        except smtplib.SMTPRecipientsRefused as error:
            turned_down = error.recipients
        except smtplib.SMTPResponseException as error:
            turned_down = {marker: (error.smtp_code, error.smtp_error)}
        except (OSError, smtplib.SMTPException) as error:
            self.doubtful += 1
            if isinstance(error, ConnectionRefusedError):  # nobody was there: it never left
                for box in mailboxes:
                    del self._told[marker, box]
            return False
        for box in mailboxes:
            if self._told[marker, box] != PROMISED:  # by a reply that came before the one that ended the dialog
                self._told[marker, box] = REFUSED
        for code, text in turned_down.values():
            self.refused[code] += 1
            if not 400 <= code < 500:
                self.problems.append(f"{marker}: {code} {text!r}")
        return not turned_down

    def account(self, *elsewhere: Path) -> None:
        """Every promise is kept once, everything visible is whole, and nobody was told a lie.

        `elsewhere`: directories that were the mailbox `ops` for a while.
        """
        assert not self.problems, self.problems[:5]
        settle(self.daemon)
        found: Counter[tuple[str, str]] = Counter()
        for box in self._boxes:
            for place in (self.daemon.data / "inbox" / box, *(elsewhere if box == "ops" else ())):
                found.update({(marker, box): copies for marker, copies in shapes.counted(shapes.whole(place)).items()})
        TALLY.account(self._told, found)
        assert all(box in self.tried.get(marker, box) for marker, box in found)
        shapes.assert_nothing_unfinished(self.daemon)


def settle(daemon: Daemon) -> None:
    """What waits in the spool is delivered by a reload."""

    def empty():
        if shapes.spooled(daemon):
            os.kill(daemon.pid, signal.SIGHUP)
            return False
        return True

    until(empty, "an empty spool")
