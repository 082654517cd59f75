"""The flat pieces of a text to nested span tokens, no deeper than the bound. Must never lose a piece."""

from collections.abc import Sequence
from typing import TypeAlias

from mistletoe import span_token
from mistletoe.span_token import SpanToken

from aimx import limits
from aimx.mime.markdown import autolinks
from aimx.mime.markdown.budget import Budget
from aimx.mime.markdown.delimiters import Pair, Run
from aimx.mime.markdown.links import Target
from aimx.mime.markdown.tokens import FootnoteReference, token


class Bracket:
    """A `[` or `![` that may begin a link or an image."""

    __slots__ = ("below", "image", "inner", "pair", "piece", "start")

    def __init__(self, image: bool, start: int, piece: int, below: Run | None) -> None:
        self.image = image
        self.start = start  # of the text behind it
        self.piece = piece  # its place among the pieces
        self.below = below  # the delimiter run before it
        self.inner = False  # another bracket follows
        self.pair: Pair | None = None

    @property
    def text(self) -> str:
        return "![" if self.image else "["


class End:
    """Where a link or an image ends."""

    __slots__ = ("pair",)

    def __init__(self, pair: Pair) -> None:
        self.pair = pair


Piece: TypeAlias = str | Run | Bracket | End | SpanToken


def auto_link(shown: str, url: str) -> SpanToken:
    """An address that is its own text."""
    return token(span_token.AutoLink, children=(span_token.RawText(shown),), target=url, mailto=False)


_CLASSES: dict[str, type[SpanToken]] = {
    "emphasis": span_token.Emphasis,
    "strong": span_token.Strong,
    "strike": span_token.Strikethrough,
}


class Builder:
    """Pieces to nested tokens, no deeper than the bound."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.levels: list[list[SpanToken]] = [[]]
        self.text: list[str] = []
        self.links = 0  # open ones; a link holds no link

    def build(self, pieces: Sequence[Piece]) -> list[SpanToken]:
        """The tokens of one text."""
        for piece in pieces:
            if isinstance(piece, str):
                self.text.append(piece)
            elif isinstance(piece, Run):
                for pair in piece.closes:
                    self._end(pair)
                if piece.count:
                    self.text.append(piece.character * piece.count)
                for pair in reversed(piece.opens):
                    self._begin(pair)
            elif isinstance(piece, Bracket):
                if piece.pair is None:
                    self.text.append(piece.text)
                else:
                    self._begin(piece.pair)
            elif isinstance(piece, End):
                self._end(piece.pair)
            else:
                self._leaf(piece)
        self._flush()
        return self.levels[0]

    def _flush(self) -> None:
        if not self.text:
            return
        text = "".join(self.text)
        self.text.clear()
        into, position = self.levels[-1], 0
        if "@" in text and not self.links:
            for bare in autolinks.mail(text):
                if not self.budget.span():
                    break
                if bare.start > position:
                    into.append(span_token.RawText(text[position : bare.start]))
                into.append(auto_link(text[bare.start : bare.end], bare.url))
                position = bare.end
        if position < len(text):
            into.append(span_token.RawText(text[position:]))

    def _leaf(self, leaf: SpanToken) -> None:
        if self.links and isinstance(leaf, span_token.AutoLink):
            self.text.append(leaf.children[0].content)
            return
        if self.links and isinstance(leaf, FootnoteReference):
            self.text.append(f"[{leaf.content}]")
            return
        self._flush()
        self.levels[-1].append(leaf)

    def _begin(self, pair: Pair) -> None:
        if len(self.levels) > limits.MARKDOWN_NESTING:
            pair.shown = False
            self.text.append(pair.open_text)
            return
        self._flush()
        self.links += pair.kind == "link"
        self.levels.append([])

    def _end(self, pair: Pair) -> None:
        if not pair.shown:
            self.text.append(pair.close_text)
            return
        self._flush()
        self.links -= pair.kind == "link"
        children = self.levels.pop()
        self.levels[-1].append(_span(pair, children))


def _span(pair: Pair, children: list[SpanToken]) -> SpanToken:
    if isinstance(pair.target, Target):
        url, title = pair.target
        if pair.kind == "image":
            return token(span_token.Image, children=children, src=url, title=title or "")
        return token(span_token.Link, children=children, target=url, title=title or "")
    return token(_CLASSES[pair.kind], children=children)
