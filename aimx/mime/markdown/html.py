"""mistletoe's tokens to HTML that is also well-formed XML: every element closed, every character of a text escaped.

Must never let out markup of the sender's, nor a link to where no link may lead.
"""

from collections.abc import Iterable

from mistletoe import block_token, span_token
from mistletoe.html_renderer import HtmlRenderer
from mistletoe.token import Token

from aimx import limits
from aimx.errors import BodyTooLarge
from aimx.mime.markdown import characters
from aimx.mime.markdown.budget import TOO_LARGE
from aimx.mime.markdown.tokens import FootnoteItem, FootnoteReference, Footnotes, TaskMark

GFM_BOXES = ('<input disabled="" type="checkbox" />', '<input checked="" disabled="" type="checkbox" />')
MAIL_BOXES = ("\N{BALLOT BOX}", "\N{BALLOT BOX WITH CHECK}")  # mail clients drop form elements
BACK = "\N{LEFTWARDS ARROW WITH HOOK}\N{VARIATION SELECTOR-15}"  # as text: some clients draw an emoji otherwise


class Renderer(HtmlRenderer):
    """One document's renderer. Must be given tokens only; it never parses."""

    def __init__(self, boxes: tuple[str, str]) -> None:
        # Without extra tokens nothing is written to mistletoe's lists of token classes, which are global.
        super().__init__(process_html_tokens=False)
        self._boxes = boxes
        self._room = limits.RENDER_OUTPUT_OCTETS  # characters, for what a small source may multiply
        self.render_map["HtmlBlock"] = self._html_block
        self.render_map["HtmlSpan"] = self._html_span
        self.render_map["TaskMark"] = self._task_mark
        self.render_map["FootnoteReference"] = self._footnote_reference
        self.render_map["Footnotes"] = self._footnotes
        self.render_map["FootnoteItem"] = self._footnote_item

    # Spans

    def render_raw_text(self, token: span_token.RawText) -> str:
        return characters.escape(token.content)

    def render_inline_code(self, token: span_token.InlineCode) -> str:
        return f"<code>{characters.escape(_content(token))}</code>"

    def render_link(self, token: span_token.Link) -> str:
        inner = self.render_inner(token)
        target = characters.target(token.target, characters.LINK_SCHEMES)
        return inner if target is None else f'<a href="{target}"{_title(token.title)}>{inner}</a>'

    def render_auto_link(self, token: span_token.AutoLink) -> str:
        inner = characters.escape(_content(token))
        target = characters.target(token.target, characters.LINK_SCHEMES)
        if target is not None:
            return f'<a href="{target}">{inner}</a>'
        return inner

    def render_image(self, token: span_token.Image) -> str:
        description = self.render_to_plain(token)
        target = characters.target(token.src, characters.IMAGE_SCHEMES)
        if target is None:
            return description
        return f'<img src="{target}" alt="{description}"{_title(token.title)} />'

    def render_to_plain(self, token: Token) -> str:
        """The text of spans as an attribute's value."""
        if isinstance(token, TaskMark):
            return ""
        if isinstance(token, span_token.LineBreak):
            return "&#10;"
        if token.children is not None:
            return "".join(self.render_to_plain(child) for child in token.children)
        return characters.attribute(token.content)

    def render_line_break(self, _token: span_token.LineBreak) -> str:
        return "<br />\n"

    def _html_span(self, token: span_token.HtmlSpan) -> str:
        return characters.escape(token.content)

    def _task_mark(self, token: TaskMark) -> str:
        return self._boxes[token.done]

    def _footnote_reference(self, token: FootnoteReference) -> str:
        anchor = _mention(token.number, token.mention)
        return f'<sup><a href="#fn-{token.number}" id="{anchor}">{token.number}</a></sup>'

    # Blocks

    def render_document(self, token: block_token.Document) -> str:
        return self._blocks(token.children)

    def _blocks(self, tokens: Iterable[Token] | None) -> str:
        return "".join([f"{self._counted(child)}\n" for child in tokens or ()])

    def _counted(self, token: Token) -> str:
        """A block's HTML. Only blocks of text count, so nothing counts twice."""
        rendered = self.render(token)
        if not isinstance(token, block_token.Quote | block_token.List | Footnotes):
            self._room -= len(rendered)
            if self._room < 0:
                raise BodyTooLarge(TOO_LARGE)
        return rendered

    def render_paragraph(self, token: block_token.Paragraph) -> str:
        return f"<p>{self.render_inner(token)}</p>"

    def render_heading(self, token: block_token.Heading) -> str:
        return f"<h{token.level}>{self.render_inner(token)}</h{token.level}>"

    def render_quote(self, token: block_token.Quote) -> str:
        return f"<blockquote>\n{self._blocks(token.children)}</blockquote>"

    def render_block_code(self, token: block_token.BlockCode) -> str:
        language = f' class="language-{characters.attribute(token.language)}"' if token.language else ""
        return f"<pre><code{language}>{characters.escape(_content(token))}</code></pre>"

    def _html_block(self, token: block_token.HtmlBlock) -> str:
        return f"<p>{characters.escape(_content(token))}</p>"

    def render_thematic_break(self, _token: block_token.ThematicBreak) -> str:
        return "<hr />"

    def render_list(self, token: block_token.List) -> str:
        inner = "".join([f"{self.render_list_item(item)}\n" for item in token.children])
        if token.start is None:
            return f"<ul>\n{inner}</ul>"
        start = f' start="{token.start}"' if token.start != 1 else ""
        return f"<ol{start}>\n{inner}</ol>"

    def render_list_item(self, token: block_token.ListItem) -> str:
        if token.loose:
            inner = self._blocks(token.children)
            return f"<li>\n{inner}</li>" if inner else "<li></li>"
        pieces: list[str] = []
        tight = True  # the piece before was text without <p>, or there is none
        for child in token.children:
            if isinstance(child, block_token.Paragraph):
                pieces.append(self.render_inner(child))
                tight = True
            else:
                pieces.append(f"\n{self._counted(child)}" if tight else self._counted(child))
                pieces.append("\n")
                tight = False
        return f"<li>{''.join(pieces)}</li>"

    def render_table(self, token: block_token.Table) -> str:
        head = self._row(token.header, "th")
        rows = "".join([self._row(row, "td") for row in token.children])
        body = f"<tbody>\n{rows}</tbody>\n" if rows else ""
        return f"<table>\n<thead>\n{head}</thead>\n{body}</table>"

    def _row(self, row: block_token.TableRow, tag: str) -> str:
        pieces: list[str] = ["<tr>\n"]
        for cell in row.children:
            align = f' align="{cell.align}"' if cell.align else ""
            pieces.append(f"<{tag}{align}>{self.render_inner(cell)}</{tag}>\n")
        pieces.append("</tr>\n")
        return "".join(pieces)

    # Footnotes

    def _footnotes(self, token: Footnotes) -> str:
        return f"<hr />\n<ol>\n{self._blocks(token.children)}</ol>"

    def _footnote_item(self, token: FootnoteItem) -> str:
        links = "".join(
            f' <a href="#{_mention(token.number, mention)}">{BACK}{f"<sup>{mention}</sup>" if mention > 1 else ""}</a>'
            for mention in range(1, token.mentions + 1)
        )
        inner = self._blocks(token.children)
        if inner.endswith("</p>\n"):
            inner = inner.removesuffix("</p>\n") + links + "</p>\n"
        else:
            inner = f"{inner}<p>{links.lstrip()}</p>\n"
        return f'<li id="fn-{token.number}">\n{inner}</li>'


def _content(token: Token) -> str:
    children = token.children
    assert children is not None
    return "".join([child.content for child in children])


def _title(title: str) -> str:
    return f' title="{characters.attribute(title)}"' if title else ""


def _mention(number: int, mention: int) -> str:
    return f"fnref-{number}" if mention == 1 else f"fnref-{number}-{mention}"
