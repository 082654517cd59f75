"""Agents that stay for the whole of a soak: an MCP session each, which lists, searches, reads, marks and waits."""

import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager

from tests.bench.corpus import MAILBOXES
from tests.mcp.talk import Talk

_PAUSE_S = 0.5
_WAIT_S = 2


class Agents(AbstractContextManager["Agents"]):
    """`calls` counts the answers; `broken` holds what none of them should have been told."""

    def __init__(self, number: int, env: Mapping[str, str]) -> None:
        self.calls = 0
        self.broken: list[str] = []
        self._over = threading.Event()
        self._began = time.monotonic()
        self._talks = [Talk(env) for _ in range(number)]
        self._turns = [threading.Lock() for _ in self._talks]
        self._threads = [
            threading.Thread(target=self._live, args=(talk, turn, MAILBOXES[place % len(MAILBOXES)]))
            for place, (talk, turn) in enumerate(zip(self._talks, self._turns, strict=True))
        ]

    def __enter__(self) -> "Agents":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        for talk in self._talks:
            talk.__exit__()

    def pids(self) -> dict[int, str]:
        """Of the servers."""
        return {talk.process.pid: "mcp" for talk in self._talks}

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Every server has answered, and is asked nothing: what it holds is not for a call."""
        with ExitStack() as held:
            for turn in self._turns:
                held.enter_context(turn)
            yield

    def _live(self, talk: Talk, turn: threading.Lock, mailbox: str) -> None:
        try:
            for number in itertools.count():
                if self._over.wait(_PAUSE_S):
                    return
                with turn:
                    self._told(talk, mailbox, number)
                talk.told.clear()
        except Exception as error:
            self.broken.append(repr(error))

    def _told(self, talk: Talk, mailbox: str, number: int) -> None:
        """A turn; what was refused is remembered with its minute, and the agent goes on."""
        try:
            self._turn(talk, mailbox, number)
        except AssertionError as error:
            self.broken.append(f"minute {(time.monotonic() - self._began) / 60:.1f}: {error}")

    def _turn(self, talk: Talk, mailbox: str, number: int) -> None:
        rows = json.loads(self._call(talk, "email_list", mailbox=mailbox, limit=5))
        if not rows:
            return
        newest = rows[0]["id"]
        self._call(talk, "email_read", mailbox=mailbox, id=newest)
        self._call(talk, "email_mark_read" if number % 2 else "email_mark_unread", mailbox=mailbox, id=newest)
        self._call(talk, "email_search", query="invoice is:unread", mailbox=mailbox, limit=5)
        self._call(talk, "email_wait", mailbox=mailbox, timeout_s=_WAIT_S)

    def _call(self, talk: Talk, tool: str, **arguments: object) -> str:
        answer = talk.call(tool, **arguments)
        result = answer.get("result", {})
        text = str(result["content"][0]["text"]) if result.get("content") else json.dumps(answer)
        if "error" in answer or result.get("isError"):
            raise AssertionError(f"{tool}: {text}")
        self.calls += 1
        return text
