"""The one tree of errors and the one table of what each becomes at the edge.

`detail` is for the log; what a peer is told is the table's text or a `reason` written for peers.
"""

from enum import IntEnum, StrEnum
from typing import NamedTuple

from aimx import replies
from aimx.replies import SmtpReply


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 2  # also: the daemon must be running (guide)
    NO_ANSWER = 3  # of the daemon, or none that can be read: what became of the request is not known (guide)
    INTERRUPTED = 130  # 128 + SIGINT
    BROKEN_PIPE = 141  # 128 + SIGPIPE


class WireCode(StrEnum):
    """Error tokens of AIMX/1 (reference section 1.5)."""

    MALFORMED = "MALFORMED"
    PROTOCOL = "PROTOCOL"
    MAILBOX = "MAILBOX"
    DOMAIN = "DOMAIN"
    SIGN = "SIGN"
    DELIVERY = "DELIVERY"
    TEMP = "TEMP"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    NOTFOUND = "NOTFOUND"
    IO = "IO"
    VALIDATION = "VALIDATION"
    NONEMPTY = "NONEMPTY"
    ECONFLICT = "ECONFLICT"
    EACCES = "EACCES"
    ENOENT = "ENOENT"


class AimxError(Exception):
    """Base of everything aimx raises on purpose.

    Args:
        reason: a sentence that may be shown to whoever asked.
        detail: more, for the log only.
    """

    def __init__(self, reason: str = "", detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Refused(AimxError):
    """The caller's fault: nothing was done."""


class NotAuthorized(Refused):
    """The caller may not do this; says nothing about what exists."""


class ConfigInvalid(Refused):
    """config.toml breaks a rule; the reason names file, key, what and what to do."""


class ConfigUnreadable(ConfigInvalid):
    """config.toml is there, but this user may not read it."""


class UnknownRecipient(Refused):
    """No mailbox takes this address."""


class RelayDenied(Refused):
    """The address is not at our domain."""


class NoSender(Refused):
    """No mailbox sends under this From address; only root is told so (U1)."""


class MailboxNotFound(Refused):
    """No such mailbox; only root is told so (U1)."""


class MailboxTaken(Refused):
    """There is a mailbox of that name already; only root is told so (U1)."""


class MailboxNotEmpty(Refused):
    """A mailbox with mail is not deleted unless that is asked for."""


class DirectoryConflict(Refused):
    """What a new mailbox needs as its directory exists and belongs to somebody else."""


class EmailNotFound(Refused):
    """No such message in the mailbox, or none that may be read."""


class UnreadableMail(Refused):
    """A message whose frontmatter cannot be read or changed; its owner may have edited it."""


class HookNotFound(Refused):
    """No such hook, or a foreign one: both look the same (U1)."""


class OperatorHook(Refused):
    """A hook that the operator wrote: only root deletes it (U3)."""


class CatchallHook(Refused):
    """The catchall has no hooks."""


class AnswerNeeded(Refused):
    """A question that nobody is there to answer; the reason names the option that answers it."""


class ForeignSender(Refused):
    """The From address is not at our domain."""


class MalformedMessage(Refused):
    """A submitted message that cannot be read as one; the reason names the field."""


class BodyTooLarge(Refused):
    """A Markdown source, or what it became, over its limit."""


class DeliveryFailed(Refused):
    """Recipients' servers refused the message for good."""


class DeliveryPartial(DeliveryFailed):
    """Some recipients have the message, others do not: it must not be sent again as it is (S6)."""


class DeliveryUnknown(DeliveryFailed):
    """A connection was lost after the final dot: the message may have been delivered (O4)."""


class WireError(Refused):
    """A frame that is not AIMX/1."""


class UnknownVerb(WireError):
    """A well-formed frame with a verb nobody knows."""


class InvalidBody(WireError):
    """A well-formed frame whose JSON body is not what its verb takes."""


class KeyConflict(Refused):
    """An idempotency key that another message was sent under."""


class DaemonRefused(Refused):
    """The daemon answered with an error frame of this code."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.code = code


class Failed(AimxError):
    """Our fault."""


class StorageFailed(Failed):
    """Disk full, I/O error: nothing was kept."""


class SignFailed(Failed):
    """There is no usable DKIM key: unsigned mail never leaves (O3)."""


class DeliveryDeferred(Failed):
    """Recipients' servers said to try later, or could not be reached."""


class ResourcesExhausted(Failed):
    """A bound on memory or processes was reached; trying later may work."""


class DaemonUnavailable(Failed):
    """No daemon answers on the socket."""


class DaemonAbsent(DaemonUnavailable):
    """Nothing listens on the socket, so nothing was sent."""


class DaemonNeeded(DaemonUnavailable):
    """Nothing listens on the socket, and this user cannot do the work himself (guide: exit code 2)."""


class DaemonSilent(DaemonUnavailable):
    """No answer in time to a request that was handed over: it may have been carried out."""


class DaemonRunning(Failed):
    """Another process holds the writer lock."""


class Disposition(NamedTuple):
    """What an error becomes at each edge. An empty text means: the error's own reason."""

    code: WireCode
    exit: Exit
    reply: SmtpReply
    text: str = ""


DISPOSITIONS: dict[type[AimxError], Disposition] = {
    NotAuthorized: Disposition(WireCode.EACCES, Exit.FAILED, replies.RELAY_DENIED, "not authorized"),
    ConfigInvalid: Disposition(WireCode.VALIDATION, Exit.FAILED, replies.INTERNAL),
    UnknownRecipient: Disposition(WireCode.MAILBOX, Exit.FAILED, replies.UNKNOWN_RECIPIENT),
    RelayDenied: Disposition(WireCode.DOMAIN, Exit.FAILED, replies.RELAY_DENIED),
    NoSender: Disposition(WireCode.MAILBOX, Exit.FAILED, replies.RELAY_DENIED),
    MailboxNotFound: Disposition(WireCode.ENOENT, Exit.FAILED, replies.UNKNOWN_RECIPIENT),
    MailboxTaken: Disposition(WireCode.MAILBOX, Exit.FAILED, replies.INTERNAL),
    MailboxNotEmpty: Disposition(WireCode.NONEMPTY, Exit.FAILED, replies.INTERNAL),
    KeyConflict: Disposition(WireCode.ECONFLICT, Exit.FAILED, replies.INTERNAL),
    DirectoryConflict: Disposition(WireCode.ECONFLICT, Exit.FAILED, replies.INTERNAL),
    EmailNotFound: Disposition(WireCode.NOTFOUND, Exit.FAILED, replies.INTERNAL),
    UnreadableMail: Disposition(WireCode.IO, Exit.FAILED, replies.INTERNAL),
    HookNotFound: Disposition(WireCode.ENOENT, Exit.FAILED, replies.INTERNAL),
    OperatorHook: Disposition(WireCode.EACCES, Exit.FAILED, replies.INTERNAL),
    CatchallHook: Disposition(WireCode.EACCES, Exit.FAILED, replies.INTERNAL),
    AnswerNeeded: Disposition(WireCode.VALIDATION, Exit.USAGE, replies.INTERNAL),
    ForeignSender: Disposition(WireCode.DOMAIN, Exit.FAILED, replies.RELAY_DENIED),
    MalformedMessage: Disposition(WireCode.MALFORMED, Exit.FAILED, replies.SYNTAX),
    BodyTooLarge: Disposition(WireCode.BODY_TOO_LARGE, Exit.FAILED, replies.TOO_BIG),
    DeliveryFailed: Disposition(WireCode.DELIVERY, Exit.FAILED, replies.INTERNAL),
    DeliveryDeferred: Disposition(WireCode.TEMP, Exit.FAILED, replies.INTERNAL),
    SignFailed: Disposition(WireCode.SIGN, Exit.FAILED, replies.INTERNAL),
    UnknownVerb: Disposition(WireCode.PROTOCOL, Exit.FAILED, replies.UNKNOWN_COMMAND),
    InvalidBody: Disposition(WireCode.PROTOCOL, Exit.FAILED, replies.SYNTAX),
    WireError: Disposition(WireCode.MALFORMED, Exit.FAILED, replies.SYNTAX),
    Refused: Disposition(WireCode.VALIDATION, Exit.FAILED, replies.SYNTAX),
    ResourcesExhausted: Disposition(WireCode.TEMP, Exit.FAILED, replies.OUT_OF_MEMORY),
    DaemonUnavailable: Disposition(WireCode.TEMP, Exit.USAGE, replies.INTERNAL),
    DaemonSilent: Disposition(WireCode.TEMP, Exit.NO_ANSWER, replies.INTERNAL),
    DaemonRunning: Disposition(WireCode.TEMP, Exit.FAILED, replies.INTERNAL),
    StorageFailed: Disposition(WireCode.IO, Exit.FAILED, replies.STORAGE_FAILED),
    Failed: Disposition(WireCode.IO, Exit.FAILED, replies.INTERNAL),
}


def disposition(error: BaseException) -> Disposition:
    """The row for an error; anything that is not ours is our failure, told without its text."""
    for cls in type(error).__mro__:
        if cls in DISPOSITIONS:
            return DISPOSITIONS[cls]
    return Disposition(WireCode.IO, Exit.FAILED, replies.INTERNAL, "internal error")


def told(error: BaseException) -> str:
    """The text that whoever asked may see."""
    row = disposition(error)
    if row.text:
        return row.text
    return error.reason if isinstance(error, AimxError) and error.reason else "internal error"


def sole(group: BaseException) -> BaseException:
    """The one exception inside nested groups, as a nursery wraps it; the group itself when there are several."""
    while isinstance(group, BaseExceptionGroup) and len(group.exceptions) == 1:
        group = group.exceptions[0]
    return group
