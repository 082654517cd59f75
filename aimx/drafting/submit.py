"""A draft as the request that hands it to the daemon. Never sends it."""

from aimx import limits
from aimx.drafting import attachments, fields
from aimx.errors import Refused
from aimx.mime.submission import submission
from aimx.model.draft import Draft
from aimx.wire import frames
from aimx.wire.frames import Send


def request(
    draft: Draft, text_only: bool, html: str | None, html_option: str, dry_run: bool = False, key: str | None = None
) -> Send:
    """The request. `html` None: the author gives none (empty HTML is HTML). Raises: Refused.

    `key`: it is sent once under it, with a Message-ID that the daemon makes of it.
    """
    if key is not None:
        draft = draft._replace(message_id="")
        _check_key(fields.text_of("the idempotency key", key))
    octets, own = submission(draft), _html(html_option, html)
    for what, size in (("the message", len(octets)), (html_option, len(own or b""))):
        if size > limits.FRAME_BODY_OCTETS:
            most = attachments.mebibytes(limits.FRAME_BODY_OCTETS)
            raise Refused(f"{what} takes {attachments.mebibytes(size)}, and {most} is the most that can be sent")
    return Send(octets, own, text_only, fields.hook_job(), dry_run, key)


def _check_key(key: str) -> None:
    """Raises: Refused for what no header could carry."""
    if not key.strip():
        raise Refused("the idempotency key is empty")
    if key != key.strip() or not key.isprintable():
        raise Refused("the idempotency key has a control character, or blanks around it")
    if len(key) > limits.CLAIM_KEY_CHARACTERS:
        raise Refused(f"the idempotency key has more than {limits.CLAIM_KEY_CHARACTERS} characters")


def exclusive() -> str:
    """What is said to whoever wants text only and HTML too."""
    rule = frames.BY_FRAME[Send].exclusive
    assert rule is not None
    return rule[2]


def _html(option: str, given: str | None) -> bytes | None:
    if given is None:
        return None
    text = fields.text_of(option, given)
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()
