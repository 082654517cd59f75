"""A submission becomes the wire message: its text, its HTML, its files, under one fresh header block (O1, O2).

Runs in a worker. Must never let a field leave that the submission did not mean, nor Bcc; the same order always gives
the same octets.
"""

from aimx import limits
from aimx.errors import BodyTooLarge, Refused
from aimx.mime import compose_content, compose_head, outbound, parts, render
from aimx.mime.compose_content import Content
from aimx.model.outbound import Composed, ComposeOrder, OutboundFormat

EXCLUSIVE = "--text-only and --html-body are mutually exclusive"


def compose(order: ComposeOrder) -> Composed:
    """The wire message, its body not hashed yet. Raises: MalformedMessage, BodyTooLarge, Refused."""
    if order.text_only and order.html is not None:
        raise Refused(EXCLUSIVE)
    head = compose_head.head(outbound.read_block(order.message), order)
    content = compose_content.content(order.message)
    source = signed(content.text, order.signature)
    written, message = _message(order, content, source)
    block = head + message.head
    size = len(block) + 2 + len(message.content)
    if size > limits.OUTBOUND_OCTETS:
        raise BodyTooLarge(f"the message would have {size} octets on its way; {limits.OUTBOUND_OCTETS} is the limit")
    return Composed(block, message.content, b"", written, source, content.attachments)


def signed(text: str, signature: str) -> str:
    """The text, an empty line and the signature, which is Markdown where the text is; the text alone without one."""
    if not signature:
        return text if not text or text.endswith("\n") else text + "\n"
    text, signature = text.rstrip("\n"), signature.replace("\r\n", "\n").rstrip("\n")
    return f"{text}\n\n{signature}\n" if text else f"{signature}\n"


def _message(order: ComposeOrder, content: Content, source: str) -> tuple[OutboundFormat, parts.Part]:
    """Which of the three shapes it is, and its body: the text, its alternative, and files after both."""
    written: OutboundFormat
    if order.text_only:
        written, html = "text", None
    elif order.html is not None:
        written, html = "html", _decoded(order.html)
    elif content.html is not None:
        written, html = "html", content.html
    else:
        written, html = "markdown", render.render(source)
    message = parts.text(source, "plain")
    if html is not None:
        message = parts.multipart("alternative", [message, parts.text(html, "html")])
    if content.files:
        message = parts.multipart("mixed", [message, *content.files])
    return written, message


def _decoded(html: bytes) -> str:
    try:
        return html.decode()
    except UnicodeDecodeError as error:
        raise Refused("the HTML body is not UTF-8") from error
