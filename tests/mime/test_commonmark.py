"""Every example of the CommonMark specification and of GFM's extensions; footnotes by our own table.

Raw HTML is shown as text here, so an example with raw HTML is compared with what another implementation,
markdown-it-py, makes of it when its raw HTML is escaped; that implementation must first agree with the specification.
"""

import html
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from aimx import limits
from aimx.mime import render

SPEC = Path(__file__).resolve().parents[2] / "fixtures" / "markdown" / "spec"
COMMONMARK = json.loads((SPEC / "commonmark-0.31.2.json").read_text())
GFM = json.loads((SPEC / "gfm-0.29-extensions.json").read_text())
SCHEME = "its scheme is not one that may be linked"
BARE = "GFM makes a link of a bare address"
# Example: why it differs, and what we make of it.
EXCEPTIONS = {
    596: (SCHEME, "<p>irc://foo.bar:2233/baz</p>\n"),
    598: (SCHEME, "<p>a+b+c:d</p>\n"),
    599: (SCHEME, "<p>made-up-scheme://foo,bar</p>\n"),
    601: (SCHEME, "<p>localhost:5001/foo</p>\n"),
    602: (BARE, '<p>&lt;<a href="https://foo.bar/baz">https://foo.bar/baz</a> bim&gt;</p>\n'),
    606: (BARE, '<p>&lt;<a href="mailto:foo+@bar.example.com">foo+@bar.example.com</a>&gt;</p>\n'),
    608: (BARE, '<p>&lt; <a href="https://foo.bar">https://foo.bar</a> &gt;</p>\n'),
    611: (BARE, '<p><a href="https://example.com">https://example.com</a></p>\n'),
    612: (BARE, '<p><a href="mailto:foo@bar.example.com">foo@bar.example.com</a></p>\n'),
}


def _other(*, escaped: bool) -> MarkdownIt:
    """The other implementation; its own list of schemes is off."""
    other = MarkdownIt("commonmark", {"maxNesting": 200})
    other.validateLink = lambda url: True
    if escaped:
        other.add_render_rule("html_inline", lambda self, tokens, i, *_: _escape(tokens[i].content))
        other.add_render_rule(
            "html_block", lambda self, tokens, i, *_: f"<p>{_escape(tokens[i].content.rstrip())}</p>\n"
        )
    return other


def _escape(text: str) -> str:
    return html.escape(text, quote=False).replace('"', "&quot;")


RAW, ESCAPED = _other(escaped=False), _other(escaped=True)


def _has_raw_html(source: str) -> bool:
    return any(
        token.type in ("html_block", "html_inline")
        for block in RAW.parse(source)
        for token in (block, *(block.children or ()))
    )


def _ours(source: str) -> str:
    """Line ends within a title are references in ours, void elements of GFM's examples are not closed."""
    return render.body(source).replace("&#10;", "\n")


def _id(entry: dict[str, str]) -> str:
    return f"{entry['example']}-{entry['section'].lower().replace(' ', '-')}"


@pytest.mark.parametrize("entry", COMMONMARK, ids=_id)
def test_commonmark(entry):
    source, wanted = entry["markdown"], entry["html"]
    if entry["example"] in EXCEPTIONS:
        wanted = EXCEPTIONS[entry["example"]][1]
        assert wanted != entry["html"]
    elif _has_raw_html(source):
        assert RAW.render(source) == wanted
        wanted = ESCAPED.render(source)
    assert _ours(source) == wanted


@pytest.mark.parametrize("entry", GFM, ids=_id)
def test_gfm_extensions(entry):
    assert _ours(entry["markdown"]) == re.sub(r"(<input [^>]*)>", r"\1 />", entry["html"])


def test_the_examples_are_all_there():
    assert [entry["example"] for entry in COMMONMARK] == list(range(1, 653))
    sections = [entry["section"].partition(" (extension)")[0] for entry in GFM]
    counts = {name: sections.count(name) for name in sections}
    assert counts == {"Tables": 8, "Task list items": 2, "Strikethrough": 2, "Autolinks": 11}
    assert len(EXCEPTIONS) == 9


# Ours against the other on texts that nobody wrote. Left out: what only one of them knows (bare addresses, footnotes,
# nested links), and where the other departs from the specification (definitions in open paragraphs, leading blanks of
# continued lines, comments that end in `--->`, emphasis beside the bracket of an image).
PIECES = (
    *(
        "a",
        "b",
        "foo",
        " ",
        "\n",
        "\n\n",
        "*",
        "**",
        "_",
        "__",
        "`",
        "``",
        "[",
        "]",
        "(",
        ")",
        "[a]",
        "\n\n[a]: /u\n\n",
    ),
    *("<b>", "</b>", "<", "&amp;", "&", "\\*", "> ", ">", "\n- ", "\n+ ", "\n1. ", "\n2) ", "\n# ", "##", "\n---\n"),
    *(
        "\n===\n",
        "***",
        "\n```\n",
        "\n~~~ x\n",
        "\n<div>\n",
        '"t"',
        "'",
        "](/u)",
        "é",
        "\n    ",
        "\n  ",
        "\n>   ",
        "\n-\n",
    ),
)


def _normal(text: str) -> str:
    text = text.replace("<blockquote></blockquote>", "<blockquote>\n</blockquote>").replace("&#10;", "\n")
    return re.sub(r"\s+", " ", re.sub(r"\s*</p>", "</p>", text))


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_another_implementation_agrees(source):
    assert _normal(render.body(source + "\n")) == _normal(ESCAPED.render(source + "\n"))


def _mark(number: int, mention: int = 1) -> str:
    anchor = f"fnref-{number}" + (f"-{mention}" if mention > 1 else "")
    return f'<sup><a href="#fn-{number}" id="{anchor}">{number}</a></sup>'


def _back(number: int, mentions: int = 1) -> str:
    links = [f'<a href="#fnref-{number}">\u21a9\ufe0e</a>']
    links += [f'<a href="#fnref-{number}-{n}">\u21a9\ufe0e<sup>{n}</sup></a>' for n in range(2, mentions + 1)]
    return " ".join(links)


def _notes(*items: str) -> str:
    listed = "".join(f'<li id="fn-{number}">\n{item}</li>\n' for number, item in enumerate(items, 1))
    return f"<hr />\n<ol>\n{listed}</ol>\n"


FOOTNOTES = {
    "one": ("a[^x]\n\n[^x]: n", f"<p>a{_mark(1)}</p>\n" + _notes(f"<p>n {_back(1)}</p>\n")),
    "twice": (
        "a[^x] b[^x]\n\n[^x]: n",
        f"<p>a{_mark(1)} b{_mark(1, 2)}</p>\n" + _notes(f"<p>n {_back(1, 2)}</p>\n"),
    ),
    "numbered-as-mentioned": (
        "[^b] [^a]\n\n[^a]: A\n[^b]: B",
        f"<p>{_mark(1)} {_mark(2)}</p>\n" + _notes(f"<p>B {_back(1)}</p>\n", f"<p>A {_back(2)}</p>\n"),
    ),
    "undefined": ("a[^x]", "<p>a[^x]</p>\n"),
    "unmentioned": ("a\n\n[^x]: n", "<p>a</p>\n"),
    "label-is-compared-without-case": ("[^X]\n\n[^x]: n", f"<p>{_mark(1)}</p>\n" + _notes(f"<p>n {_back(1)}</p>\n")),
    "first-definition-counts": ("[^x]\n\n[^x]: 1\n[^x]: 2", f"<p>{_mark(1)}</p>\n" + _notes(f"<p>1 {_back(1)}</p>\n")),
    "several-blocks": (
        "[^x]\n\n[^x]: n\n\n    m\n\n        c",
        f"<p>{_mark(1)}</p>\n" + _notes(f"<p>n</p>\n<p>m</p>\n<pre><code>c\n</code></pre>\n<p>{_back(1)}</p>\n"),
    ),
    "continued-lazily": ("[^x]\n\n[^x]: n\nm", f"<p>{_mark(1)}</p>\n" + _notes(f"<p>n\nm {_back(1)}</p>\n")),
    "mentions-itself": (
        "[^x]\n\n[^x]: n[^x]",
        f"<p>{_mark(1)}</p>\n" + _notes(f"<p>n{_mark(1, 2)} {_back(1, 2)}</p>\n"),
    ),
    "mentions-another": (
        "[^x]\n\n[^y]: m\n\n[^x]: n[^y]",
        f"<p>{_mark(1)}</p>\n" + _notes(f"<p>n{_mark(2)} {_back(1)}</p>\n", f"<p>m {_back(2)}</p>\n"),
    ),
    "empty": ("[^x]\n\n[^x]:", f"<p>{_mark(1)}</p>\n" + _notes(f"<p>{_back(1)}</p>\n")),
    "in-a-quote": (
        "> [^x]: n\n\n[^x]",
        f"<blockquote>\n</blockquote>\n<p>{_mark(1)}</p>\n" + _notes(f"<p>n {_back(1)}</p>\n"),
    ),
    "not-in-code": ("`[^x]`\n\n[^x]: n", "<p><code>[^x]</code></p>\n"),
    "escaped": ("\\[^x]\n\n[^x]: n", "<p>[^x]</p>\n"),
    "no-image": ("![^x]\n\n[^x]: n", f"<p>!{_mark(1)}</p>\n" + _notes(f"<p>n {_back(1)}</p>\n")),
    "a-link-all-the-same": ("[^x](/u)\n\n[^x]: n", '<p><a href="/u">^x</a></p>\n'),
    "label-with-blanks": ("[^a b]\n\n[^a b]: n", '<p><a href="n">^a b</a></p>\n'),
}


@pytest.mark.parametrize(("source", "wanted"), FOOTNOTES.values(), ids=FOOTNOTES)
def test_footnotes(source, wanted):
    assert render.body(source) == wanted


def test_marks_that_are_nested_too_deeply_are_text():
    deep = limits.MARKDOWN_NESTING
    quoted = render.body("> " * (deep + 3) + "a")
    assert quoted.count("<blockquote>") == deep
    assert "<p>&gt; &gt; &gt; a</p>" in quoted
    source = "*a **b " * deep + "x" + " b** a*" * deep
    spans = render.body(source)
    assert spans.count("<em>") + spans.count("<strong>") == deep
    shown = spans.replace("<em>", "*").replace("</em>", "*").replace("<strong>", "**").replace("</strong>", "**")
    assert shown == f"<p>{source}</p>\n"
    images = render.body("![a" * (deep + 3) + "](/u)" * (deep + 3))
    assert images == '<p><img src="/u" alt="' + "a" * deep + "![a" * 3 + "](/u)" * 3 + '" /></p>\n'


def _linked(url: str, shown: str | None = None) -> str:
    return f'<a href="{url}">{shown or url}</a>'


BARE_ADDRESSES = {
    "quoted": ('"https://a.b/c"', f"&quot;{_linked('https://a.b/c')}&quot;"),
    "without-period": ("http://localhost:8080/x", _linked("http://localhost:8080/x")),
    "upper-case": ("WWW.A.B", _linked("http://WWW.A.B", "WWW.A.B")),
    "other-letters": ("https://\u00fc.b/\u00e4", _linked("https://%C3%BC.b/%C3%A4", "https://\u00fc.b/\u00e4")),
    "underscore-in-the-name": ("http://a_b.c", "http://a_b.c"),
    "no-name": ("http:// https://.a www.", "http:// https://.a www."),
    "inside-a-word": ("xhttp://a.b see:www.a.b", "xhttp://a.b see:www.a.b"),
    "emphasised": ("_http://a.b/c_", f"<em>{_linked('http://a.b/c')}</em>"),
    "struck": ("~~http://a.b~~", f"<del>{_linked('http://a.b')}</del>"),
    "in-parentheses": ("((http://a.b/(x)).", f"(({_linked('http://a.b/(x)')})."),
    "reference-at-the-end": ("http://a.b/&copy;", f"{_linked('http://a.b/')}\u00a9"),
    "before-a-tag": ("http://a.b</p>", f"{_linked('http://a.b')}&lt;/p&gt;"),
    "in-brackets": ("[http://a.b] [http://c.d", f"[{_linked('http://a.b')}] [{_linked('http://c.d')}"),
    "in-a-link": ("[http://a.b d@e.f](/x)", _linked("/x", "http://a.b d@e.f")),
    "in-an-image": ("![http://a.b](/x)", '<img src="/x" alt="http://a.b" />'),
    "in-code": ("`http://a.b a@b.c`", "<code>http://a.b a@b.c</code>"),
    "mail-in-a-sentence": ("it's a@b.c's", f"it's {_linked('mailto:a@b.c', 'a@b.c')}'s"),
    "mail-twice-at": ("a@b.c@d.e", f"{_linked('mailto:a@b.c', 'a@b.c')}@d.e"),
    "mail-empty-label": ("a@b..c", "a@b..c"),
    "mail-with-scheme": ("mailto:a@b.c xmpp:a@b.c/d", f"{_linked('mailto:a@b.c')} {_linked('xmpp:a@b.c/d')}"),
}


@pytest.mark.parametrize(("source", "wanted"), BARE_ADDRESSES.values(), ids=BARE_ADDRESSES)
def test_bare_addresses(source, wanted):
    assert render.body(source) == f"<p>{wanted}</p>\n"


TARGETS = {
    "https://a.b/": True,
    "HTTPS://a.b/": True,
    "mailto:a@b.c": True,
    "tel:+1555": True,
    "#here": True,
    "../x": True,
    "?q=a:b": True,
    "x/y:z": True,
    "1st:x": True,
    "javascript:x": False,
    "JAVASCRIPT:x": False,
    "java&#9;script:x": False,
    "&#x01;javascript:x": False,
    "&#32;javascript:x": False,
    "\u200bjavascript:x": False,
    "java\u00adscript:x": False,
    "javascript&colon;x": False,
    "java\\script:x": False,
    "java%73cript:x": False,
    "\uff4aavascript:x": False,
    "data:text/html,x": False,
    "vbscript:x": False,
    "file:///x": False,
    "&#x01;https://a.b": False,
}


@pytest.mark.parametrize(("target", "linked"), TARGETS.items(), ids=lambda value: ascii(value))
def test_targets(target, linked):
    rendered = render.body(f"[a](<{target}>) [b]\n\n[b]: <{target}>")
    assert (rendered.count("<a ") == 2) is linked
    assert linked or rendered == "<p>a b</p>\n"
