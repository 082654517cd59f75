"""What helpers of a fault run do instead of their work: end, hang, or answer what no helper of ours would."""

import os
import signal
import socket
import struct
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

import msgspec

from aimx import limits
from aimx.effects import framing
from aimx.mime.unexamined import unexamined
from aimx.model.dns import Answer, Question
from aimx.model.job import Answers, Ask, Broken, Declined, Done, Exited, Job, NeedDns, Ready
from aimx.model.message import Attachment, Examined
from aimx.model.outbound import Composed
from aimx.worker.job import Examiner

_encode = msgspec.msgpack.Encoder().encode
ESCAPES = "\x1b]52;c;AAAA\x07\x1b[2J\u202e\r\n+++\r\nforged = true\r\n\x00"
MANY = 100_000


class Here(NamedTuple):
    """A worker with a job."""

    sock: socket.socket
    pipe: framing.Pipe
    job: Job
    examiner: Examiner
    fd: int | None

    def work(self) -> Any:
        """What a worker answers."""
        return self.examiner.handle(self.job, self.fd)

    def say(self, value: Any) -> None:
        """One frame."""
        self.pipe.send(_encode(value))

    def truth(self) -> Any:
        """What the job comes to, decoded; None while questions are open."""
        answer = self.work()
        kind = Composed if self.job.kind == "compose" else Examined
        return msgspec.msgpack.decode(answer.value, type=kind) if isinstance(answer, Done) else None

    def done(self, value: Any) -> None:
        """The job's answer."""
        self.say(Done(self.job.id, msgspec.Raw(_encode(value))))


def _ends(number: int) -> Callable[[Any], NoReturn]:
    def act(_: Any) -> NoReturn:
        os._exit(number)

    return act


def _signals(number: signal.Signals) -> Callable[[Any], tuple[()]]:
    def act(_: Any) -> tuple[()]:
        os.kill(os.getpid(), number)
        return ()

    return act


def _spins(_: Any) -> NoReturn:
    while True:
        pass


def _nothing(_: Any) -> tuple[()]:
    return ()


def _closes(here: Any) -> tuple[()]:
    here.sock.shutdown(socket.SHUT_RDWR)
    signal.pause()
    return ()


def _takes_all_memory(here: Here) -> None:
    held = []
    try:
        while True:
            held.append(bytes(64 * limits.MIB))  # address space, which is what is limited; no page is touched
    except MemoryError:
        held.clear()
        here.say(Broken(here.job.id, "MemoryError"))


def _raw(octets: bytes) -> Callable[[Here], None]:
    return lambda here: here.sock.sendall(octets)


def _raw_and_ends(octets: bytes) -> Callable[[Here], None]:
    def act(here: Here) -> None:
        here.sock.sendall(octets)
        os._exit(0)

    return act


def _with_descriptors(here: Here) -> None:
    answer = here.work()
    octets = framing.pack(_encode(answer))
    here.sock.sendmsg([octets[:1]], framing.rights((0, 1, 2, 0, 1, 2)))
    here.sock.sendall(octets[1:])


def _octet_by_octet(here: Here) -> None:
    for octet in framing.pack(_encode(here.work())):
        here.sock.sendall(bytes([octet]))


def _twice(here: Here) -> None:
    answer = here.work()
    here.say(answer)
    here.say(answer)


def _says(make: Callable[[Here], Any]) -> Callable[[Here], None]:
    return lambda here: here.say(make(here))


def _asks(*names: str) -> Callable[[Here], None]:
    """The job is begun, so that it can go on with the answers, whatever they are."""

    def act(here: Here) -> None:
        here.work()
        here.say(NeedDns(here.job.id, tuple(Question(name, "TXT") for name in names)))

    return act


def _examined(**changed: Any) -> Callable[[Here], None]:
    """Another result than the true one."""
    return lambda here: here.done(msgspec.structs.replace(_plain(here), **changed))


def _plain(here: Here) -> Any:
    """The job's result; without any answers of the DNS where it would need some."""
    return here.truth() or unexamined(here.job.octets or b"", 0.0)


def _headers(**changed: Any) -> Callable[[Here], None]:
    def act(here: Here) -> None:
        found = _plain(here)
        if here.job.kind == "compose":
            here.done(msgspec.structs.replace(found, head=b"X: y\r\n" + found.head))
        else:
            here.done(msgspec.structs.replace(found, headers=msgspec.structs.replace(found.headers, **changed)))

    return act


def _auth(**changed: Any) -> Callable[[Here], None]:
    """Other results of the verification."""

    def act(here: Here) -> None:
        found = _plain(here)
        here.done(msgspec.structs.replace(found, auth=msgspec.structs.replace(found.auth, **changed)))

    return act


def _signed(*names: str, aligned: tuple[str, ...] = (), author: str | None = None) -> Callable[[Here], None]:
    return _auth(dkim="pass", passing_sdids=names, aligned_sdids=aligned, author_domain=author)


def _composed(**changed: Any) -> Callable[[Here], None]:
    """Another wire message than the true one."""
    return lambda here: here.done(msgspec.structs.replace(here.truth(), **changed))


def _files(*names: str) -> tuple[Attachment, ...]:
    return tuple(Attachment(name, "a/b", b"x") for name in names)


GARBAGE = bytes(reversed(range(256))) * 4
ENDS: dict[str, Callable[[Any], Any]] = {
    "ends": _ends(0),
    "ends-with-70": _ends(70),
    "sigkill": _signals(signal.SIGKILL),
    "sigsegv": _signals(signal.SIGSEGV),
    "sigabrt": _signals(signal.SIGABRT),
    "sigbus": _signals(signal.SIGBUS),
    "sigxcpu": _signals(signal.SIGXCPU),
    "closes": _closes,
}
HANGS: dict[str, Callable[[Any], Any]] = {"stops": _signals(signal.SIGSTOP), "spins": _spins, "is-silent": _nothing}
HANGS_IN_A_FRAME: dict[str, Callable[[Any], Any]] = {
    "half-a-length": _raw(b"\0\0"),
    "announces-and-waits": _raw(struct.pack(">I", 1000) + b"x"),
    "another-id": _says(lambda here: Broken(here.job.id + 7, "not mine")),
}
# Answers for which a worker is given up, or the message is: another worker tries.
LIES: dict[str, Callable[[Here], Any]] = {
    "memory": _takes_all_memory,
    "breaks": _says(lambda here: Broken(here.job.id, ESCAPES)),
    "empty-frame": _raw(struct.pack(">I", 0)),
    "garbage-frame": _raw(framing.pack(GARBAGE)),
    "garbage": _raw(GARBAGE),
    "endless-length": _raw(b"\xff\xff\xff\xff"),
    "half-a-frame": _raw_and_ends(struct.pack(">I", 1000) + b"x" * 500),
    "half-a-length-and-ends": _raw_and_ends(b"\0\0"),
    "large-garbage": _raw(framing.pack(b"\xc1" * (8 * limits.MIB))),
    "deep": _raw(framing.pack(b"\x93\xa4Done\x01" + b"\x91" * MANY)),
    "bad-utf8": _raw(framing.pack(b"\x93\xa6Broken\x01\xa2\xff\xff")),
    "other-tag": _says(lambda here: Exited(here.job.id, 0, 0)),
    "no-tag": _says(lambda here: [1, 2, 3]),
    "number": _says(lambda here: 2**63),
    "done-with-nothing": _says(lambda here: Done(here.job.id, msgspec.Raw(b"\xc0"))),
    "done-with-a-list": _says(lambda here: Done(here.job.id, msgspec.Raw(_encode([1] * 20)))),
    "done-and-more": _says(lambda here: Done(here.job.id, msgspec.Raw(_encode(_plain(here)) + b"\x01"))),
    "done-too-deep": _says(lambda here: Done(here.job.id, msgspec.Raw(b"\x91" * 900 + b"\x01"))),
    "file-above": _examined(attachments=_files("../../../evil")),
    "file-absolute": _examined(attachments=_files("/tmp/evil")),
    "file-dot-dot": _examined(attachments=_files("..")),
    "file-without-name": _examined(attachments=_files("")),
    "file-nul": _examined(attachments=_files("a\0b")),
    "file-long": _examined(attachments=_files("x" * 256)),
    "file-escape": _examined(attachments=_files("a" + ESCAPES.replace("/", ""))),
    "file-hidden": _examined(attachments=_files(".a")),
    "file-option": _examined(attachments=_files("-rf")),
    "file-message": _examined(attachments=_files("2026-11-22-070000-x.md")),
    "type-long": _examined(attachments=(Attachment("a", "t" * (13 * limits.MIB), b"x"),)),
    "files-alike": _examined(attachments=_files("a", "a")),
    "files-many": _examined(attachments=_files(*map(str, range(5000)))),
}  # fmt: skip
EXAMINE_LIES: dict[str, Callable[[Here], Any]] = {
    "forged-lines": _headers(subject=ESCAPES, from_=ESCAPES, message_id=ESCAPES, list_id=ESCAPES),
    "forged-identity": _headers(thread_id=ESCAPES, date=ESCAPES, references=ESCAPES, in_reply_to=ESCAPES),
    "long-subject": _headers(subject="s" * (limits.FRONTMATTER_OCTETS + 1)),
    "long-together": _headers(thread_id="t" * 7 * limits.MIB, message_id="m" * 7 * limits.MIB),
    "negative-size": _examined(size_octets=-1),
    "long-escaped": _headers(subject='"' * (limits.FRONTMATTER_OCTETS - limits.MIB)),
    "long-detail": _auth(detail="d" * (13 * limits.MIB)),
    "escape-detail": _auth(detail=ESCAPES),
    "escape-body": _examined(body="marker escape-body\x1b]52;c;AAAA\x07\x00\rforged\n"),
    "c1-body": _examined(body="marker c1-body\n\x9b2J\u20ac\n"),
    "escape-sdid": _signed(ESCAPES, aligned=(ESCAPES,)),
    "many-sdids": _signed(*(f"d{number}.test" for number in range(MANY))),
    "long-sdid": _signed("d" * limits.MIB),
    "aligned-without-signature": _signed("sender.test", aligned=("other.test",)),
    "pass-without-signature": _signed(),
    "author-of-nobody": _signed("sender.test", author="nobody.test"),
    "forged-types": _examined(attachments=(Attachment("a", ESCAPES, b"x"),)),
    "declines": _says(lambda here: Declined(here.job.id, "BodyTooLarge", ESCAPES)),
    "composes": _says(
        lambda here: Done(here.job.id, msgspec.Raw(_encode(Composed(b"A: b\r\n", b"", b"", "text", ""))))
    ),
}
COMPOSE_LIES: dict[str, Callable[[Here], Any]] = {
    "asks": _asks("sender.test"),
    "another-head": _headers(),
    "bare-lf": _composed(body=b"a\nb\r\n"),
    "smuggles": _composed(body=b"a\n.\nMAIL FROM:<x@y>\r\n"),
    "no-last-line-end": _composed(body=b"a"),
    "eight-bit": _composed(body=b"\xff\r\n"),
    "short-hash": _composed(body_hash=b"x"),
    "too-much": _composed(body=b"x" * 998 + b"\r\n" + b"y\r\n" * (limits.OUTBOUND_OCTETS // 3)),
    "long-text": _composed(source="x" * (limits.OUTBOUND_OCTETS + 1)),
    "examines": _says(lambda here: Done(here.job.id, msgspec.Raw(_encode(Answer(Question("a.test", "A"), "nodata"))))),
}
# Strange, and yet the answer.
ODD: dict[str, Callable[[Here], Any]] = {
    "with-descriptors": _with_descriptors,
    "octet-by-octet": _octet_by_octet,
    "twice": _twice,
    "another-id-first": lambda here: (
        here.say(Broken(here.job.id + 7, "not mine")),
        here.say(here.work()),
    ),
    "ready-again": lambda here: (
        here.say(Ready(1, 0, {})),
        here.say(here.work()),
    ),
}
# Only of what arrives: any questions, in as many rounds as it likes.
EXAMINE_ODD: dict[str, Callable[[Here], Any]] = {
    "asks-for-ever": _asks("sender.test"),
    "asks-for-much": _asks(*(f"n{number}.sender.test" for number in range(5000))),
    "asks-for-nothing": _asks(),
    "asks-for-no-names": _asks("", ".", "a..b", "x" * 300, "\x00", "a b", "../..", "\u20ac.test"),
}
# What a worker says first, and how many of them there are: the front takes none of them for one.
STARTS: tuple[Callable[[socket.socket], Any], ...] = (
    lambda sock: framing.Pipe(sock).send(_encode(Ready(1, 0, {}))),
    lambda sock: framing.Pipe(sock).send(_encode(Broken(0, ESCAPES))),
    lambda sock: framing.Pipe(sock).send(GARBAGE),
    lambda sock: sock.sendall(b"\xff\xff\xff\xff"),
    lambda sock: sock.close(),
)
COMPOSE_ODD: dict[str, Callable[[Here], Any]] = {"escape-text": _composed(source=ESCAPES)}
EVERY_ROUND = {"asks-for-ever"}
WORKER = ENDS | HANGS | HANGS_IN_A_FRAME | LIES | EXAMINE_LIES | COMPOSE_LIES | ODD | EXAMINE_ODD | COMPOSE_ODD


class Asked(NamedTuple):
    """A resolver with questions."""

    sock: socket.socket
    ask: Ask


def _answers(*answers: Answer) -> Callable[[Asked], tuple[bytes, ...]]:
    return lambda asked: (_encode(Answers(asked.ask.id, answers)),)


def _frames(*frames: bytes) -> Callable[[Asked], tuple[bytes, ...]]:
    return lambda asked: frames


def records(rtype: str, *texts: str, status: Any = "ok") -> Callable[[Asked], tuple[bytes, ...]]:
    """These for questions of the type, and the truth of no other."""

    def act(asked: Asked) -> tuple[bytes, ...]:
        answers = [
            Answer(question, status, texts, 60)
            if question.rtype == rtype
            else Answer(question, "ok", ("10 mx.test",), 60)
            if question.rtype == "MX"
            else Answer(question, "ok", ("127.0.0.1",), 60)
            for question in asked.ask.questions
        ]
        return (_encode(Answers(asked.ask.id, tuple(answers))),)

    return act


_OTHER = Answer(Question("one.test", "MX"), "ok", ("10 mx.test",), 60)
RESOLVER_LOST: dict[str, Callable[[Asked], Any]] = {
    "garbage": _frames(GARBAGE),
    "empty-frame": _frames(b""),
    "number": _frames(_encode(7)),
    "deep": _frames(b"\x91" * MANY),
    "other-question": _answers(_OTHER),
    "too-many": _answers(_OTHER, _OTHER, _OTHER),
    "too-few": _answers(),
    "no-such-status": records("MX", status="certainly"),
    "ok-without-records": records("MX"),
}
RESOLVER_HANGS = HANGS | {"another-id": lambda asked: (_encode(Answers(asked.ask.id + 7, (_OTHER,))),)}
_LONG = tuple(f"{number} mx{number}.nowhere.test" for number in range(20_000))
# kind → what the caller hears
RESOLVER_WORDS: dict[str, tuple[Callable[[Asked], Any], str]] = {
    "mx-words": (records("MX", "10 evil host", "x", "", "10 ../../etc", "10 a\r\nRCPT TO:<x@y>"), "DELIVERY"),
    "mx-many": (records("MX", *_LONG), "DELIVERY"),
    "mx-null": (records("MX", "0 "), "DELIVERY"),
    "mx-absent": (records("MX", status="nxdomain"), "DELIVERY"),
}
RESOLVER: dict[str, Callable[[Asked], Any]] = (
    ENDS | RESOLVER_HANGS | RESOLVER_LOST | {kind: act for kind, (act, _) in RESOLVER_WORDS.items()}
)
