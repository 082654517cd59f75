"""Every SMTP reply that aimx gives, by name (RFC 5321 section 4.2, enhanced codes of RFC 3463).

Data only. The peer is told these texts and nothing else: no path, no exception text.
"""

from typing import NamedTuple


class SmtpReply(NamedTuple):
    """One reply: three-digit code, enhanced status code (empty where RFC 2034 forbids one), text."""

    code: int
    enhanced: str
    text: str

    @property
    def line(self) -> str:
        """The reply as one line without its line end."""
        middle = f" {self.enhanced}" if self.enhanced else ""
        return f"{self.code}{middle} {self.text}"

    def close(self) -> bool:
        """Whether the server closes the connection after this reply."""
        return self.code in (221, 421)


OK = SmtpReply(250, "2.0.0", "OK")
SENDER_OK = SmtpReply(250, "2.1.0", "sender OK")
RECIPIENT_OK = SmtpReply(250, "2.1.5", "recipient OK")
ACCEPTED = SmtpReply(250, "2.0.0", "message accepted")
START_DATA = SmtpReply(354, "", "start mail input; end with <CRLF>.<CRLF>")
START_TLS = SmtpReply(220, "2.0.0", "ready to start TLS")
BYE = SmtpReply(221, "2.0.0", "bye")
CANNOT_VERIFY = SmtpReply(252, "2.1.5", "cannot verify, send some mail and I will try")

SHUTTING_DOWN = SmtpReply(421, "4.3.2", "service shutting down")
TOO_MANY_CONNECTIONS = SmtpReply(421, "4.7.0", "too many connections, try again later")
TOO_MANY_FROM_PEER = SmtpReply(421, "4.7.0", "too many connections from your address")
IDLE = SmtpReply(421, "4.4.2", "idle timeout exceeded")
SESSION_TOO_LONG = SmtpReply(421, "4.4.2", "session lasted too long")
TOO_MANY_MESSAGES = SmtpReply(421, "4.7.0", "too many messages on this connection")
TOO_MANY_ERRORS = SmtpReply(421, "4.7.0", "too many errors")
NOT_HTTP = SmtpReply(421, "4.7.0", "this is a mail server")
DATA_TIMEOUT = SmtpReply(421, "4.4.2", "timeout during DATA")
EARLY_TALKER = SmtpReply(421, "4.7.0", "you talked before your turn")

STORAGE_FAILED = SmtpReply(451, "4.3.0", "temporary failure, please retry")
INTERNAL = SmtpReply(451, "4.3.0", "internal error, please retry")
TOO_MANY_RECIPIENTS = SmtpReply(452, "4.5.3", "too many recipients")
OUT_OF_MEMORY = SmtpReply(452, "4.3.1", "insufficient system resources, please retry")

UNKNOWN_COMMAND = SmtpReply(500, "5.5.2", "unrecognized command")
LINE_TOO_LONG = SmtpReply(500, "5.5.2", "line too long")
BARE_LF_COMMAND = SmtpReply(500, "5.5.2", "command lines end with CRLF")
SYNTAX = SmtpReply(501, "5.5.4", "syntax error in arguments")
NEED_DOMAIN = SmtpReply(501, "5.5.4", "domain argument required")
MAIL_SYNTAX = SmtpReply(501, "5.5.4", "syntax: MAIL FROM:<address>")
RCPT_SYNTAX = SmtpReply(501, "5.5.4", "syntax: RCPT TO:<address>")
BAD_CHARACTER = SmtpReply(501, "5.5.2", "control characters are not allowed")
PATH_TOO_LONG = SmtpReply(501, "5.5.4", "address is too long")
NOT_IMPLEMENTED = SmtpReply(502, "5.5.1", "command not implemented")
TLS_NOT_AVAILABLE = SmtpReply(502, "5.5.1", "STARTTLS not available")
NEED_HELO = SmtpReply(503, "5.5.1", "send EHLO or HELO first")
NESTED_MAIL = SmtpReply(503, "5.5.1", "MAIL already given")
NEED_MAIL = SmtpReply(503, "5.5.1", "send MAIL first")
NEED_RCPT = SmtpReply(503, "5.5.1", "send RCPT first")
TLS_ACTIVE = SmtpReply(503, "5.5.1", "TLS already active")
RELAY_DENIED = SmtpReply(550, "5.7.1", "relay not permitted")
UNKNOWN_RECIPIENT = SmtpReply(550, "5.1.1", "recipient address rejected: user unknown")
TOO_BIG = SmtpReply(552, "5.3.4", "message exceeds maximum size")
BAD_SENDER = SmtpReply(553, "5.1.7", "malformed reverse-path")
BARE_LINE_END = SmtpReply(554, "5.6.0", "bare CR or LF in message data")
HEADER_TOO_BIG = SmtpReply(554, "5.6.0", "message header is too large")
BAD_PARAMETER = SmtpReply(555, "5.5.4", "parameter not recognized or not implemented")
NEED_SMTPUTF8 = SmtpReply(553, "5.6.7", "address needs SMTPUTF8")
