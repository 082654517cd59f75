"""The book as HTML and manual pages: well-formed, every link lands, nothing comes from elsewhere."""

import re
import shutil
import subprocess

import pytest
from lxml import etree

from aimx.cli import manual
from tests.docs import config_manual, pages, site
from tests.docs.pages import ROOT

CHAPTERS = site.chapters()
each_chapter = pytest.mark.parametrize("name", [site.file_name(one.page) for one in CHAPTERS])


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    directory = tmp_path_factory.mktemp("site") / "book"
    site.build(directory)
    return directory


@pytest.fixture(scope="module")
def trees(built):
    parser = etree.XMLParser(resolve_entities=False)
    return {path.name: etree.fromstring(path.read_bytes(), parser) for path in built.glob("*.html")}


def test_every_page_of_the_book_has_one(trees):
    assert {site.file_name(page) for page in (ROOT / "book").glob("*.md")} <= set(trees)


def test_every_page_is_listed_once():
    assert len({one.page for one in CHAPTERS}) == len(CHAPTERS)


@each_chapter
def test_links_land(built, trees, name):
    for link in trees[name].iter("a"):
        path, _, fragment = link.get("href").partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        if path.startswith("files/"):
            assert (built / path).is_file()
            continue
        target = trees[path or name]
        assert not fragment or target.xpath("//*[@id=$id]", id=fragment), link.get("href")


@each_chapter
def test_nothing_is_loaded_from_elsewhere(trees, name):
    tree = trees[name]
    assert not list(tree.iter("script", "img", "iframe", "object", "embed", "video", "audio"))
    assert [link.get("href") for link in tree.iter("link")] == ["style.css"]


@each_chapter
def test_code_and_tables_arrive_as_they_were_written(trees, name):
    """A bar that is escaped for a table is a bar; no mark of Markdown is left in the text."""
    main = trees[name].find(".//main")
    assert main.find(".//h1") is not None
    text = "".join(main.itertext())
    assert "\\|" not in text
    prose = "".join(piece for node in main.iter("p", "td", "li") for piece in _without_code(node))
    assert "`" not in prose
    assert "](" not in prose


def _without_code(node):
    yield node.text or ""
    for child in node:
        if child.tag not in ("code", "pre"):
            yield from _without_code(child)
        yield child.tail or ""


def test_the_style_names_no_other_host(built):
    assert not re.search(r"url\(|@import|https?:", (built / "style.css").read_text())


def test_a_directory_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(SystemExit):
        site.build(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_every_manual_page_is_there(built):
    wanted = {f"{'-'.join(['aimx', *words])}.1" for words in manual.names()} | {"aimx.toml.5"}
    assert {path.name for path in (built / "man").rglob("*.*") if path.is_file()} == wanted


def test_the_page_of_the_configuration_has_every_key():
    text = config_manual.page()
    tables = [pages.rows(config_manual.CHAPTER, heading) for heading in ("## Mailboxes", "## Hooks")]
    for row in [row for table in tables for row in table]:
        assert f"\\fB{row[0].strip('`')}\\fR" in text


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_has_nothing_to_say_about_the_configuration():
    groff = ["groff", "-Kutf8", "-man", "-Tutf8", "-ww", "-P-c"]
    done = subprocess.run(groff, input=config_manual.page(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
