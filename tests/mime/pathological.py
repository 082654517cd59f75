"""Markdown that makes naive parsers slow, of any size. After the list of cmark's pathological tests, and our own."""

from collections.abc import Callable


def _repeat(unit: str) -> Callable[[int], str]:
    return lambda size: unit * (size // len(unit.encode()))


def _nest(opening: str, middle: str, closing: str) -> Callable[[int], str]:
    def made(size: int) -> str:
        count = size // (len(opening) + len(closing))
        return opening * count + middle + closing * count

    return made


def _after(head: str, unit: str, tail: str = "") -> Callable[[int], str]:
    return lambda size: head + unit * ((size - len(head)) // len(unit.encode())) + tail


def _counted(line: Callable[[int], str]) -> Callable[[int], str]:
    def made(size: int) -> str:
        pieces: list[str] = []
        length = number = 0
        while length < size:
            number += 1
            pieces.append(line(number))
            length += len(pieces[-1])
        return "".join(pieces)[:size]

    return made


def _twice(unit: Callable[[int], str], mention: Callable[[int], str]) -> Callable[[int], str]:
    def made(size: int) -> str:
        count = size // (len(unit(99_999)) + len(mention(99_999)))
        return "".join(map(unit, range(count))) + "\n" + "".join(map(mention, range(count)))

    return made


def _wide_table(size: int) -> str:
    columns = size // 8
    return "|" + "a|" * columns + "\n|" + "-|" * columns + "\n" + "x\n" * columns


INPUTS: dict[str, Callable[[int], str]] = {
    # cmark
    "nested-emphasis": _nest("*a **a ", "b", " a** a*"),
    "closers-without-openers": _repeat("a_ "),
    "openers-without-closers": _repeat("_a "),
    "link-closers": _repeat("a]"),
    "link-openers": _repeat("[a"),
    "mismatched": _repeat("*a_ "),
    "openers-and-closers-of-three": _after("", "a**b", "c* "),
    "links-in-links": _repeat("[a](b"),
    "links-in-pointed-brackets": _repeat("[a](<b"),
    "nested-brackets": _nest("[", "a", "]"),
    "nested-quotes": _after("", "> ", "a"),
    "nested-lists": _counted(lambda number: "  " * number + "* a\n"),
    "nul": _repeat("abc\0de\0"),
    "backticks": _counted(lambda number: "e" + "`" * number),
    "comments": _repeat("</a\n<!--"),
    "empty-links": _repeat("![[]()"),
    "references": _twice(lambda number: f"[{number}]: /u{number}\n", lambda number: f"[{number}] "),
    "declarations": _repeat("<!A "),
    "instructions": _repeat("<?"),
    "cdata": _repeat("<![CDATA["),
    "tables": _wide_table,
    # spans
    "strong-emphasis": _repeat("*a **a "),
    "strikes": _repeat("~a ~~b "),
    "stars": _repeat("*"),
    "stars-and-bars": _repeat("_*"),
    "nested-links": _nest("[", "a", "](b)"),
    "nested-images": _nest("![", "a", "](b)"),
    "empty-brackets": _repeat("[]"),
    "full-references": _repeat("[a][b]"),
    "parentheses": _repeat("[a](((((((((((((((((("),
    "escaped-parentheses": _repeat("[a](\\("),
    "titles": _repeat('[a](b "'),
    "escapes": _repeat("\\"),
    "tag-attributes": _after("<a ", "b "),
    "tag-quotes": _repeat("<a b='\""),
    "tag-blanks": _after("<a", " "),
    "less-than": _repeat("<"),
    "entities": _repeat("&#"),
    "growing-code": _counted(lambda number: "`" * number + " "),
    "expansion": lambda size: f"[a]: /{'x' * (size // 2)}\n\n" + "[a]" * (size // 6),
    "hard-breaks": _repeat("a  \n"),
    "blanks": lambda size: "a" + " " * (size - 9) + "b*c*",
    "blanks-at-line-ends": _repeat("a" + " " * 2000 + "*\n"),
    # bare addresses
    "www": _repeat("_www."),
    "www-in-parentheses": _repeat("(www.a_"),
    "http": _repeat("http://a "),
    "http-in-brackets": lambda size: "[" * (size // 10) + "http://a]" * (size // 10),
    "http-without-name": _repeat("http://_*"),
    "http-parentheses": _after("http://a.b/", ")"),
    "http-semicolons": _after("http://a.b/", ";"),
    "http-references": _after("http://a.b/", "&a;"),
    "at": _repeat("@"),
    "mail": _repeat("a@b.c "),
    "mail-without-end": _repeat("a@"),
    "mail-local-part": _after("", "a", "@"),
    "mail-in-brackets": _repeat("<a@"),
    # blocks
    "blank-lines": _repeat("\n"),
    "blank-lines-in-lists": _after("- " * 40 + "a\n", " \n"),
    "blank-lines-in-code-in-lists": _after("> " + "- " * 40 + "```\n", "> \n"),
    "lazy-lines": _after("> " * 40 + "a\n", "a\n"),
    "quoted-lines": _repeat("> " * 40 + "a\n"),
    "items": _repeat("1.\n"),
    "kinds-of-items": _repeat("1. a\n2) b\n"),
    "nested-items": _repeat("- " * 50 + "x\n"),
    "definitions": _repeat("[a]: b\n"),
    "definitions-with-titles": _repeat("[a]: b\n'c\n"),
    "labels": _after("[", "a"),
    "headings": _repeat("a\n=\n"),
    "closing-hashes": _after("# a", " #"),
    "breaks": _repeat("* * "),
    "tabs": _repeat(">\t"),
    "fences": _repeat("```\n"),
    "open-fences": _repeat("~~~ a`\n"),
    "html-blocks": _repeat("<div>\n\n"),
    "delimiter-rows": _repeat("|-|-\n"),
    "cells": _after("|a|b|\n|-|-|\n", "|a|b\n"),
    "bars": _repeat("|"),
    "footnotes": _twice(lambda number: f"[^{number}]: n\n", lambda number: f"[^{number}]"),
    "footnote-mentions": _after("[^a]: x\n\n", "[^a]"),
    "footnotes-in-footnotes": _repeat("[^a]: [^a] "),
    "tasks": _repeat("- [ ] a\n"),
    "surrogates": _repeat("\ufffe"),
    "carriage-returns": _repeat("\r"),
    "quotation-marks": _repeat('"'),
}
