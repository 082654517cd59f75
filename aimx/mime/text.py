"""HTML to Markdown-like text: our own linear tokenizer drives html2text's renderer (its only home).

html.parser, html2text's usual tokenizer, is quadratic on `<a <a <a` and `<!--<!--`; it is never fed. Must never
fetch anything, never hide text (white on white is shown), never raise, never use super-linear time or space.
"""

import html
import re
from functools import lru_cache

import html2text

from aimx import limits

CUT_NOTE = "[HTML shortened: the whole of it is attached]"
_NEXT = re.compile(r"[\"'<>]")
_NAME = re.compile(r"[A-Za-z][^\s/>\x00]{0,60}")
_ATTRIBUTE = re.compile(
    r"""([^\s"'>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"'][^\s>]*+)))?|["'/=]""", re.DOTALL
)
_BLANKS = re.compile(r"\s+")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_RAW_ELEMENTS = frozenset(("script", "style", "title"))  # their content is not text of the message
_WITH_ATTRIBUTES = frozenset(("a", "img", "ol"))
# Elements whose nesting makes html2text write an indent on every line; more of it says nothing.
_INDENTING = frozenset(("ul", "ol", "blockquote"))
# head: html2text stays silent for ever after an unclosed one. abbr: html2text collects its text quadratically.
# The others leave no trace in Markdown and are most of the tags of a newsletter.
_IGNORED = frozenset(
    (
        *("head", "abbr", "html", "span", "font", "center", "tbody", "thead", "tfoot", "col", "colgroup", "small"),
        *("big", "meta", "link", "wbr", "label", "section", "article", "header", "footer", "main", "nav", "form"),
    )
)
_NESTING = 20


class _TooLong(Exception):
    """The output bound was reached."""


class _Renderer(html2text.HTML2Text):
    """html2text with our settings and a bound on what it writes."""

    def __init__(self, bound: int) -> None:
        super().__init__(bodywidth=0)  # wrapped links are broken links
        self.unicode_snob = True
        self._room = bound

    def outtextf(self, s: str) -> None:
        self._room -= len(s)
        if self._room < 0:
            raise _TooLong
        super().outtextf(s)


class _Words:
    """What remains without any markup: for what html2text cannot render."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def handle_tag(self, *_what: object, **_how: object) -> None:
        """Words that markup keeps apart stay apart. Links and pictures say nothing here."""
        self.found.append(" ")

    def handle_data(self, data: str, _escaped: bool) -> None:
        """Text."""
        self.found.append(data)


class _Tokenizer:
    """One pass over the source; every position is left behind exactly once."""

    def __init__(self, source: str, renderer: _Renderer | _Words) -> None:
        self.source = source
        self.renderer = renderer
        self.depth = dict.fromkeys(_INDENTING, 0)
        self.dropped = dict.fromkeys(_INDENTING, 0)
        self.pre = 0
        self.missing: set[str] = set()  # delimiters known not to occur again: no second search to the end

    def run(self) -> None:
        source, position = self.source, 0
        while True:
            start = source.find("<", position)
            if start < 0:
                self.text(source[position:])
                return
            if start > position:
                self.text(source[position:start])
            position = self._markup(start)

    def _find(self, what: str, start: int) -> int:
        if what in self.missing:
            return -1
        found = self.source.find(what, start)
        if found < 0:
            self.missing.add(what)
        return found

    def _markup(self, start: int) -> int:
        source = self.source
        if source.startswith("<!--", start):
            end = self._find("-->", start + 4)
            return self._literal(start, start + 4) if end < 0 else end + 3
        following = source[start + 1 : start + 2]
        if following in ("!", "?"):
            end = self._find(">", start)
            return self._literal(start, start + 2) if end < 0 else end + 1
        closing = following == "/"
        name = _NAME.match(source, start + 1 + closing)
        if name is None:
            return self._literal(start, start + 1)
        end, whole = self._tag_end(name.end())
        if not whole:
            return self._literal(start, end)
        tag = name[0].lower()
        if closing:
            self._close(tag)
        else:
            self._open(tag, source[name.end() : end - 1])
            if tag in _RAW_ELEMENTS:
                return self._raw_end(tag, end)
        return end

    def _literal(self, start: int, end: int) -> int:
        """Broken markup is shown as it stands."""
        self.text(self.source[start:end])
        return end

    def _tag_end(self, position: int) -> tuple[int, bool]:
        """Behind the `>` of a tag, or where it breaks off (at the next `<`, at the end)."""
        source = self.source
        while True:
            match = _NEXT.search(source, position)
            if match is None:
                return len(source), False
            character, position = match[0], match.end()
            if character == ">":
                return position, True
            if character == "<":
                return position - 1, False
            if source[position - 2] in "= \t\r\n":
                closing = self._find(character, position)
                if closing >= 0:
                    position = closing + 1

    def _raw_end(self, tag: str, position: int) -> int:
        """Behind the end tag of an element whose content is no text; here when there is none."""
        if tag in self.missing:
            return position
        match = _end_tag(tag).search(self.source, position)
        if match is None:
            self.missing.add(tag)
            return position
        return self._tag_end(match.end())[0]

    def _open(self, tag: str, rest: str) -> None:
        if tag in _IGNORED or tag in _RAW_ELEMENTS:
            return
        if tag in _INDENTING:
            if self.depth[tag] >= _NESTING:
                self.dropped[tag] += 1
                return
            self.depth[tag] += 1
        if tag == "pre":
            self.pre = 1
        attributes = _attributes(rest) if tag in _WITH_ATTRIBUTES and "=" in rest else {}
        if tag == "img" and (attributes.get("src") or "").startswith(("data:", "cid:")):
            if attributes.get("alt"):
                self.text(f"[{attributes['alt']}]")
            return
        self.renderer.handle_tag(tag, attributes, start=True)

    def _close(self, tag: str) -> None:
        if tag in _IGNORED or tag in _RAW_ELEMENTS:
            return
        if tag in _INDENTING:
            if self.dropped[tag]:
                self.dropped[tag] -= 1
                return
            if not self.depth[tag]:
                return
            self.depth[tag] -= 1
        if tag == "pre":
            self.pre = 0
        self.renderer.handle_tag(tag, {}, start=False)

    def text(self, data: str) -> None:
        """Character data, references decoded; blanks folded, as html2text's patterns are quadratic in blank lines."""
        if "&" in data:
            data = _unescaped(data)
        if not self.pre:
            data = _BLANKS.sub(" ", data)
        if data:
            # html2text escapes what Markdown would take for a list mark or an escape; its five patterns cost more than
            # this look at the one line that the data is by now.
            first = data.lstrip()[:1]
            escapable = "\\" in data or first in "+-" or first.isdecimal()
            self.renderer.handle_data(data, not escapable)


@lru_cache(maxsize=8)
def _end_tag(tag: str) -> re.Pattern[str]:
    return re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE)


def _attributes(source: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for match in _ATTRIBUTE.finditer(source):
        if match[1] is not None:
            value = next((item for item in match.group(2, 3, 4) if item is not None), None)
            if value is not None:
                value = _BLANKS.sub(" ", _unescaped(value)).strip()
            found.setdefault(match[1].lower(), value)
    if not (found.get("start") or "").lstrip("-").isdecimal():
        found.pop("start", None)
    return found


def _unescaped(data: str) -> str:
    try:
        return html.unescape(data)
    except ValueError:  # a reference of thousands of digits
        return data


def from_html(source: str, room: int = limits.HTML_OCTETS) -> str:
    """The text of an HTML document; at most `room` characters of it are read, and the result is bounded too."""
    cut = len(source) > room
    source = source[:room]
    bound = limits.HTML_OUTPUT_FACTOR * max(len(source), limits.HTML_OUTPUT_FLOOR)
    renderer = _Renderer(bound)
    tokenizer = _Tokenizer(source, renderer)
    try:
        tokenizer.run()
        rendered = renderer.finish()
    except _TooLong:
        rendered, cut = "".join(renderer.outtextlist), True
    except (LookupError, ValueError, TypeError, AttributeError, AssertionError, RecursionError):
        rendered = _stripped(source)  # html2text met something its author did not
    rendered = _BLANK_LINES.sub("\n\n", rendered).strip("\n")
    return f"{rendered}\n\n{CUT_NOTE}\n" if cut else f"{rendered}\n"


def _stripped(source: str) -> str:
    """The source without its markup."""
    words = _Words()
    _Tokenizer(source, words).run()
    return "".join(words.found)
