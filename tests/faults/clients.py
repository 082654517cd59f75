"""Ten clients in a process of one user: any verb, over and over. Each knows what it was promised, and reports it.

Run as `python -c "…" SOCKET UID MAILBOX SEED SECONDS`; everything is imported before root is given up.
"""

import contextlib
import json
import os
import random
import sys
import threading
import time
from typing import Any

from aimx import client, errors  # noqa: F401  an error's class may be looked up after the drop
from aimx.wire.frames import (
    BY_FRAME,
    EmailList,
    EmailRead,
    EmailSearch,
    HookCreate,
    HookDelete,
    HookExplain,
    HookList,
    HookRuns,
    MailboxCreate,
    MailboxDelete,
    MailboxList,
    MailboxShow,
    MarkRead,
    MarkUnread,
    Request,
    Response,
    Send,
    Status,
    Thread,
    Version,
    Watch,
)
from tests.harness import DOMAIN

CLIENTS = 10
PATIENCE_S = 60.0
LATER = {"TEMP"}  # "try again later" is an answer


class User:
    """What one process promises to remember."""

    def __init__(self, socket: str, mailbox: str, seed: int, seconds: float) -> None:
        self.socket, self.mailbox, self.seed = socket, mailbox, seed
        self.end = time.monotonic() + seconds
        self.reads: dict[str, bool] = {}
        self.mailboxes: list[str] = []
        self.hooks: list[str] = []
        self.sent: list[str] = []
        self.watched: list[Any] = []
        self.problems: list[str] = []
        self.calls = self.later = 0
        self.slowest_s: dict[str, float] = {}

    def play(self) -> None:
        """All clients, to the end."""
        watching = threading.Thread(target=self._guarded, args=(self._watch,), daemon=True)
        watching.start()
        threads = [threading.Thread(target=self._guarded, args=(Client(self, n).run,)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(self.end - time.monotonic() + 2 * PATIENCE_S)
            if thread.is_alive():
                self.problems.append("a client still waits")

    def _guarded(self, run) -> None:
        try:
            run()
        except Exception as error:
            self.problems.append(f"{type(error).__name__}: {error}")

    def _watch(self) -> None:
        for line in client.stream(self.socket, Watch()):
            self.watched.append(json.loads(line))


class Client:
    """One client. It changes only what no other client changes, so it knows how that has to end."""

    def __init__(self, user: User, number: int) -> None:
        self.user, self.number = user, number
        self.random = random.Random(user.seed * 1000 + number)
        self.own: dict[str, list[str]] = {}  # mailboxes made by this client, with their hooks
        self.reads: dict[str, bool] = {}
        self.made = 0

    def run(self) -> None:
        """Until the time is over."""
        doings = [self.look, self.look, self.look, self.find, self.mark, self.mark, self.create, self.delete,
                  self.hook, self.unhook, self.send]  # fmt: skip
        while time.monotonic() < self.user.end:
            self.random.choice(doings)()
        self.user.reads |= self.reads
        self.user.mailboxes += self.own
        self.user.hooks += [hook for hooks in self.own.values() for hook in hooks]

    def ask(self, request: Request, *expected: str) -> Response | None:
        """The answer; None: later."""
        began = time.monotonic()
        response = client.call(self.user.socket, request, PATIENCE_S)
        took_s, verb = time.monotonic() - began, BY_FRAME[type(request)].verb
        self.user.slowest_s[verb] = max(self.user.slowest_s.get(verb, 0.0), round(took_s, 3))
        self.user.calls += 1
        if response.kind == "error" and response.code in LATER:
            self.user.later += 1
            return None
        if response.kind == "error" and response.code not in expected:
            self.user.problems.append(f"{request!r:.200}: {response.code} {response.reason}")
            return None
        return response

    def look(self) -> None:
        """Verbs that change nothing."""
        box = self.user.mailbox
        foreign = MailboxShow("root"), MarkRead("root", "x"), HookRuns(mailbox="root"), EmailList(mailbox="root")
        kinds = (Version(), MailboxList(), MailboxShow(box), HookList(), HookRuns(limit=5), Status())
        self.ask(self.random.choice(kinds))
        self.ask(self.random.choice(foreign), "EACCES")
        self.ask(HookExplain("nothing", "x"), "ENOENT")

    def find(self) -> None:
        """Lists, searches, whole messages."""
        box = self.user.mailbox
        answer = self.ask(EmailList(mailbox=box, limit=20, offset=self.random.choice((0, 0, 5))))
        self.ask(
            EmailSearch(self.random.choice(("body", "is:unread", "subject:inbound", '"no such phrase"')), mailbox=box)
        )
        for row in self._rows(answer)[:2]:
            told = self.ask(EmailRead(box, row["id"]))
            if told is not None:
                text = json.loads(told.body)["text"]
                if not text.startswith("+++\n") or not text.rstrip().endswith("end of it"):
                    self.user.problems.append(f"torn: {row['id']}: {text[-80:]!r}")
            self.ask(Thread(box, row["id"]))

    def mark(self) -> None:
        """Only every tenth mail is this client's."""
        rows = self._rows(self.ask(EmailList(mailbox=self.user.mailbox, limit=50)))
        mine = [row["id"] for row in rows if sum(row["id"].encode()) % CLIENTS == self.number]
        if mine:
            id_, read = self.random.choice(mine), self.random.random() < 0.5
            if self.ask((MarkRead if read else MarkUnread)(self.user.mailbox, id_)) is not None:
                self.reads[id_] = read

    def create(self) -> None:
        """A mailbox of one's own."""
        name = f"{self.user.mailbox}-{self.number}-{self.made}"
        self.made += 1
        if self.ask(MailboxCreate(name)) is not None:
            self.own[name] = []

    def delete(self) -> None:
        """One of those."""
        if self.own:
            name = self.random.choice(list(self.own))
            if self.ask(MailboxDelete(name, force=self.random.random() < 0.5)) is not None:
                del self.own[name]

    def hook(self) -> None:
        """On one of those."""
        if self.own:
            box, name = self.random.choice(list(self.own)), f"h-{self.user.mailbox}-{self.number}-{self.made}"
            self.made += 1
            if self.ask(HookCreate(box, "on_receive", b'{"cmd": ["/bin/true"]}', name)) is not None:
                self.own[box].append(name)

    def unhook(self) -> None:
        """One of those."""
        for hooks in self.own.values():
            if hooks:
                name = self.random.choice(hooks)
                if self.ask(HookDelete(name)) is not None:
                    hooks.remove(name)
                return

    def send(self) -> None:
        """A letter."""
        author = f"{self.user.mailbox}@{DOMAIN}"
        letter = f"From: {author}\r\nTo: a@remote.test\r\nSubject: out\r\n\r\nbody\r\n".encode()
        answer = self.ask(Send(letter, text_only=True))
        if answer is not None:
            self.user.sent.append(answer.note)

    @staticmethod
    def _rows(answer: Response | None) -> list[Any]:
        return json.loads(answer.body)["emails"] if answer is not None else []


def main() -> None:
    """Entry point."""
    socket, uid, mailbox, seed, seconds = sys.argv[1:]
    codecs_used = "x".encode("idna") + json.dumps({}).encode()
    assert codecs_used
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(int(uid), int(uid), int(uid))
        os.setresuid(int(uid), int(uid), int(uid))
    user = User(socket, mailbox, int(seed), float(seconds))
    user.play()
    report = {name: value for name, value in vars(user).items() if name not in ("socket", "end", "seed")}
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(report), flush=True)
    os._exit(0)  # the watching thread has no end of its own


if __name__ == "__main__":
    main()
