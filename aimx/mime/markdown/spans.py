"""Text of a block to mistletoe's span tokens: one pass, each position left behind once (CommonMark section 6, GFM).

mistletoe's own span parser is quadratic on many inputs and recursive; only its token classes are used. Must never lose
text: what is no span, or too deep to be one, stays as it was written.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence

from mistletoe import span_token
from mistletoe.span_token import SpanToken

from aimx import limits
from aimx.mime.markdown import autolinks, characters, links
from aimx.mime.markdown.delimiters import Pair, Stack, run
from aimx.mime.markdown.nesting import Bracket, Builder, End, Piece, auto_link
from aimx.mime.markdown.references import References
from aimx.mime.markdown.tokens import FootnoteReference, token

# Blanks are looked at from the first one only: from each one of many it would take square time.
_SPECIAL = re.compile(r"[\\`*_~\[\]<&]|!\[|(?<! ) +\n")
_RUN = re.compile(r"\*+|_+|~+|`+")
_TICKS = re.compile(r"`+")
_PUNCTUATION = re.compile(characters.PUNCTUATION)
_AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9.+\-]{1,31}:[^\s<>\x00-\x20]*+)>")
_MAIL_AUTOLINK = re.compile(
    r"<([a-zA-Z0-9.!#$%&'*+/=?^_`{|}~\-]++@[a-zA-Z0-9](?:[a-zA-Z0-9\-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9\-]{0,61}[a-zA-Z0-9])?)*+)>"
)
_TAG = re.compile(
    r"<[A-Za-z][A-Za-z0-9\-]*+"
    r"(?:[ \t\n]++[A-Za-z_:][A-Za-z0-9_.:\-]*+(?:[ \t\n]*+=[ \t\n]*+(?:[^ \t\n\"'=<>`]++|'[^']*+'|\"[^\"]*+\"))?+)*+"
    r"[ \t\n]*+/?>|</[A-Za-z][A-Za-z0-9\-]*+[ \t\n]*+>"
)
_MARKUP = (("<!-->", ""), ("<!--->", ""), ("<!--", "-->"), ("<?", "?>"), ("<![CDATA[", "]]>"))
_DECLARATION = re.compile(r"<![A-Za-z]")


def parse(text: str, references: References) -> list[SpanToken]:
    """The span tokens of a block's text."""
    if _SPECIAL.search(text) is None and "://" not in text and "www." not in text.lower():
        return Builder(references.budget).build([text])
    return Builder(references.budget).build(_Scanner(text, references).scan())


class _Scanner:
    """One pass over the text; its result is a flat list of pieces."""

    def __init__(self, text: str, references: References) -> None:
        self.text = text
        self.references = references
        self.pieces: list[Piece] = []
        self.stack = Stack()
        self.brackets: list[Bracket] = []
        self.no_links = 0  # so many brackets at the bottom can no longer begin a link: one was found inside
        self.missing: set[str] = set()  # ends of markup that do not occur again: no second search to the end
        self.ticks: dict[int, list[int]] | None = None  # where the runs of backticks are, by length

    def scan(self) -> Sequence[Piece]:
        text, pieces, budget = self.text, self.pieces, self.references.budget
        webs = autolinks.starts(text)
        webs.reverse()
        position = 0
        special = _SPECIAL.search(text)
        while True:
            start = len(text) if special is None else special.start()
            if start < position:
                special = _SPECIAL.search(text, position)
                continue
            while webs and webs[-1] < position:
                webs.pop()
            if (special is None and not webs) or not budget.span():
                break
            if webs and webs[-1] <= start:
                position = self._web(webs.pop(), position)
                continue
            assert special is not None
            if start > position:
                pieces.append(text[position:start])
            position = self._special(special[0], start)
        if position < len(text):
            pieces.append(text[position:])
        self.stack.resolve(None)
        return pieces

    def _web(self, start: int, position: int) -> int:
        """Take the web address that may begin at `start`, and the text before it."""
        bare = autolinks.web(self.text, start, bracketed=bool(self.brackets))
        if bare is None:
            return position
        self.pieces.append(self.text[position:start])
        self.pieces.append(auto_link(self.text[start : bare.end], bare.url))
        return bare.end

    def _special(self, what: str, start: int) -> int:
        """Take what stands here; answers where the rest begins."""
        if what in "*_~":
            return self._delimiters(start)
        if what == "[":
            return self._open(start, image=False)
        if what == "]":
            return self._close(start)
        if what == "\\":
            return self._escape(start)
        if what == "`":
            return self._code(start)
        if what == "<":
            return self._angle(start)
        if what == "&":
            return self._reference(start)
        if what == "![":
            return self._open(start, image=True)
        return self._break(start, hard=len(what) > len(" \n"), end=start + len(what))

    def _literal(self, start: int, end: int) -> int:
        self.pieces.append(self.text[start:end])
        return end

    def _delimiters(self, start: int) -> int:
        match = _RUN.match(self.text, start)
        assert match is not None
        found = run(self.text, start, match.end())
        if not (found.can_open or found.can_close):
            return self._literal(start, match.end())
        self.pieces.append(found)
        self.stack.push(found)
        return match.end()

    def _escape(self, start: int) -> int:
        following = self.text[start + 1 : start + 2]
        if following == "\n":
            return self._break(start, hard=True, end=start + 2)
        if _PUNCTUATION.match(following):
            self.pieces.append(following)
            return start + 2
        return self._literal(start, start + 1)

    def _break(self, _start: int, *, hard: bool, end: int) -> int:
        if hard:
            self.pieces.append(token(span_token.LineBreak, soft=False, content=""))
        else:
            self.pieces.append("\n")
        return end

    def _reference(self, start: int) -> int:
        match = characters.REFERENCE.match(self.text, start)
        found = None if match is None else characters.character(match[0])
        if match is None or found is None:
            return self._literal(start, start + 1)
        self.pieces.append(found)
        return match.end()

    def _code(self, start: int) -> int:
        text = self.text
        if self.ticks is None:
            self.ticks = {}
            for match in _TICKS.finditer(text):
                self.ticks.setdefault(match.end() - match.start(), []).append(match.start())
        opening = _RUN.match(text, start)
        assert opening is not None
        length = opening.end() - start
        places = self.ticks.get(length, [])
        index = bisect_left(places, opening.end())
        if index == len(places):
            return self._literal(start, opening.end())
        content = text[opening.end() : places[index]].replace("\n", " ")
        if content[0] == content[-1] == " " and content.strip(" "):
            content = content[1:-1]
        self.pieces.append(token(span_token.InlineCode, children=(span_token.RawText(content),)))
        return places[index] + length

    def _angle(self, start: int) -> int:
        text = self.text
        match = _AUTOLINK.match(text, start)
        if match is not None:
            self.pieces.append(auto_link(match[1], match[1]))
            return match.end()
        match = _MAIL_AUTOLINK.match(text, start)
        if match is not None:
            self.pieces.append(auto_link(match[1], f"mailto:{match[1]}"))
            return match.end()
        end = self._markup(start)
        if end < 0:
            return self._literal(start, start + 1)
        self.pieces.append(token(span_token.HtmlSpan, content=text[start:end]))
        return end

    def _markup(self, start: int) -> int:
        """Where the raw HTML that starts here ends; -1 when it is none."""
        text = self.text
        match = _TAG.match(text, start)
        if match is not None:
            return match.end()
        for opening, closing in _MARKUP:
            if text.startswith(opening, start):
                begin = start + len(opening)
                return self._find(closing, begin) if closing else begin
        if _DECLARATION.match(text, start):
            return self._find(">", start)
        return -1

    def _find(self, what: str, start: int) -> int:
        if what in self.missing:
            return -1
        found = self.text.find(what, start)
        if found < 0:
            self.missing.add(what)
            return -1
        return found + len(what)

    def _open(self, start: int, *, image: bool) -> int:
        end = start + (2 if image else 1)
        if self.brackets:
            self.brackets[-1].inner = True
        bracket = Bracket(image, end, len(self.pieces), self.stack.last)
        self.pieces.append(bracket)
        self.brackets.append(bracket)
        return end

    def _close(self, start: int) -> int:
        if not self.brackets:
            return self._literal(start, start + 1)
        opener = self.brackets.pop()
        active = opener.image or len(self.brackets) >= self.no_links
        self.no_links = min(self.no_links, len(self.brackets))
        if not active:
            return self._literal(start, start + 1)
        found = links.inline(self.text, start + 1)
        if found is None:
            found = self._referred(opener, start)
        if found is None:
            if self._footnote(opener, start):
                return start + 1
            return self._literal(start, start + 1)
        kind = "image" if opener.image else "link"
        opener.pair = Pair(kind, opener.text, self.text[start : found.end], found.target)
        self.stack.resolve(opener.below)
        self.pieces.append(End(opener.pair))
        if not opener.image:
            self.no_links = len(self.brackets)
        return found.end

    def _referred(self, opener: Bracket, start: int) -> links.Found | None:
        """The target that is defined elsewhere, by the label behind the bracket or by the text itself."""
        labelled = links.label(self.text, start + 1)
        source, end = labelled if labelled is not None else ("", start + 1)
        if not source:
            if opener.inner or start - opener.start > limits.MARKDOWN_LABEL_CHARACTERS:
                return None
            source = self.text[opener.start : start]
        target = self.references.find(source)
        return None if target is None else links.Found(target, end)

    def _footnote(self, opener: Bracket, start: int) -> bool:
        source = self.text[opener.start : start] if start - opener.start <= limits.MARKDOWN_LABEL_CHARACTERS else ""
        if opener.inner or not source.startswith("^"):
            return False
        mark = self.references.refer(source[1:])
        if mark is None:
            return False
        del self.pieces[opener.piece :]
        self.stack.cut(opener.below)
        if opener.image:
            self.pieces.append("!")
        self.pieces.append(token(FootnoteReference, number=mark.number, mention=mark.mention, content=source))
        return True
