"""The SMTP dialog: aiosmtpd's state machine run directly on trio. The only file that knows aiosmtpd.

aiosmtpd keeps the command loop, session and envelope; every command and every reply is ours. Its private names used
here: `_handle_client`, `_reader`, `_writer`, `_tls_protocol`, `_smtp_methods`, `_set_rset_state`, `_create_session`,
`_reset_timeout`, and the module's `sanitized_log`. Pinned; a test pins the names too. Never an asyncio loop.
"""

import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiosmtpd.smtp
import msgspec
import trio
from aiosmtpd.smtp import SMTP, Session

from aimx import limits, log, replies
from aimx.daemon import smtpdata, smtpsyntax
from aimx.daemon.smtpdata import Intake
from aimx.daemon.smtpstream import Reader, Rejected, SessionEnd, Writer
from aimx.effects.payload import Payload
from aimx.errors import AimxError, disposition
from aimx.model.config import Config
from aimx.model.envelope import Envelope, ForwardPath
from aimx.policy import route
from aimx.replies import SmtpReply

# Every step of a session would be a record there; what an operator needs is logged here.
logging.getLogger("mail.log").setLevel(logging.CRITICAL)
# It cleans every command line for those records before it knows that nobody wants them.
aiosmtpd.smtp.sanitized_log = lambda *_: None


class Services(msgspec.Struct, frozen=True):
    """What a session needs of the daemon.

    `deliver` answers for a whole message. `unseen` is told when the peer may not have read a 250 (R5).
    """

    config: Callable[[], Config]
    deliver: Callable[[Config, Envelope, Payload], Awaitable[SmtpReply]]
    unseen: Callable[[Envelope, bytes], None]
    intake: Intake
    now: Callable[[], float]


class _Loop:
    """Stands where aiosmtpd expects an asyncio loop; the front has none."""

    def get_debug(self) -> bool:
        return False

    def create_future(self) -> Any:
        return _Future()


class _Future:
    def done(self) -> bool:
        return False


class _Handler:
    """aiosmtpd looks for handle_* methods here; every command is overridden instead."""


class _LineLimit(dict[str, int]):
    def __missing__(self, key: str) -> int:
        return limits.COMMAND_LINE_OCTETS


class _Answered(msgspec.Struct, frozen=True):
    """A 250 after DATA, until the peer's next command line shows that it was read."""

    reader: Reader
    lines: int
    envelope: Envelope
    digest: bytes


_LINE_LIMIT = _LineLimit()
_LOOP: Any = _Loop()
_HANDLER = _Handler()


class SmtpSession(SMTP):
    """One connection."""

    command_size_limit = limits.COMMAND_LINE_OCTETS

    def __init__(
        self, stream: trio.abc.HalfCloseableStream, peer_ip: str, services: Services, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(
            _HANDLER, hostname=services.config().domain, ident="ESMTP aimx", tls_context=tls, loop=_LOOP,
            data_size_limit=limits.MESSAGE_OCTETS, enable_SMTPUTF8=True, timeout=limits.IDLE_S,
        )  # fmt: skip
        # The reader bounds lines; aiosmtpd's own table is shared by all sessions and grows with every EHLO.
        self.command_size_limits = _LINE_LIMIT
        self._services = services
        self._tls_protocol: Any = None
        self._plain = stream
        self.peer_ip = peer_ip
        self._scope = trio.CancelScope()
        self._stopping = False
        self._cut = SessionEnd("over its total time", replies.SESSION_TOO_LONG)
        self._ending: SessionEnd | None = None
        self._answered: _Answered | None = None
        self._attach(stream)
        self.session = self._create_session()
        self._set_rset_state()
        self.messages = 0
        self.errors = 0

    def _attach(self, stream: Any) -> None:
        self._stream = self.transport = stream
        self._writer = Writer(stream)
        self._reader = Reader(stream, self._writer)

    def _create_session(self) -> Session:
        session = Session(_LOOP)
        session.peer = (self.peer_ip, 0)
        return session

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Every read has its own deadline."""

    def _set_rset_state(self) -> None:
        super()._set_rset_state()
        self._reverse_path: str | None = None
        self._forward_paths: list[ForwardPath] = []
        self._smtputf8 = False

    # Life

    async def run(self) -> None:
        """Serve until the session ends."""
        with self._scope:
            self._scope.deadline = trio.current_time() + limits.SESSION_S
            try:
                await self._handle_client()
            except SessionEnd as end:
                self._ending = end
        ending = self._cut if self._scope.cancelled_caught else self._ending
        assert ending is not None
        told = await self._farewell(ending.reply)
        answered = self._answered
        # Told that we stop, a peer has read the 250 before it; any other silence is one that may have missed it.
        if answered is not None and self._unheard(answered) and not (told and ending.reply is replies.SHUTTING_DOWN):
            self._services.unseen(answered.envelope, answered.digest)

    def stop(self) -> None:
        """Finish a message that is on its way, and nothing else."""
        self._stopping = True
        self._reader.stop()

    def cut(self) -> None:
        """End now, whatever is on its way."""
        self._cut = SessionEnd("stopping", replies.SHUTTING_DOWN)
        self._scope.cancel()

    def _unheard(self, answered: _Answered) -> bool:
        return answered.reader is self._reader and answered.lines == self._reader.lines

    async def _farewell(self, reply: SmtpReply | None) -> bool:
        """Say the last words and close; whether they could be sent."""
        with trio.move_on_after(limits.FAREWELL_S):
            try:
                if reply is not None:
                    self._writer.write(f"{reply.line}\r\n".encode())
                    await self._writer.flush()
                    if self._tls_protocol:
                        await self._stream.aclose()
                    elif reply.code == replies.SHUTTING_DOWN.code:
                        await self._linger()
                    return True
            except (SessionEnd, trio.BrokenResourceError, trio.ClosedResourceError):
                return False
        return False

    async def _linger(self) -> None:
        await self._plain.send_eof()
        octets = 0
        with trio.move_on_after(limits.LINGER_S):
            while octets < limits.LINGER_OCTETS and (piece := await self._plain.receive_some(limits.READ_OCTETS)):
                octets += len(piece)

    # Replies

    async def reply(self, reply: SmtpReply) -> None:
        """Answer; the session ends with 221 and 421, and after too many errors. Raises: SessionEnd."""
        if reply.code >= replies.SHUTTING_DOWN.code:
            log.info("smtp-refused", peer=self.peer_ip, command=self._shown(), reply=reply.line)
        if reply.close():
            raise SessionEnd(reply.text, reply)
        self._writer.write(f"{reply.line}\r\n".encode())
        self.errors += reply.code >= 500
        if self.errors > limits.SESSION_ERRORS:
            await self.reply(replies.TOO_MANY_ERRORS)

    def _shown(self) -> str:
        """The last command line for the log, without what may be a password."""
        command = self._reader.line.decode("ascii", "replace").strip()
        return "AUTH" if command[:4].upper() == "AUTH" else command

    async def push(self, status: str | bytes) -> None:
        """aiosmtpd's own replies: its greeting, and what it thinks of a line without a command of ours."""
        text = status.decode() if isinstance(status, bytes) else status
        if text.startswith("220 "):
            self._writer.write(f"{text}\r\n".encode())
        elif text:
            raise Rejected(replies.UNKNOWN_COMMAND)

    async def handle_exception(self, error: Exception) -> str:
        """aiosmtpd's loop asks this for the reply to an error inside a command. It must never raise."""
        try:
            await self.reply(self._judge(error))
        except SessionEnd as end:
            self._ending = end
            self.transport = None  # what ends aiosmtpd's loop
        return ""

    def _judge(self, error: Exception) -> SmtpReply:
        if isinstance(error, Rejected):
            return error.reply
        if not isinstance(error, AimxError):
            log.error("smtp-session", peer=self.peer_ip, why=f"{type(error).__name__}: {error}")
        return disposition(error).reply

    # Commands

    async def smtp_HELO(self, hostname: str | None) -> None:
        await self._hello(hostname, extended=False)

    async def smtp_EHLO(self, hostname: str | None) -> None:
        await self._hello(hostname, extended=True)

    async def _hello(self, hostname: str | None, extended: bool) -> None:
        domain = smtpsyntax.domain(hostname)
        self._set_rset_state()
        self.session.extended_smtp = extended
        self.session.host_name = domain
        lines = [f"{self.hostname} Hello {domain}"]
        if extended:
            lines += [f"SIZE {limits.MESSAGE_OCTETS}", "8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES"]
            if self.tls_context and not self._tls_protocol:
                lines.append("STARTTLS")
            lines.append("SMTPUTF8")
        text = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
        self._writer.write(text.encode())

    async def smtp_MAIL(self, arg: str | None) -> None:
        if self._stopping:
            raise SessionEnd("stopping", replies.SHUTTING_DOWN)
        if not self.session.host_name:
            raise Rejected(replies.NEED_HELO)
        if self._reverse_path is not None:
            raise Rejected(replies.NESTED_MAIL)
        if self.messages >= limits.MESSAGES_PER_CONNECTION:
            raise Rejected(replies.TOO_MANY_MESSAGES)
        path = smtpsyntax.path("FROM:", arg, replies.MAIL_SYNTAX)
        smtputf8 = smtpsyntax.check_mail_parameters(path.parameters, self.session.extended_smtp)
        smtpsyntax.check_reverse_path(path.address, smtputf8)
        self._reverse_path, self._smtputf8 = path.address, smtputf8
        await self.reply(replies.SENDER_OK)

    async def smtp_RCPT(self, arg: str | None) -> None:
        if self._reverse_path is None:
            raise Rejected(replies.NEED_MAIL)
        path = smtpsyntax.path("TO:", arg, replies.RCPT_SYNTAX)
        if path.parameters:
            raise Rejected(replies.BAD_PARAMETER)
        smtpsyntax.check_utf8(path.address, self._smtputf8)
        if len(self._forward_paths) >= limits.RECIPIENTS:
            raise Rejected(replies.TOO_MANY_RECIPIENTS)
        mailbox = route.recipient(self._services.config(), path.address)
        self._forward_paths.append(ForwardPath(path.address, mailbox.name))
        await self.reply(replies.RECIPIENT_OK)

    async def smtp_DATA(self, arg: str | None) -> None:
        if arg:
            raise Rejected(replies.SYNTAX)
        if not self._forward_paths or self._reverse_path is None:
            raise Rejected(replies.NEED_RCPT if self._reverse_path is not None else replies.NEED_MAIL)
        await self.reply(replies.START_DATA)
        received = await smtpdata.receive(self._reader, self._services.intake)
        envelope = Envelope(
            self._reverse_path, tuple(self._forward_paths), self.peer_ip, self.session.host_name,
            self._services.now(), bool(self._tls_protocol), self._smtputf8,
        )  # fmt: skip
        self._set_rset_state()
        if isinstance(received, SmtpReply):
            raise Rejected(received)
        digest = received.digest
        try:
            answer = await self._services.deliver(self._services.config(), envelope, received)
        finally:
            received.close()
        self.messages += 1
        if answer is replies.ACCEPTED:
            self._answered = _Answered(self._reader, self._reader.lines, envelope, digest)
        await self.reply(answer)

    async def smtp_RSET(self, arg: str | None) -> None:  # noqa: ARG002
        self._set_rset_state()
        await self.reply(replies.OK)

    async def smtp_NOOP(self, arg: str | None) -> None:  # noqa: ARG002
        await self.reply(replies.OK)

    async def smtp_VRFY(self, arg: str | None) -> None:  # noqa: ARG002
        await self.reply(replies.CANNOT_VERIFY)

    async def smtp_EXPN(self, arg: str | None) -> None:  # noqa: ARG002
        raise Rejected(replies.NOT_IMPLEMENTED)

    smtp_HELP = smtp_AUTH = smtp_EXPN

    async def smtp_POST(self, arg: str | None) -> None:  # noqa: ARG002
        """A browser made to talk to us: the body that follows holds commands of whoever wrote the page."""
        raise Rejected(replies.NOT_HTTP)

    smtp_GET = smtp_PUT = smtp_HEAD = smtp_CONNECT = smtp_OPTIONS = smtp_POST

    async def smtp_QUIT(self, arg: str | None) -> None:  # noqa: ARG002
        await self.reply(replies.BYE)

    async def smtp_STARTTLS(self, arg: str | None) -> None:
        if arg:
            raise Rejected(replies.SYNTAX)
        if self._tls_protocol:
            raise Rejected(replies.TLS_ACTIVE)
        if self.tls_context is None:
            raise Rejected(replies.TLS_NOT_AVAILABLE)
        await self.reply(replies.START_TLS)
        await self._writer.flush()
        secure = trio.SSLStream(self._plain, self.tls_context, server_side=True)
        try:
            with trio.fail_after(limits.TLS_HANDSHAKE_S):
                await secure.do_handshake()
        except (trio.BrokenResourceError, trio.TooSlowError, ssl.SSLError) as error:
            log.info("tls-failed", peer=self.peer_ip, why=str(error.__cause__ or error) or "deadline")
            raise SessionEnd("TLS handshake failed") from error
        # A fresh reader: nothing that was buffered in clear survives (RFC 3207 section 6).
        self._attach(secure)
        if self._stopping:
            self._reader.stop()
        self._tls_protocol = True
        self.session = self._create_session()
        self._set_rset_state()
