"""The book as HTML and as manual pages: `python -m tests.docs.site dist/book`.

Self-contained: no script, no font, no picture and no style from elsewhere. A link that leads nowhere raises.
"""

import html
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from mistletoe import Document
from mistletoe.html_renderer import HTMLRenderer

from aimx.cli import manual
from tests.docs import config_manual, pages
from tests.docs.pages import ROOT

BOOK = ROOT / "book"
STYLE = Path(__file__).parent / "site.css"


class Chapter(NamedTuple):
    """A page of the book and the heading of the contents below which it stands ("": not in the contents)."""

    page: Path
    title: str
    part: str = ""


class _Renderer(HTMLRenderer):
    """Headings that links can lead to, links to pages that are HTML here, tables that narrow screens can scroll."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.page = page
        self.seen: set[str] = set()

    def render_heading(self, token) -> str:
        inner = self.render_inner(token)
        slug = pages.slug(html.unescape(re.sub(r"<[^>]*>", "", inner)))
        if slug in self.seen:
            raise ValueError(f"{pages.name(self.page)}: two headings are #{slug}")
        self.seen.add(slug)
        anchor = f'<a class="anchor" href="#{slug}" aria-label="link to this section">#</a>' if token.level > 1 else ""
        return f'<h{token.level} id="{slug}">{inner}{anchor}</h{token.level}>'

    def render_table(self, token) -> str:
        return f'<div class="wide">{super().render_table(token)}</div>'

    def render_link(self, token) -> str:
        token.target = address(self.page, token.target)
        return super().render_link(token)

    def render_inline_code(self, token) -> str:
        token.children[0].content = token.children[0].content.replace("\\|", "|")  # escaped for the table around it
        return super().render_inline_code(token)


def file_name(page: Path) -> str:
    """What a page is called in the site; pages beside the book carry their directory."""
    if page == BOOK / "README.md":
        return "index.html"
    place = page.relative_to(BOOK if page.is_relative_to(BOOK) else ROOT)
    stem = "-".join(place.with_suffix("").parts)
    return f"{'source-' if not page.is_relative_to(BOOK) else ''}{stem}.html"


def address(page: Path, target: str) -> str:
    """Where a link of a page leads in the site."""
    if re.match(r"[a-z]+:", target) or target.startswith("#"):
        return target
    path, _, fragment = target.partition("#")
    goal = (page.parent / path).resolve()
    if not goal.is_file():
        raise ValueError(f"{pages.name(page)}: {target} is no page")
    if goal.suffix != ".md":
        return f"files/{goal.name}"
    return file_name(goal) + (f"#{fragment}" if fragment else "")


def chapters() -> list[Chapter]:
    """The contents, in the order of book/README.md, then what its pages link to beside the book."""
    found = [Chapter(BOOK / "README.md", "Contents")]
    for part, below in re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", (BOOK / "README.md").read_text(), re.MULTILINE):
        found += [
            Chapter(BOOK / target, title, part)
            for title, target in re.findall(r"^\| \[([^\]]+)\]\(([^)#]+)\)", below, re.MULTILINE)
        ]
    for chapter in found:
        for goal in _goals(chapter):
            if goal.suffix == ".md" and goal not in {other.page for other in found}:
                found.append(Chapter(goal, _title(goal)))
    return found


def _goals(chapter: Chapter) -> list[Path]:
    """The files of the repository that a page links to."""
    paths = [link.partition("#")[0] for link in pages.links(chapter.page)]
    return [(chapter.page.parent / path).resolve() for path in paths if path]


def _title(page: Path) -> str:
    return page.read_text().partition("\n")[0].removeprefix("# ")


def render(chapter: Chapter, all_of_them: list[Chapter]) -> str:
    """One page as a document."""
    with _Renderer(chapter.page) as renderer:
        body = renderer.render(Document(chapter.page.read_text()))
    listed = [one for one in all_of_them if one.part or one.page == BOOK / "README.md"]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        '<meta name="color-scheme" content="light dark"/>\n'
        f"<title>{html.escape(_title(chapter.page).replace('`', ''))} · aimx</title>\n"
        '<link rel="stylesheet" href="style.css"/>\n</head>\n<body>\n'
        '<a class="skip" href="#page">To the text</a>\n'
        f'<nav class="contents" aria-label="Contents">{_contents(listed, chapter)}</nav>\n'
        f'<main id="page">\n{body}\n{_turn(listed, chapter)}</main>\n</body>\n</html>\n'
    )


def _contents(listed: list[Chapter], shown: Chapter) -> str:
    """The list beside the page; on a narrow screen it is folded behind a line."""
    lines, part = ['<p class="name"><a href="index.html">The aimx book</a></p>'], ""
    for one in listed[1:]:
        if one.part != part:
            part = one.part
            lines.append(f"{'</ul>' if len(lines) > 1 else ''}<h2>{html.escape(part)}</h2><ul>")
        current = ' aria-current="page"' if one.page == shown.page else ""
        lines.append(f'<li><a href="{file_name(one.page)}"{current}>{html.escape(one.title)}</a></li>')
    inner = "\n".join(lines) + "</ul>"
    return f'<input type="checkbox" id="fold"/><label for="fold">Contents</label><div class="list">{inner}</div>'


def _turn(listed: list[Chapter], shown: Chapter) -> str:
    """Links to the page before and the page after."""
    at = next((index for index, one in enumerate(listed) if one.page == shown.page), None)
    if at is None:
        return ""
    turned = []
    if at:
        turned.append(
            f'<a rel="prev" href="{file_name(listed[at - 1].page)}">← {html.escape(listed[at - 1].title)}</a>'
        )
    if at + 1 < len(listed):
        turned.append(
            f'<a rel="next" href="{file_name(listed[at + 1].page)}">{html.escape(listed[at + 1].title)} →</a>'
        )
    return f'<nav class="turn" aria-label="Pages">{"".join(turned)}</nav>\n'


def build(directory: Path) -> None:
    """Write everything into a directory, which is made anew."""
    if directory.exists() and any(directory.iterdir()) and not (directory / "index.html").exists():
        raise SystemExit(f"{directory} holds something else")
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "files").mkdir(parents=True)
    found = chapters()
    for chapter in found:
        (directory / file_name(chapter.page)).write_text(render(chapter, found))
        for goal in _goals(chapter):
            if goal.suffix != ".md":
                shutil.copy(goal, directory / "files" / goal.name)
    shutil.copy(STYLE, directory / "style.css")
    for section in ("man1", "man5"):
        (directory / "man" / section).mkdir(parents=True)
    for words in manual.names():
        (directory / "man" / "man1" / f"{'-'.join(['aimx', *words])}.1").write_text(manual.page(words))
    (directory / "man" / "man5" / "aimx.toml.5").write_text(config_manual.page())


if __name__ == "__main__":
    build(Path(sys.argv[1]))
