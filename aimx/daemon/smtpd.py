"""The SMTP dialog: aiosmtpd's state machine run directly on trio. The only file that knows aiosmtpd.

aiosmtpd keeps the command loop, session and envelope; commands with arguments and DATA are ours. Its private names
used here: `_handle_client`, `_reader`, `_writer`, `_tls_protocol`, `_handler_coroutine`, `_set_rset_state`,
`_create_session`, `_reset_timeout`. Pinned; a test pins the names too.
"""

import logging
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from aiosmtpd.smtp import SMTP, Session

from aimx import limits, log, replies
from aimx.daemon import smtpdata
from aimx.daemon.smtpstream import Reader, Rejected, SessionEnd, Writer
from aimx.effects.payload import Payload
from aimx.errors import disposition
from aimx.model.config import Config
from aimx.model.envelope import Envelope, ForwardPath
from aimx.policy import route
from aimx.replies import SmtpReply

logging.getLogger("mail.log").setLevel(logging.CRITICAL)

Deliver = Callable[[Config, Envelope, Payload], Awaitable[SmtpReply]]
_PATH = re.compile(r"<(?:@[^:<>]*:)?(?P<path>[^<>\x00-\x20\x7f]*|\"[^\"<>]*\"@[^<>\s]*)>(?P<rest>.*)\Z")


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


class _NoLimit(dict[str, int]):
    def __missing__(self, key: str) -> int:
        return limits.COMMAND_LINE_OCTETS


_NO_LIMIT = _NoLimit()
_LOOP: Any = _Loop()
_HANDLER = _Handler()


class SmtpSession(SMTP):
    """One connection."""

    def __init__(
        self, stream: trio.SocketStream, peer_ip: str, config: Callable[[], Config], deliver: Deliver,
        tls: ssl.SSLContext | None, now: Callable[[], float],
    ) -> None:  # fmt: skip
        snapshot = config()
        super().__init__(
            _HANDLER, hostname=snapshot.domain, ident="ESMTP aimx", tls_context=tls, loop=_LOOP,
            data_size_limit=limits.MESSAGE_OCTETS, enable_SMTPUTF8=True, timeout=limits.IDLE_S,
        )  # fmt: skip
        # The reader bounds lines; aiosmtpd's own table is shared by all sessions and grows with every EHLO.
        self.command_size_limits = _NO_LIMIT
        self._config = config
        self._tls_protocol: Any = None
        self._deliver = deliver
        self._now = now
        self.peer_ip = peer_ip
        self._attach(stream)
        self.session = self._create_session()
        self._set_rset_state()
        self.messages = 0
        self.errors = 0

    def _attach(self, stream: Any) -> None:
        self._stream = stream
        self.transport = stream
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

    async def run(self) -> None:
        """Serve until the session ends."""
        try:
            await self._handle_client()
        except SessionEnd:
            pass
        except trio.TooSlowError:
            await self._last_words(replies.IDLE)

    async def _last_words(self, reply: SmtpReply) -> None:
        with trio.move_on_after(1):
            self._writer.write(f"{reply.line}\r\n".encode())
            try:
                await self._writer.flush()
            except SessionEnd:
                return

    async def reply(self, reply: SmtpReply) -> None:
        """Answer; close after 221 and 421, and after too many errors."""
        self._writer.write(f"{reply.line}\r\n".encode("utf-8", "surrogateescape"))
        self.errors += reply.code >= 500
        if reply.close():
            await self._writer.flush()
            raise SessionEnd(reply.text)
        if self.errors > limits.SESSION_ERRORS:
            await self.reply(replies.TOO_MANY_ERRORS)

    async def push(self, status: str | bytes) -> None:
        """aiosmtpd's own replies, in our words."""
        text = status.decode() if isinstance(status, bytes) else status
        if text.startswith(("500", "502")):
            await self.reply(replies.UNKNOWN_COMMAND)
        elif text:
            self._writer.write(text.encode() + b"\r\n")

    async def handle_exception(self, error: Exception) -> str:
        """aiosmtpd's loop asks this for the reply to an error inside a command."""
        if isinstance(error, trio.TooSlowError):
            await self._last_words(replies.IDLE)
            raise SessionEnd("timeout") from error
        if not isinstance(error, Rejected):
            log.error("smtp-session", peer=self.peer_ip, why=f"{type(error).__name__}: {error}")
        await self.reply(error.reply if isinstance(error, Rejected) else disposition(error).reply)
        return ""

    # Commands

    async def smtp_HELO(self, hostname: str | None) -> None:
        await self._hello(hostname, extended=False)

    async def smtp_EHLO(self, hostname: str | None) -> None:
        await self._hello(hostname, extended=True)

    async def _hello(self, hostname: str | None, extended: bool) -> None:
        if not hostname:
            await self.reply(replies.NEED_DOMAIN)
            return
        self._set_rset_state()
        self.session.extended_smtp = extended
        self.session.host_name = hostname
        greeting = f"{self.hostname} Hello {hostname}"
        lines = [greeting]
        if extended:
            lines += [f"SIZE {limits.MESSAGE_OCTETS}", "8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES"]
            if self.tls_context and not self._tls_protocol:
                lines.append("STARTTLS")
            lines.append("SMTPUTF8")
        for line in lines[:-1]:
            self._writer.write(f"250-{line}\r\n".encode("utf-8", "surrogateescape"))
        self._writer.write(f"250 {lines[-1]}\r\n".encode("utf-8", "surrogateescape"))

    async def smtp_MAIL(self, arg: str | None) -> None:
        if not self.session.host_name:
            await self.reply(replies.NEED_HELO)
            return
        if self._reverse_path is not None:
            await self.reply(replies.NESTED_MAIL)
            return
        path, _ = self._path("FROM:", arg, replies.MAIL_SYNTAX)
        self._reverse_path = path
        await self.reply(replies.SENDER_OK)

    async def smtp_RCPT(self, arg: str | None) -> None:
        if self._reverse_path is None:
            await self.reply(replies.NEED_MAIL)
            return
        path, _ = self._path("TO:", arg, replies.RCPT_SYNTAX)
        if len(self._forward_paths) >= limits.RECIPIENTS:
            await self.reply(replies.TOO_MANY_RECIPIENTS)
            return
        mailbox = route.recipient(self._config(), path)
        self._forward_paths.append(ForwardPath(path, mailbox.name))
        await self.reply(replies.RECIPIENT_OK)

    def _path(self, keyword: str, arg: str | None, syntax: SmtpReply) -> tuple[str, str]:
        if not arg or arg[: len(keyword)].upper() != keyword:
            raise Rejected(syntax)
        match = _PATH.match(arg[len(keyword) :].strip())
        if match is None:
            raise Rejected(syntax)
        return match["path"], match["rest"].strip()

    async def smtp_DATA(self, arg: str | None) -> None:
        if arg:
            raise Rejected(replies.SYNTAX)
        if not self._forward_paths or self._reverse_path is None:
            await self.reply(replies.NEED_RCPT)
            return
        await self.reply(replies.START_DATA)
        received = await smtpdata.receive(self._reader)
        if isinstance(received, SmtpReply):
            self._set_rset_state()
            await self.reply(received)
            return
        envelope = Envelope(
            self._reverse_path, tuple(self._forward_paths), self.peer_ip, self.session.host_name, self._now(),
            bool(self._tls_protocol), self._smtputf8,
        )  # fmt: skip
        self._set_rset_state()
        try:
            answer = await self._deliver(self._config(), envelope, received)
        finally:
            received.close()
        self.messages += 1
        await self.reply(answer)

    async def smtp_RSET(self, arg: str | None) -> None:  # noqa: ARG002
        self._set_rset_state()
        await self.reply(replies.OK)

    async def smtp_NOOP(self, arg: str | None) -> None:  # noqa: ARG002
        await self.reply(replies.OK)

    async def smtp_VRFY(self, arg: str | None) -> None:  # noqa: ARG002
        await self.reply(replies.CANNOT_VERIFY)

    async def smtp_EXPN(self, arg: str | None) -> None:  # noqa: ARG002
        await self.reply(replies.NOT_IMPLEMENTED)

    async def smtp_HELP(self, arg: str | None) -> None:  # noqa: ARG002
        await self.reply(replies.NOT_IMPLEMENTED)

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: ARG002
        await self.reply(replies.NOT_IMPLEMENTED)

    async def smtp_QUIT(self, arg: str | None) -> None:  # noqa: ARG002
        await self.reply(replies.BYE)

    async def smtp_STARTTLS(self, arg: str | None) -> None:
        if arg:
            raise Rejected(replies.SYNTAX)
        if self._tls_protocol:
            await self.reply(replies.TLS_ACTIVE)
            return
        if self.tls_context is None:
            await self.reply(replies.TLS_NOT_AVAILABLE)
            return
        await self.reply(replies.START_TLS)
        await self._writer.flush()
        secure = trio.SSLStream(self._stream, self.tls_context, server_side=True, https_compatible=True)
        try:
            with trio.fail_after(limits.TLS_HANDSHAKE_S):
                await secure.do_handshake()
        except (trio.BrokenResourceError, trio.TooSlowError, ssl.SSLError) as error:
            raise SessionEnd("TLS handshake failed") from error
        # A fresh reader: nothing that was buffered in clear survives (RFC 3207 section 6).
        self._attach(secure)
        self._tls_protocol = True
        self.session = self._create_session()
        self._set_rset_state()
