"""The client's side of one SMTP connection, without I/O (RFC 5321, 1870, 2920, 3207, 6152, 6531).

`step` says what to do next; `receive`, `secured`, `sent` and `lost` say what happened. Whatever the peer does, the
dialog ends with a fate for every recipient. Never `delivered` without a 2yz reply to the final dot.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum, auto

import msgspec

from aimx.smtp.extensions import Extensions, extensions
from aimx.smtp.fate import Fate, Fates
from aimx.smtp.parser import Garbled, Reply, ReplyParser
from aimx.smtp.stage import Kind, Stage, kind

# RFC 5321 section 4.5.3.1.10: too many recipients at once; the rest go with a second MAIL. A full mailbox, which has
# the same codes, says so in its enhanced one.
TOO_MANY_CODES = (452, 552)
TOO_MANY_ENHANCED = ("", "4.5.3", "5.5.3")


class Step(Enum):
    """What the one who holds the connection does next."""

    READ = auto()  # then `receive`
    WRITE = auto()  # what `take` gives
    SECURE = auto()  # the TLS handshake, then `secured`
    MESSAGE = auto()  # the message and its final dot, then `sent`
    OVER = auto()  # QUIT was written if the peer could want it


class Letter(msgspec.Struct, frozen=True):
    """What is to be said about a message. `hello`: our name; `smtputf8`: header or reverse-path is not ASCII."""

    hello: str
    reverse_path: str
    size_octets: int
    smtputf8: bool = False
    eight_bit: bool = False


class Dialog:
    """One connection. `rcpts` are paths as `smtp.address` writes them; `tls`: whether to use it where offered."""

    def __init__(self, letter: Letter, rcpts: tuple[str, ...], tls: bool) -> None:
        self._letter = letter
        self._rcpts = rcpts
        self._tls = tls
        self._parser = ReplyParser()
        self._expected: deque[tuple[Stage, int]] = deque([(Stage.BANNER, 0)])
        self._output = b""
        self._next: Step | None = None
        self._extensions = Extensions()
        self._pending: list[int] = []
        self._accepted: list[int] = []
        self._again: list[int] = []
        self._refusal: Fate | None = None  # of the whole transaction, while pipelined replies are still to come
        self.fates = Fates(len(rcpts))
        self.secure = False
        self.tls_failed = False  # a further connection without TLS may succeed
        self.replies = 0  # whole ones so far; each has its own time
        self.answered = False  # the server itself ended it, so that another address of the same host says the same

    @property
    def stage(self) -> Stage:
        """What is waited for."""
        return self._expected[0][0] if self._expected else Stage.QUIT

    # What happened

    def step(self) -> Step:
        """What to do now."""
        if self._output:
            return Step.WRITE
        return self._next if self._next is not None else Step.READ

    def take(self) -> bytes:
        """Commands to write, once."""
        octets, self._output = self._output, b""
        return octets

    def receive(self, octets: bytes | bytearray) -> None:
        """What the peer sent; nothing is its end of output."""
        if self._next is Step.OVER:
            return
        if not octets:
            self.lost("the server closed the connection")
            return
        self._parser.receive(octets)
        while self._expected and self._next is not Step.SECURE and (reply := self._parser.next()) is not None:
            if isinstance(reply, Garbled):
                self.lost(f"the server broke the protocol: {reply.why}")
                return
            self._handle(reply)

    def secured(self) -> None:
        """The handshake succeeded: all that was said before is forgotten (RFC 3207 section 4.2)."""
        self._parser = ReplyParser()
        self._extensions = Extensions()
        self._expected.clear()
        self.secure, self._next = True, None
        self._command(Stage.EHLO, f"EHLO {self._letter.hello}")

    def sent(self) -> None:
        """The whole message with its final dot has left."""
        self._expected = deque([(Stage.FINAL, 0)])
        self._next = None

    def lost(self, why: str) -> None:
        """The connection is of no use any more: closed, silent for too long, or garbled."""
        if self._next is Step.OVER:
            return
        stage = self.stage
        if stage is Stage.FINAL and self._accepted:
            self._settle(Fate("unknown", f"{why} after the message was sent", final=True))
        self.tls_failed = stage is Stage.STARTTLS or (self.secure and stage in _HELLO)
        # A server that refuses MAIL and leaves has said what there is to say.
        self.answered = self._refusal is not None
        self._end(self._refusal or Fate("deferred", f"{why} ({stage})"), polite=False)

    # Replies

    def _handle(self, reply: Reply) -> None:
        stage, index = self._expected[0]
        self.replies += 1
        act = TABLE.get((stage, kind(reply.code)))
        if act is None:
            self.lost(f"the server broke the protocol: {reply.text}")
        elif len(self._expected) == 1 and (stage, kind(reply.code)) not in _LAST and not self._parser.idle:
            self.lost("the server broke the protocol: more replies than commands")
        else:
            self._expected.popleft()
            act(self, reply, index)

    def _greeted(self, _reply: Reply, _index: int) -> None:
        self._command(Stage.EHLO, f"EHLO {self._letter.hello}")

    def _ask_plainly(self, _reply: Reply, _index: int) -> None:
        self._command(Stage.HELO, f"HELO {self._letter.hello}")

    def _extended(self, reply: Reply, _index: int) -> None:
        self._extensions = extensions(reply)
        if self._tls and self._extensions.starttls and not self.secure:
            self._command(Stage.STARTTLS, "STARTTLS")
        else:
            self._begin(range(len(self._rcpts)))

    def _ready(self, _reply: Reply, _index: int) -> None:
        """Whatever came in clear after this reply is not looked at."""
        self._expected.append((Stage.STARTTLS, 0))
        self._next = Step.SECURE

    def _unsecured(self, _reply: Reply, _index: int) -> None:
        self._begin(range(len(self._rcpts)))

    def _unsecured_later(self, reply: Reply, index: int) -> None:
        self._closing(reply, index)
        self.tls_failed = True

    def _turned_away(self, reply: Reply, _index: int) -> None:
        self._end(_fate(reply), polite=True)

    def _closing(self, reply: Reply, _index: int) -> None:
        self.answered = True
        self._end(_fate(reply), polite=False)

    def _begin(self, wanted: "range | list[int]") -> None:
        """MAIL and, where they may be sent together, all that follows."""
        letter, known = self._letter, self._extensions
        impossible = known.forbids(letter.size_octets, letter.eight_bit, letter.smtputf8)
        if impossible:
            self._end(Fate("failed", impossible), polite=True)
            return
        mail = f"MAIL FROM:<{letter.reverse_path}>"
        mail += f" SIZE={letter.size_octets}" if known.size is not None else ""
        mail += " BODY=8BITMIME" if letter.eight_bit else ""
        rcpts = [index for index in wanted if self.fates.open(index)]
        foreign = [index for index in rcpts if not self._rcpts[index].isascii()]
        if foreign and not known.smtputf8:
            for index in foreign:
                self.fates.note(index, Fate("failed", "5.6.7 the server takes no address outside ASCII"))
            rcpts = [index for index in rcpts if index not in foreign]
        elif foreign or letter.smtputf8:
            mail += " SMTPUTF8"
        if not rcpts:
            self._end(Fate("failed", "5.6.7 the server takes no address outside ASCII"), polite=True)
            return
        self._accepted, self._again, self._refusal = [], [], None
        self._pending = rcpts
        self._command(Stage.MAIL, mail)
        if known.pipelining:
            self._pending = []
            for index in rcpts:
                self._command(Stage.RCPT, f"RCPT TO:<{self._rcpts[index]}>", index)
            self._command(Stage.DATA, "DATA")

    def _sender_taken(self, _reply: Reply, _index: int) -> None:
        self._go_on()

    def _sender_refused(self, reply: Reply, _index: int) -> None:
        self._refusal = _fate(reply)
        if not self._expected:
            self._end(self._refusal, polite=True)

    def _rcpt_taken(self, _reply: Reply, index: int) -> None:
        if self._refusal is None:
            self._accepted.append(index)
        self._go_on()

    def _rcpt_refused(self, reply: Reply, index: int) -> None:
        if self._refusal is None:
            if reply.code in TOO_MANY_CODES and reply.enhanced in TOO_MANY_ENHANCED:
                self._again.append(index)
                self.fates.note(index, Fate("deferred", reply.text))
            else:
                self.fates.note(index, _fate(reply, final=reply.code >= 500))
        self._go_on()

    def _go_on(self) -> None:
        """The next command of a transaction whose replies so far have all been read."""
        if self._expected:
            return
        if self._pending:
            index = self._pending.pop(0)
            self._command(Stage.RCPT, f"RCPT TO:<{self._rcpts[index]}>", index)
        elif self._accepted:
            self._command(Stage.DATA, "DATA")
        else:
            self._end(Fate("deferred", "no recipient was accepted"), polite=True)

    def _message_wanted(self, _reply: Reply, _index: int) -> None:
        if self._accepted:
            self._expected.append((Stage.BODY, 0))
            self._next = Step.MESSAGE
        else:  # RFC 2920 section 3.1: a server that wants a message for nobody gets an empty one
            self._expected.append((Stage.FINAL, 0))
            self._output += b".\r\n"

    def _message_refused(self, reply: Reply, _index: int) -> None:
        """To DATA, to the final dot, or in between. A later host may be asked again only for what may pass."""
        self._settle(_fate(reply, final=reply.code >= 500))
        if self._next is Step.MESSAGE:
            self._closing(reply, 0)
        else:
            self._conclude()

    def _delivered(self, reply: Reply, _index: int) -> None:
        self._settle(Fate("delivered", reply.text, final=True))
        if self._again and self._accepted and self._parser.idle:
            self._begin(self._again)
        else:
            self._conclude()

    def _conclude(self) -> None:
        self._end(self._refusal or Fate("deferred", "no recipient was accepted"), polite=True)

    # Small parts

    def _command(self, stage: Stage, line: str, index: int = 0) -> None:
        self._expected.append((stage, index))
        self._output += f"{line}\r\n".encode()

    def _settle(self, fate: Fate) -> None:
        for index in self._accepted:
            self.fates.note(index, fate)

    def _end(self, rest: Fate, polite: bool) -> None:
        self.fates.close(rest)
        self._expected.clear()
        self.answered = self.answered or polite
        self._output = b"QUIT\r\n" if polite else b""
        self._next = Step.OVER


def _fate(reply: Reply, final: bool = False) -> Fate:
    return Fate("failed" if reply.code >= 500 else "deferred", reply.text, final)


_HELLO = (Stage.EHLO, Stage.HELO)
# What comes after the replies to these is not looked at; elsewhere it would be taken for the next command's.
_LAST: tuple[tuple[Stage, Kind], ...] = (
    (Stage.STARTTLS, "ok"),
    *((stage, reply) for stage in (Stage.BODY, Stage.FINAL) for reply in ("ok", "later", "never", "closing")),
)
Act = Callable[[Dialog, Reply, int], None]
# What is not here is against the protocol, and ends the connection.
TABLE: dict[tuple[Stage, Kind], Act] = {
    (Stage.BANNER, "ok"): Dialog._greeted,
    (Stage.BANNER, "later"): Dialog._turned_away,
    (Stage.BANNER, "never"): Dialog._turned_away,
    (Stage.EHLO, "ok"): Dialog._extended,
    (Stage.EHLO, "later"): Dialog._turned_away,
    (Stage.EHLO, "never"): Dialog._ask_plainly,
    (Stage.HELO, "ok"): Dialog._unsecured,
    (Stage.HELO, "later"): Dialog._turned_away,
    (Stage.HELO, "never"): Dialog._turned_away,
    (Stage.STARTTLS, "ok"): Dialog._ready,
    (Stage.STARTTLS, "later"): Dialog._unsecured,
    (Stage.STARTTLS, "never"): Dialog._unsecured,
    (Stage.MAIL, "ok"): Dialog._sender_taken,
    (Stage.MAIL, "later"): Dialog._sender_refused,
    (Stage.MAIL, "never"): Dialog._sender_refused,
    (Stage.RCPT, "ok"): Dialog._rcpt_taken,
    (Stage.RCPT, "later"): Dialog._rcpt_refused,
    (Stage.RCPT, "never"): Dialog._rcpt_refused,
    (Stage.DATA, "go"): Dialog._message_wanted,
    (Stage.DATA, "later"): Dialog._message_refused,
    (Stage.DATA, "never"): Dialog._message_refused,
    (Stage.BODY, "later"): Dialog._message_refused,
    (Stage.BODY, "never"): Dialog._message_refused,
    (Stage.BODY, "closing"): Dialog._message_refused,
    (Stage.FINAL, "ok"): Dialog._delivered,
    (Stage.FINAL, "later"): Dialog._message_refused,
    (Stage.FINAL, "never"): Dialog._message_refused,
    (Stage.FINAL, "closing"): Dialog._message_refused,
    (Stage.STARTTLS, "closing"): Dialog._unsecured_later,
    **{
        (stage, "closing"): Dialog._closing
        for stage in (Stage.BANNER, Stage.EHLO, Stage.HELO, Stage.MAIL, Stage.RCPT, Stage.DATA)
    },
}
