"""What workers answer, who may have been taken over by the mail that they read: the front stores it as root."""

import hashlib
import re
import unicodedata

import msgspec

from aimx import limits
from aimx.daemon import helpers
from aimx.daemon.believable import believable, believable_message
from aimx.effects.channel import ChannelClosed
from aimx.mime import compose, compose_head, frontmatter
from aimx.mime.read import read_message
from aimx.model.authres import AuthResults
from aimx.model.config import Mailbox
from aimx.model.envelope import Envelope
from aimx.model.message import Attachment, Examined
from aimx.model.outbound import Composed, ComposeOrder
from aimx.policy import trust
from aimx.store import document
from tests.fuzz.target import Frame, target
from tests.fuzz.targets.pieces import fields, legal, one_safe_line, safe_body
from tests.hooks.mails import PLAIN
from tests.hooks.stage import ENVELOPE

_MAILBOX = Mailbox("ops", "ops@agent.test", "ops", "verified", ("*@sender.test",))
_TRUE = read_message(PLAIN, ENVELOPE)
_HEADERS = [name for name, value in msgspec.structs.asdict(_TRUE.headers).items() if isinstance(value, str)]
_examined = msgspec.msgpack.Decoder(Examined).decode
_ORDER = ComposeOrder(
    b"From: ops@agent.test\r\nTo: b@remote.test\r\nBcc: eve@remote.test\r\nSubject: x\r\n\r\nHi\r\n",
    None, False, "", "made@agent.test", 0.0,
)  # fmt: skip
_COMPOSED = msgspec.structs.replace(compose.compose(_ORDER), body_hash=hashlib.sha256().digest())
_TYPE = _COMPOSED.head.rindex(b"Content-Type:")


def _answer(octets: bytes) -> Examined:
    """Another result than the true one: a header, the results, the body and a file as the input says."""
    which, header, detail, signed, body, name, kind = fields(octets, 7)
    flags = which[0] if which else 0
    names = tuple(filter(None, legal(signed).split(",")))
    headers = {_HEADERS[flags % len(_HEADERS)]: legal(header)}
    auth = AuthResults(
        "pass" if flags & 64 else "fail", passing_sdids=names, aligned_sdids=names[: flags & 1],
        author_domain=legal(signed) if flags & 128 else None, detail=legal(detail),
    )  # fmt: skip
    files = (Attachment(legal(name), legal(kind), b"x"),) if name else ()
    return msgspec.structs.replace(
        _TRUE, headers=msgspec.structs.replace(_TRUE.headers, **headers), auth=auth, body=legal(body), attachments=files
    )


def _believed(answer: Examined) -> None:
    try:
        believable(answer, len(PLAIN))
    except ValueError:
        return


@target(
    "worker-answer",
    "aimx/daemon/believable aimx/mime/clean aimx/mime/attachments",
    b'\x1e example.test , " \\ \r\n \n +++\n \t \0 \x1b[2J \xc2\x9b \xe2\x80\xae \xe2\x80\xa8 \xf3\xa0\x81\x81 .a -a a/b ../ 2026-11-22-070000-a.md @ ~',
    seeds=lambda: [
        b"A\x1eHello\x1edkim=pass\x1eexample.test\x1ebody\n\x1ea.txt\x1etext/plain",
        b"\x80\x1eHello\x1e\x1e\x1ebody\n\x1e\x1e",
        b"\x01\x1eHello\x1e\x1b[2J\x1e\x1ebody\n\x1e\x1e",
        b"\x01\x1eHello\x1e\x1e\x1ea\xc2\x9b2J\n\x1e\x1e",
        b"A\x1eHello\x1e\x1e\x1b[2J\x1ebody\n\x1e\x1e",
        b"\x01\x1eHello\x1e\x1e\x1ebody\n\x1e.a\x1ea/b",
        b"\xff" + msgspec.msgpack.encode(_TRUE),
    ],
    bound=1 << 20,
    longest=2000,
    cost=lambda octets: _believed(_answer(octets)),
    frames=(Frame(), *(Frame(b"A" + b"\x1e" * number, b"\x1e" * (6 - number)) for number in range(1, 7))),
)
def worker_answer(octets: bytes) -> None:
    """Whatever is believed is stored as a file that is listed, each of its values one line, nothing in it obeyed."""
    try:
        answer = helpers.decoded(_examined, octets[1:]) if octets[:1] == b"\xff" else _answer(octets)
        answer = believable(answer, len(PLAIN))
    except (ValueError, ChannelClosed):
        return
    envelope = Envelope("a@b.test", (), "192.0.2.1", "h.test", 0.0)
    verdict = trust.evaluate(_MAILBOX, answer.headers, answer.auth)
    stored = document.inbound(answer, envelope, "ops@agent.test", _MAILBOX, verdict)
    block = frontmatter.span(stored)
    assert block is not None and block[1] < limits.FRONTMATTER_OCTETS
    found, body = frontmatter.read(stored)
    safe_body(body.decode())
    assert body.decode().removesuffix("\n") == answer.body.removesuffix("\n")
    assert all(re.fullmatch(r"[a-z0-9_.-]{1,253}", name) for name in answer.auth.passing_sdids)
    for value in found.values():
        if isinstance(value, str):
            one_safe_line(value)
    for table in found.get("attachments", ()):
        one_safe_line(table["filename"] + table["content_type"])
        assert table["filename"][0] not in ".-" and not set("/\\") & set(table["filename"])
        assert not any(unicodedata.category(one) == "Cf" for one in table["filename"] if ord(one) > 0x2000)


def _composed(octets: bytes) -> Composed:
    head, body, source, name = fields(octets, 4)
    at = head[0] * len(_COMPOSED.head) // 255 if head else 0
    files = (Attachment(legal(name), "a/b", b"x"),) if name else ()
    changed = _COMPOSED.head[:at] + head[1:] + _COMPOSED.head[at:]
    return msgspec.structs.replace(
        _COMPOSED, head=changed, body=_COMPOSED.body + body, source=legal(source), attachments=files
    )


def _composed_cost(octets: bytes) -> None:
    try:
        believable_message(_ORDER, _composed(octets))
    except ValueError:
        return


@target(
    "worker-letter",
    "aimx/daemon/believable aimx/mime/compose_head",
    b"\x1e \r\n \n \r . Bcc:~eve@remote.test\r\n From:~ceo@agent.test\r\n (x) ~ Content-Type:~ text/plain;~charset=utf-8 \x1b \xff",
    seeds=lambda: [
        b"",
        b"\xffBcc: a@b\r\n",
        b"\x1ex\r\n\x1etext\x1ba\x1ea.txt",
        b"\x80 (x)",
        b"\x1ea\n.\r\n",
        b"\xffX: y\r\n",
    ],
    bound=1 << 20,
    longest=1000,
    cost=_composed_cost,
    frames=(Frame(b"\xff"), Frame(b"\x1e"), Frame(b"\x1e\x1e"), Frame(b"\x1e\x1e\x1e")),
)
def worker_letter(octets: bytes) -> None:
    """What is believed is the submission's header block and a body that ends where it ends; the record is shown safely."""
    wanted = _composed(octets)
    try:
        found = believable_message(_ORDER, wanted)
    except ValueError:
        return
    assert found.head.startswith(_COMPOSED.head[:_TYPE]) and compose_head.is_head_of(_ORDER, found.head)
    assert found.head[_TYPE:].count(b":") == _COMPOSED.head[_TYPE:].count(b":")  # no field more
    assert found.body.replace(b"\r\n", b"").translate(None, bytes(range(128))) == b""
    assert not set(b"\r\n") & set(found.body.replace(b"\r\n", b"")) and found.body.endswith(b"\r\n")
    safe_body(found.source)
