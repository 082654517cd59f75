"""A Markdown body as the HTML that rich mail clients show: CommonMark and GFM, raw HTML shown as text, styles inlined.

The same source gives the same octets, whatever was rendered before. Must never take more than linear time.
"""

from aimx import limits
from aimx.errors import BodyTooLarge
from aimx.mime import stylesheet
from aimx.mime.markdown import budget, characters, document, html

TOO_LARGE = (
    "markdown body exceeds 5 MiB; use --html-body for pre-rendered large documents or --attachment for sending the "
    "document as a file"
)


def render(markdown: str) -> str:
    """A complete HTML document, ready to be a text/html part; LF line ends.

    Raises: BodyTooLarge, when the source or what would become of it is over its bound.
    """
    if len(markdown) > limits.MARKDOWN_OCTETS or len(markdown.encode(errors="surrogatepass")) > limits.MARKDOWN_OCTETS:
        raise BodyTooLarge(TOO_LARGE)
    blocks = body(markdown, html.MAIL_BOXES)
    if blocks.count("</") > limits.RENDER_ELEMENTS:
        raise BodyTooLarge(budget.TOO_MANY)
    rendered = stylesheet.document(blocks)
    if len(rendered) > limits.RENDER_OUTPUT_OCTETS or len(rendered.encode()) > limits.RENDER_OUTPUT_OCTETS:
        raise BodyTooLarge(budget.TOO_LARGE)
    return rendered


def body(markdown: str, boxes: tuple[str, str] = html.GFM_BOXES) -> str:
    """The HTML of the blocks alone, without styles."""
    return html.Renderer(boxes).render(document.parse(characters.legal(markdown)))
