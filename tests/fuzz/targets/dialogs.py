"""SMTP from both sides: our dialog after each prefix, paths, DATA, replies of servers, whole deliveries."""

import contextlib
import re
import tempfile
from pathlib import Path

import trio

from aimx import limits, replies
from aimx.daemon import smtpsyntax
from aimx.daemon.smtpdata import Unstuffer
from aimx.daemon.smtpstream import Rejected
from aimx.replies import SmtpReply
from aimx.smtp.parser import Garbled, ReplyParser, shown
from tests.daemon.stage import Stage
from tests.daemon.test_smtp_data import by_the_line
from tests.fuzz.target import Frame, files, target
from tests.fuzz.targets.pieces import fields, legal, pieces, step
from tests.smtp.stage import STAGES, Script, World

_PREFIXES = [
    b"", b"HELO c.test\r\n", b"EHLO c.test\r\n", b"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\n",
    b"EHLO c.test\r\nMAIL FROM:<>\r\nRCPT TO:<ops@agent.test>\r\n",
    b"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<ops@agent.test>\r\nDATA\r\n",
    b"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<ops@agent.test>\r\nDATA\r\nFrom: a@b.test\r\n\r\nx\r\n",
    b"HELO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<ops@agent.test>\r\nDATA\r\nx\r\n.\r\n",
    b"NOOP\r\n" * 3 + b"XX\r\n" * 15,
]  # fmt: skip
_TEXTS = {reply.line for reply in vars(replies).values() if isinstance(reply, SmtpReply)} - {replies.INTERNAL.line}
_HELLO = re.compile(r"220 agent\.test ESMTP aimx|250[- ](agent\.test Hello .*|SIZE 26214400|[A-Z0-9]+)")
_COMMANDS = (
    b"EHLO~ HELO~ MAIL~FROM:< RCPT~TO:< DATA\\r\\n RSET\\r\\n NOOP~ QUIT\\r\\n VRFY~ EXPN~ HELP~ AUTH~PLAIN~ STARTTLS\\r\\n BDAT~5 "
    b"\\r\\n \\r\\n.\\r\\n \\n.\\n \\r \\n . .. <> @agent.test> ops@agent.test> ~SIZE=1 ~SIZE=26214401 ~BODY=8BITMIME ~SMTPUTF8 "
    b'~NOTIFY=NEVER ops postmaster [IPv6:::1] @a,@b: " \\ GET~/~HTTP/1.1\\r\\n'
)
_tree = tempfile.TemporaryDirectory(prefix="aimx-fuzz-")
_stages: list[Stage] = []


def _stage() -> Stage:
    if not _stages:
        _stages.append(Stage(Path(_tree.name)))
    return _stages[0]


def _dialog(chunks: list[bytes]) -> tuple[bytes, list[bytes]]:
    """What is said to these octets and then the end of input, and what was delivered."""
    said = bytearray()
    stage = _stage()
    stage.delivered, stage.unseen = [], []

    async def script(peer: object) -> None:
        with contextlib.suppress(trio.BrokenResourceError):  # it has hung up already
            for chunk in chunks:
                await peer.say(chunk)
            await peer.stream.send_eof()
        while piece := await peer.stream.receive_some():
            said.extend(piece)

    stage.play(script)
    return bytes(said), [octets for _, octets in stage.delivered]


def _dialogs() -> list[bytes]:
    found = []
    for octets in files("fixtures/dialogs/*.smtp", most=3000):
        lines = [line[3:] for line in octets.split(b"\n") if line.startswith(b"C: ")]
        found += [bytes([prefix, 7]) + b"\r\n".join(lines[:20]) + b"\r\n" for prefix in (0, 2)]
    return found


def _dialog_cost(octets: bytes) -> None:
    _dialog([octets])


@target(
    "smtp-dialog",
    "aimx/daemon/smtp",
    _COMMANDS,
    seeds=_dialogs,
    longest=1500,
    cost=_dialog_cost,
    bound=131072,
    frames=(Frame(), Frame(_PREFIXES[5]), Frame(_PREFIXES[3]), Frame(b"EHLO c.test\r\nMAIL FROM:<")),
)
def smtp_dialog(octets: bytes) -> None:
    """Each answer is a reply of ours, none an internal error, and the same however the octets were cut."""
    prefix = _PREFIXES[octets[0] % len(_PREFIXES)] if octets else b""
    size, octets = step(octets[1:])
    whole = prefix + octets
    said, delivered = _dialog([whole] if whole else [])
    lines = said.decode().split("\r\n")
    assert lines.pop() == ""
    strange = [line for line in lines if line not in _TEXTS and not _HELLO.fullmatch(line)]
    assert strange == [], strange
    assert _dialog(pieces(whole, size * 8)) == (said, delivered)


@target(
    "smtp-path",
    "aimx/daemon/smtpsyntax aimx/smtp/address aimx/model/",
    b'< > @ : , " \\ ~ a agent.test . = SIZE=5 SMTPUTF8 [1.2.3.4] [IPv6:1::] % / .. <> BODY=8BITMIME',
    seeds=lambda: [
        b"<a@b.test> SIZE=5",
        b"<@x,@y:a@b>",
        b'<"a b"@c.test> BODY=8BITMIME',
        "<ä@ö.test>".encode(),
        '<"\x9b"@a.test>'.encode(),
    ],
    longest=2000,
    bound=limits.COMMAND_LINE_OCTETS * 4,
    frames=(Frame(b"<"), Frame(b'<"'), Frame(b"<a@b> "), Frame()),
)
def smtp_path(octets: bytes) -> None:
    """A path is read or rejected, and holds no bracket outside quotes and no control of C1."""
    for extended in (False, True):
        try:
            path = smtpsyntax.path("FROM:", "FROM:" + legal(octets), replies.MAIL_SYNTAX)
            smtpsyntax.check_reverse_path(path.address, extended)
            smtpsyntax.check_mail_parameters(path.parameters, extended)
        except Rejected:
            continue
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", path.address)
        assert not set("<> ") & set(bare)
        assert not any("\x7f" < character < "\xa0" for character in path.address)
        assert all(keyword == keyword.upper() for keyword in path.parameters)
    try:
        smtpsyntax.domain(legal(octets))
    except Rejected:
        return


def _unstuffed(chunks: list[bytes]) -> tuple[object, ...]:
    unstuffer, message, rest = Unstuffer(), b"", b""
    for chunk in chunks:
        if unstuffer.rest is None:
            message += unstuffer.feed(chunk)
        else:
            rest += chunk
    return message, (unstuffer.rest or b"") + rest, unstuffer.problem, unstuffer.rest is None


@target(
    "smtp-data",
    "aimx/daemon/smtpdata",
    b"\\r\\n \\r\\n. \\r\\n.\\r\\n .. \\n \\r . \\n.\\n \\r\\n\\r\\n",
    bound=1 << 20,
    cost=lambda octets: _unstuffed([octets]),
    seeds=lambda: [b"\x00a: b\r\n\r\n..x\r\n.\r\nQUIT\r\n", b"\x01.\r\n"],
    units=(b"x",),
)
def smtp_data(octets: bytes) -> None:
    """Unstuffing does not depend on the cuts, and is what the RFC says of lines; no bare line end gets through."""
    size, octets = step(octets)
    message, rest, problem, open_ = _unstuffed(pieces(octets, size))
    assert (message, rest, problem, open_) == _unstuffed([octets] if octets else [])
    expected = by_the_line(octets)
    assert open_ == (expected is None)
    if expected is None:
        whole = by_the_line(octets + b"\r\n.\r\n")
        assert whole is not None and whole[0].startswith(message) and len(whole[0]) - len(message) <= 6
        return
    assert (message, rest) == expected
    bare = octets[: len(octets) - len(rest)].replace(b"\r\n", b"")
    assert (problem == replies.BARE_LINE_END) == (b"\r" in bare or b"\n" in bare)
    assert problem in (None, replies.BARE_LINE_END)


def _read(chunks: list[bytes]) -> list[object]:
    parser, found = ReplyParser(), []
    for chunk in chunks:
        parser.receive(chunk)
        while (reply := parser.next()) is not None:
            found.append(reply)
            if isinstance(reply, Garbled):
                return found
    return found


_SAID = b"220~ 250- 250~ 354~ 421~ 550-5.1.1~ 5.7.1~ \\r\\n \\n \\r STARTTLS PIPELINING SIZE~1000 8BITMIME SMTPUTF8 AUTH \\0 \\x1b"


@target(
    "smtp-reply",
    "aimx/smtp/",
    _SAID,
    bound=limits.MX_REPLY_OCTETS * 2,
    frames=(Frame(), Frame(b"250 "), Frame(b"250-")),
    seeds=lambda: [b"\x03250-a\r\n250 b\r\n", b"\x07550-5.1.1 no\r\n550 5.1.1 such\n"],
)
def smtp_reply(octets: bytes) -> None:
    """Octets are replies or garbage, the same in any pieces, and can be shown."""
    size, octets = step(octets)
    found = _read(pieces(octets, size))
    whole = _read([octets] if octets else [])
    assert [reply for reply in found if not isinstance(reply, Garbled)] == whole[: len(found) - 1] or found == whole
    for reply in found:
        if isinstance(reply, Garbled):
            assert reply.why.isprintable()
        else:
            assert 200 <= reply.code < 600
            assert reply.text.isprintable() and len(reply.text) <= limits.MX_TEXT_CHARACTERS
    assert shown(octets).isprintable()
    read = [(reply.code, len(reply.lines)) for reply in whole if not isinstance(reply, Garbled)]
    grouped = _grouped(octets)
    assert read == grouped[: len(read)]
    assert len(read) == len(grouped) or isinstance(whole[-1], Garbled)


def _grouped(octets: bytes) -> list[tuple[int, int]]:
    """Code and number of lines of each reply, as RFC 5321 section 4.2.1 has them; up to the first line that is none."""
    found, codes = [], []
    for line in octets.split(b"\n")[:-1]:
        codes.append(line[:3])
        if not re.match(rb"[2-5][0-9][0-9](?:[- ]|\r?\Z)", line) or len(set(codes)) > 1:
            break
        if line[3:4] != b"-":
            found.append((int(codes[0]), len(codes)))
            codes = []
    return found


@target(
    "smtp-client",
    "aimx/smtp/ aimx/flows/converse aimx/flows/deliver",
    _SAID + b" \x1e",
    longest=600,
    bound=limits.MX_REPLY_OCTETS,
    seeds=lambda: [
        b"\x01220 mx\r\n\x1e250-mx\r\n250 SIZE 5\r\n\x1e220 go\r\n\x1e250 ok\r\n\x1e550 no\r\n\x1e354 go\r\n\x1e250 ok\r\n",
        b"\x01" + b"\x1e" * 6 + b"451 later\r\n",
        b"\x02" + b"\x1e" * 6 + b"550 no\r\n",
    ],
    frames=(Frame(b"\x00"), Frame(b"\x01220 a\r\n\x1e250-")),
)
def smtp_client(octets: bytes) -> None:
    """Whatever a server says at each stage, each recipient has one outcome that can be shown, and no connection stays."""
    flags = octets[0] if octets else 0
    said = fields(octets[1:], len(STAGES) + 1)
    says = {stage: words for stage, words in zip([*STAGES, "helo"], said, strict=True) if words}
    script = Script(*(["PIPELINING"] if flags & 1 else []), **says)
    world = World(script)
    outcomes = world.deliver(*(f"r{number}@x.test" for number in range(flags % 3 + 1)))
    assert len(outcomes) == flags % 3 + 1
    assert all(outcome.reply and outcome.reply.isprintable() for outcome in outcomes)
    assert script.open == 0
    assert world.seconds <= limits.MX_TOTAL_S + limits.MX_FINAL_S
    whole = [message for message in script.messages if message != b".\r\n"]
    assert whole or not any(outcome.result in ("delivered", "unknown") for outcome in outcomes)
    if says.get("dot", b"2")[:1] != b"2":
        assert not any(outcome.result == "delivered" for outcome in outcomes)
