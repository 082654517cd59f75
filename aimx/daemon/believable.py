"""What a worker may answer: the front writes it as root, and a worker may be its sender's.

What a message says and who signed it is the worker's to decide. The form is not: whatever passes here is stored as a
file that our own readers list, and holds nothing that a terminal obeys. Must never compute what costs as much as the
worker's work.
"""

import hashlib

import msgspec

from aimx import limits
from aimx.mime import clean, compose_head, frontmatter
from aimx.mime.attachments import is_safe
from aimx.model.authres import NOTHING_VERIFIED, AuthResults
from aimx.model.domain import a_label
from aimx.model.message import Attachment, Examined, Headers
from aimx.model.outbound import Composed, ComposeOrder

_CHARACTER_OCTETS = 4  # at most, in UTF-8 or escaped: nothing here needs the long escapes of controls


def believable(message: Examined, size_octets: int) -> Examined:
    """The message when it is what parsing and verification make of so many octets.

    Raises: ValueError.
    """
    _believable_files(message.attachments)
    texts = [text for text in msgspec.structs.astuple(message.headers) if isinstance(text, str)]
    if any(clean.visible(text) != text for text in texts):
        raise ValueError("a worker found a header value that is not one line of text")
    _believable_results(message.auth, message.headers)
    if _octets(texts) > limits.FRONTMATTER_OCTETS - limits.FRONTMATTER_OWN_OCTETS:
        raise ValueError("a worker found longer headers than there can be")
    if message.size_octets != size_octets:
        raise ValueError("a worker examined something else")
    if not clean.is_body(message.body):
        raise ValueError("a worker found a body that is no text")
    return message


def _believable_results(auth: AuthResults, headers: Headers) -> None:
    """Names are names, and those of one list are in the other; whether a signature verifies is the worker's to say."""
    if auth == NOTHING_VERIFIED:
        return
    if len(auth.detail) > limits.AUTH_DETAIL_CHARACTERS or clean.visible(auth.detail) != auth.detail:
        raise ValueError("a worker found results that are not one line of text")
    passing = auth.passing_sdids
    if len(passing) > limits.DKIM_SIGNATURES or any(a_label(name) != name for name in passing):
        raise ValueError("a worker found a signature of no domain")
    if not set(auth.strict_sdids) <= set(auth.aligned_sdids) <= set(passing) or (auth.dkim == "pass") != bool(passing):
        raise ValueError("a worker found results that contradict each other")
    if auth.author_domain is not None and auth.author_domain != _domain(headers.author):
        raise ValueError("a worker verified another author than it found")


def _domain(author: str | None) -> str | None:
    return None if author is None else a_label(author.rpartition("@")[2])


def _octets(texts: list[str]) -> int:
    """How much of the frontmatter the headers become, at most; only what may be long is measured."""
    most = _CHARACTER_OCTETS * sum(map(len, texts))
    if most <= limits.FRONTMATTER_OCTETS - limits.FRONTMATTER_OWN_OCTETS:
        return most
    return sum(len(frontmatter.string(text).encode()) for text in texts)


def believable_message(order: ComposeOrder, message: Composed) -> Composed:
    """The wire message when its header block is the order's, its files may be stored and its lines sent.

    Its text, which is the submission's, loses what no body keeps: the record is shown on terminals too.

    Raises: ValueError.
    """
    _believable_files(message.attachments)
    body = message.body
    if len(message.body_hash) != hashlib.sha256().digest_size:
        raise ValueError("a worker composed something that is no message")
    if not compose_head.is_head_of(order, message.head):
        raise ValueError("a worker composed another header block than was submitted")
    ends = body.count(b"\r\n")  # any other line end might be the end of the message to somebody
    if not body.isascii() or not body.endswith(b"\r\n") or body.count(b"\r") != ends or body.count(b"\n") != ends:
        raise ValueError("a worker composed a body that cannot be sent")
    if max(len(message.head) + len(body), len(message.source)) > limits.OUTBOUND_OCTETS:
        raise ValueError("a worker composed more than may be sent")
    if clean.is_body(message.source):
        return message
    return msgspec.structs.replace(message, source=clean.body(message.source))


def _believable_files(files: tuple[Attachment, ...]) -> None:
    if len(files) > limits.PARTS + 1:  # the last one is for everything beyond
        raise ValueError("a worker found more attachments than there can be")
    if not all(is_safe(file.filename) for file in files):
        raise ValueError("a worker named an attachment as none is named")
    if len({file.filename for file in files}) != len(files):
        raise ValueError("a worker named two attachments alike")
    if any(_is_no_type(file.content_type) for file in files):
        raise ValueError("a worker found a content type that is none")


def _is_no_type(text: str) -> bool:
    return len(text) > limits.MEDIA_TYPE_CHARACTERS or clean.visible(text) != text
