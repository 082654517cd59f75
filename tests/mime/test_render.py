"""Golden files: a Markdown body in, the HTML part out, octet for octet.

`AIMX_UPDATE_GOLDEN=1 pytest tests/mime/test_render.py` rewrites what is expected.
"""

import gc
import os
import re
import socket
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import mistletoe
import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from mistletoe import block_token, core_tokens, span_token

from aimx import errors, limits
from aimx.errors import BodyTooLarge, Exit, WireCode
from aimx.mime import render, stylesheet

ROOT = Path(__file__).resolve().parents[2] / "fixtures" / "markdown"
SOURCES = sorted(ROOT.rglob("*.md"))
SOURCES.remove(ROOT / "README.md")
UPDATE = os.environ.get("AIMX_UPDATE_GOLDEN") == "1"


def _source(path):
    return path.read_bytes().decode()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_golden(path):
    rendered = render.render(_source(path))
    if UPDATE:
        path.with_suffix(".html").write_bytes(rendered.encode())
    assert rendered.encode() == path.with_suffix(".html").read_bytes()
    assert render.render(_source(path)) == rendered


@pytest.mark.parametrize(
    ("name", "low", "high"), [("briefing-5kb.md", 4_900, 5_400), ("report-50kb.md", 49_000, 54_000)]
)
def test_the_large_fixtures_are_as_large_as_they_say(name, low, high):
    assert low <= len((ROOT / name).read_bytes()) <= high


def test_a_briefing_of_5_kb_renders_under_25_kb():
    assert len((ROOT / "briefing-5kb.html").read_bytes()) < 25_000


def test_the_same_octets_in_another_process():
    code = (
        "import sys; from aimx.mime import render; "
        "sys.stdout.buffer.write(render.render(sys.stdin.buffer.read().decode()).encode())"
    )
    source = (ROOT / "briefing-5kb.md").read_bytes()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": "C"}
        run = subprocess.run(
            [sys.executable, "-c", code], input=source, capture_output=True, env=environment, check=True
        )
        assert run.stdout == (ROOT / "briefing-5kb.html").read_bytes()


def test_shape():
    rendered = render.render("a\r\nb\rc")
    assert rendered.startswith('<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head><body style="font-family')
    assert rendered.endswith("a\nb\nc</p>\n</body></html>\n")
    assert "\r" not in rendered


# Styles

ELEMENTS = (
    "body",
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "ul",
    "ol",
    "li",
    "a",
    "code",
    "pre",
    "blockquote",
    "table",
    "th",
    "td",
)
EVERYTHING = "\n\n".join(_source(path) for path in SOURCES if path.parent.name == "features")


@pytest.mark.parametrize("element", (*ELEMENTS, "hr"))
def test_every_element_of_the_guide_has_its_style(element):
    tags = re.findall(rf"<{element}(?: [^>]*)?>", render.render(EVERYTHING))
    assert tags
    assert all(' style="' in tag for tag in tags)


def test_nothing_is_left_to_a_style_sheet_or_to_somebody_else():
    rendered = render.render(EVERYTHING)
    assert not re.search(r"<(?:style|link|script|base|iframe|object)\b", rendered)
    assert "url(" not in rendered
    assert re.findall(r'<img [^>]*src="([^"]*)"', rendered) == ["https://example.com/chart.png", "chart.png"]


@pytest.mark.parametrize("align", ["left", "center", "right"])
def test_alignment_of_a_cell_survives_beside_its_style(align):
    rule = {"left": ":-", "center": ":-:", "right": "-:"}[align]
    rendered = render.render(f"| a |\n|{rule}|\n| b |")
    for tag in ("th", "td"):
        cell = re.search(rf"<{tag} [^>]*>", rendered)
        assert cell is not None
        assert f'align="{align}"' in cell[0]
        assert "padding" in cell[0]
        assert align == "left" or f"text-align:{align}" in cell[0]


def test_premailer_meets_neither_network_nor_files(monkeypatch):
    def never(*_args, **_keywords):
        raise AssertionError("asked for something outside")

    hostile = "".join(_source(path) for path in SOURCES)
    expected = render.render(hostile)
    monkeypatch.setattr(socket, "socket", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(requests, "get", never)
    monkeypatch.setattr("builtins.open", never)
    monkeypatch.setattr("codecs.open", never)
    monkeypatch.setattr(os, "open", never)
    assert render.render(hostile) == expected


# Bounds

CANONICAL = (
    "markdown body exceeds 5 MiB; use --html-body for pre-rendered large documents or --attachment for sending the "
    "document as a file"
)


@pytest.mark.parametrize("source", ["a" * (limits.MARKDOWN_OCTETS + 1), "é" * (limits.MARKDOWN_OCTETS // 2 + 1)])
def test_a_source_over_the_cap_is_refused_with_the_guides_sentence(source):
    with pytest.raises(BodyTooLarge) as refused:
        render.render(source)
    assert refused.value.reason == CANONICAL
    assert errors.disposition(refused.value).code is WireCode.BODY_TOO_LARGE
    assert errors.disposition(refused.value).exit is Exit.FAILED


def test_a_source_at_the_cap_is_rendered():
    source = "word " * (limits.MARKDOWN_OCTETS // 5) + "x" * (limits.MARKDOWN_OCTETS % 5)
    assert len(source) == limits.MARKDOWN_OCTETS
    assert len(render.render(source)) > len(source)


@pytest.mark.parametrize(
    "source",
    ["- a\n" * (limits.MARKDOWN_BLOCKS // 2 + 1), "|a|b|\n|-|-|\n" + "|a|b\n" * 250_000],
    ids=["blocks", "cells"],
)
def test_too_many_elements_are_refused(source):
    with pytest.raises(BodyTooLarge, match="too many elements"):
        render.render(source)


def test_html_over_its_bound_is_refused():
    with pytest.raises(BodyTooLarge, match="25 MiB"):
        render.render('"' * (limits.MARKDOWN_OCTETS - 1))


def test_a_refusal_leaves_nothing_behind():
    before = render.render("[a]: /u\n\n[a] x[^1]\n\n[^1]: n")
    tokens = (list(block_token._token_types), list(span_token._token_types), list(core_tokens._code_matches))
    for source in ('"' * (limits.MARKDOWN_OCTETS - 1), "x" * (limits.MARKDOWN_OCTETS + 1)):
        with pytest.raises(BodyTooLarge):
            render.render(source)
    assert render.render("[a] x[^1]").count("<a ") == 0
    assert render.render("[a]: /u\n\n[a] x[^1]\n\n[^1]: n") == before
    assert tokens == (block_token._token_types, span_token._token_types, core_tokens._code_matches)
    assert mistletoe.token._root_node is None


def test_a_document_is_not_kept():
    render.render(EVERYTHING)
    gc.collect()
    assert not [thing for thing in gc.get_objects() if isinstance(thing, span_token.Link | block_token.Paragraph)]


# What is seen


class _Seen(HTMLParser):
    """The text that a reader sees, and the targets that a click reaches."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.text = []
        self.targets = []
        self.tags = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.targets += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.text.append(data)


def _seen(rendered):
    seen = _Seen()
    seen.feed(rendered)
    seen.close()
    return seen


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a&nbsp;b \u00a0 c", "a\u00a0b \u00a0 c"),
        ("`  a   b  `", " a   b "),
        ("    x\n      y\t z\n\n    w", "x\n  y\t z\n\nw\n"),
        ("]]> --> &lt;b> &amp;amp; <![CDATA[x]]>", "]]> --> <b> &amp; <![CDATA[x]]>"),
        ("a\0b\ud800c\ufffed\x1be", "a\ufffdb\ufffdc\ufffdd\ufffde"),
        (
            "\u202ertl \u200d \U0001f469\u200d\U0001f680 \U0010ffff",
            "\u202ertl \u200d \U0001f469\u200d\U0001f680 \U0010ffff",
        ),
        ("&#128; &#x9f; &#13;", "\x80 \x9f \n"),
        ("</body></html> after", "</body></html> after"),
        ("'\"`\\*", "'\"`*"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_visible_text_is_what_markdown_says(source, text):
    rendered = render.render(source)
    assert "".join(_seen(rendered).text).strip("\n") == text.strip("\n")


SCHEMES = re.compile(r"(?:https?|mailto|tel|ftp|xmpp):", re.IGNORECASE)
TAGS = {
    *ELEMENTS,
    *("html", "head", "meta", "h5", "h6", "hr", "br", "strong", "em", "del", "sup", "thead", "tbody", "tr", "img"),
}


def _check_safe(rendered):
    seen = _seen(rendered)
    assert seen.tags <= TAGS
    for target in seen.targets:
        head = re.split(r"[/?#]", target, maxsplit=1)[0]
        assert ":" not in head or SCHEMES.match(target) or not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", target), target
        assert not re.search(r"[\x00-\x20\x7f]", target)
    return seen


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_fixtures_are_safe(path):
    _check_safe((path.with_suffix(".html")).read_bytes().decode())


def test_attacks_by_scheme_leave_only_text():
    rendered = render.render(_source(ROOT / "attacks" / "schemes.md"))
    assert _seen(rendered).targets == []
    assert all(f"{letter}" in "".join(_seen(rendered).text) for letter in "abcdefghijklmnopqrstuvw")


PIECES = [
    *(
        "\n",
        "\n\n",
        "  \n",
        "\t",
        "    ",
        " ",
        "> ",
        "- ",
        "1. ",
        "# ",
        "```",
        "~~~",
        "---",
        "===",
        "| a | b |\n|--|:-:|\n",
    ),
    *("|", "*", "**", "_", "~~", "`", "``", "[", "]", "(", ")", "![", "](", "[^1]", "[^1]: ", "[a]", "[a]: ", "<", ">"),
    *(
        "<script>",
        "</script>",
        "javascript:",
        "java\tscript:",
        "&#106;avascript:",
        "data:text/html,",
        "https://a.b/",
        "www.a.b",
    ),
    *(
        "a@b.c",
        "<!--",
        "-->",
        "<b x='",
        '"',
        "'",
        "\\",
        "&",
        "&amp;",
        "&colon;",
        "&#0;",
        "\0",
        "\x1b",
        "\ud800",
        "\ufffe",
    ),
    *("- [ ] ", "- [x] ", "word", "é", "\u00a0", "\u2028", "\U0001f680", "\r", "<https://x.y>", "<javascript:x>"),
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=40).map("".join))
@example("[^1]\n\n[^1]: [^1]")
def test_any_text_becomes_harmless_html(source):
    rendered = render.render(source)
    assert render.render(source) == rendered
    assert "<script" not in rendered
    _check_safe(rendered)
    xml = re.sub(r"<((?:br|hr|img|meta)\b[^>]*)>", r"<\1/>", rendered.partition("\n")[2])
    etree.fromstring(xml.encode())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.from_regex(r"[A-Za-z]{1,8}", fullmatch=True), min_size=1, max_size=8), max_size=6))
def test_words_of_plain_paragraphs_are_all_there(paragraphs):
    rendered = render.render("\n\n".join(" ".join(words) for words in paragraphs))
    assert "".join(_seen(rendered).text).split() == [word for words in paragraphs for word in words]


def test_the_stylesheet_names_nothing_outside():
    assert not re.search(r"url|import|http|expression", stylesheet._CSS)
