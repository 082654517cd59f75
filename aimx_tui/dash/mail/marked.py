"""Markdown of a stranger as lines; `document` says what holds for all of them. Loads its parser: import it late."""

import re
from collections.abc import Iterator
from typing import ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from rich.theme import Theme

from aimx import limits
from aimx_tui import safe
from aimx_tui.dash.mail.document import SPACES, Colours, Line, Link

_URL = re.compile(r"""https?://[^\s<>"'`|\\^{}]{1,2000}""")
_TRAILING = ".,;:!?)]*_"
_DEEPEST = 19  # maxNesting of the preset is 20
_COLUMN_CELLS = 5  # of a table, at least, for a character and what is around it
_HARMLESS = {"text", "code_inline", "code_block", "fence", "html_inline", "html_block"}


def lines(text: str, width: int, colours: Colours) -> tuple[list[Line], tuple[Link, ...]]:
    """Of a text that has no unusual spaces. No lines where it is nothing, or what would be left out of it."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    # What a definition of a link says would be hidden; it is shown, as text.
    tokens = parser.disable("reference").parse(text)
    if any(token.level >= _DEEPEST for token in tokens) or _columns(tokens) * _COLUMN_CELLS > width:
        return [], ()  # what is deeper, or has no room, would be left out
    links: list[Link] = []
    for token in tokens:
        token.content = _clean(token)
        if token.info and token.type == "fence":
            token.content = f"⟨{safe.line(token.info)}⟩\n{token.content}"
        if token.type == "inline":
            token.children = list(_Inline(links).tokens(token.children or []))
    drawn = _Markdown("")
    drawn.parsed = tokens
    console = Console(width=width, color_system="truecolor", force_terminal=True, theme=_theme(colours), markup=False)
    options = console.options.update(width=min(width, limits.TUI_MEASURE), height=None)
    rendered = console.render_lines(drawn, options, pad=False)
    found: list[Line] = []
    for line in rendered:
        if not _blank(line):
            found.append([_linked(segment) for segment in line])
        elif found and found[-1]:
            found.append([])  # one is enough to part what tables and lists put several between
    if found and not found[-1]:
        found.pop()
    return found, tuple(links)


def _columns(tokens: list[Token]) -> int:
    """Of the widest table."""
    widest = count = 0
    for token in tokens:
        count = 0 if token.type == "tr_open" else count + (token.type in ("th_open", "td_open"))
        widest = max(widest, count)
    return widest


def _clean(token: Token) -> str:
    return safe.whole(token.content.translate(SPACES)) if token.type in _HARMLESS else token.content


class _Inline:
    """The inside of one paragraph: links become numbers, lines that a program wrapped flow together again."""

    def __init__(self, links: list[Link]) -> None:
        self._links = links
        self._open: list[int] = []  # links are not in each other, but images are in links
        self._cells = 0

    def tokens(self, children: list[Token]) -> Iterator[Token]:
        """What stands for them."""
        for child in children:
            if child.type == "link_open":
                yield self._begin(str(child.attrs.get("href", "")), str(child.attrs.get("title", "")))
            elif child.type == "link_close":
                yield from self._end()
            elif child.type == "image":
                yield from self._image(child)
            elif child.type in ("softbreak", "hardbreak"):
                flows = child.type == "softbreak" and self._cells > limits.TUI_REFLOW_CELLS
                self._cells = self._cells if flows else 0
                yield Token("softbreak" if flows else "hardbreak", "br" if not flows else "", 0)
                self._cells = 0
            elif child.type == "text":
                yield from self._text(_clean(child))
            else:
                child.content = _clean(child)
                self._cells += cell_len(child.content)
                yield child

    def _text(self, text: str) -> Iterator[Token]:
        """With addresses of the web as links, which a reader of plain text expects."""
        at = 0
        for found in _URL.finditer(text) if not self._open else ():
            target = found[0].rstrip(_TRAILING)
            yield from self._words(text[at : found.start()])
            yield self._begin(target)
            yield from self._words(target)
            yield from self._end(numbered=False)
            at = found.start() + len(target)
        yield from self._words(text[at:])

    def _words(self, text: str) -> Iterator[Token]:
        if text:
            self._cells += cell_len(text)
            if self._open:
                number = self._open[-1]
                self._links[number] = self._links[number]._replace(label=self._links[number].label + text)
            yield Token("text", "", 0, content=text)

    def _begin(self, target: str, title: str = "") -> Token:
        self._open.append(len(self._links))
        self._links.append(Link("", target, title))
        return Token("link_open", "a", 1, attrs={"href": str(self._open[-1])})

    def _end(self, numbered: bool = True) -> Iterator[Token]:
        number = self._open[-1]
        if numbered and self._links[number].label != self._links[number].target:
            title = safe.line(self._links[number].title)
            yield Token("text", "", 0, content=f"[{number + 1}]" + (f" “{title}”" if title else ""))
        self._open.pop()
        yield Token("link_close", "a", -1)

    def _image(self, image: Token) -> Iterator[Token]:
        """Its words; it is a stranger's place to be told who looks, so it is a link like others."""
        words = safe.line(image.content) or "no description"
        if self._open:
            yield from self._words(f"[image: {words}]")
            return
        yield self._begin(str(image.attrs.get("src", "")), str(image.attrs.get("title", "")))
        yield from self._words(f"[image: {words}]")
        yield from self._end()


class _Heading(Heading):
    """On the left, where all other text begins."""

    LEVEL_ALIGN: ClassVar = dict.fromkeys(Heading.LEVEL_ALIGN, "left")


class _Code(CodeBlock):
    """Without colours: which language it claims to be, a stranger says, and its lexer would be run."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """A stripe on its left."""
        style = console.get_style("markdown.code_block")
        yield Padding(Text(str(self.text).rstrip(), style=style, overflow="fold"), (0, 0, 0, 2), style=style)


class _Markdown(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _Heading,
        "fence": _Code,
        "code_block": _Code,
    }


def _theme(colours: Colours) -> Theme:
    strong, quiet = Style.parse(f"bold {colours.strong}"), Style.parse(colours.quiet)
    code = quiet + Style(meta={"code": True})
    heads = {f"markdown.h{level}": strong for level in range(1, 7)}
    return Theme({
        **heads, "markdown.h1": strong + Style(underline=True), "markdown.code": quiet, "markdown.code_block": code,
        "markdown.block_quote": quiet, "markdown.hr": quiet, "markdown.link_url": Style(underline=True),
        "markdown.item.bullet": strong, "markdown.item.number": strong, "markdown.table.header": strong,
        "markdown.table.border": quiet,
    })  # fmt: skip


def _blank(line: list[Segment]) -> bool:
    """Nothing; a line of code without a character is one."""
    return not any(segment.text.strip() or (segment.style and "code" in segment.style.meta) for segment in line)


def _linked(segment: Segment) -> Segment:
    """Its link as a number for clicks; none of it is told to the terminal."""
    style = segment.style
    if style is None or style.link is None:
        return segment
    return Segment(segment.text, style.update_link(None) + Style(meta={"link": int(style.link)}))
