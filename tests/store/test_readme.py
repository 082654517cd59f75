"""README.md of the data directory: written, refreshed, and never anybody else's."""

import os
import re
import stat
from pathlib import Path

import pytest

from aimx.cli import main
from aimx.store import document, layout, readme, sent

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def refresh(tmp_path):
    """Refresh the README of tmp_path; the path of it."""

    def run() -> Path:
        fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            readme.refresh(fd)
        finally:
            os.close(fd)
        return tmp_path / readme.NAME

    return run


def test_it_is_written_for_everybody_to_read(refresh):
    path = refresh()
    assert path.read_bytes() == readme.document()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert sorted(os.listdir(path.parent)) == [readme.NAME]


def test_it_is_left_as_it_is_while_its_mark_is_ours(refresh):
    path = refresh()
    before = path.stat()
    assert refresh().stat() == before


OLD = {
    "of-the-original": b"<!-- aimx-readme-version: 7 -->\n\n# AIMX\n",
    "of-another-aimx": b"<!-- aimx-readme-version: 0123456789ab -->\nold\n",
    "windows-line-end": b"<!-- aimx-readme-version: 7 -->\r\n",
}


@pytest.mark.parametrize("octets", OLD.values(), ids=OLD)
def test_an_old_one_is_replaced(refresh, tmp_path, octets):
    (tmp_path / readme.NAME).write_bytes(octets)
    (tmp_path / ".README.md.part").write_bytes(b"of a crash")
    assert refresh().read_bytes() == readme.document()
    assert os.listdir(tmp_path) == [readme.NAME]


OWN = {
    "text": b"# Our mail\n",
    "empty": b"",
    "mark-below": b"\n<!-- aimx-readme-version: 7 -->\n",
    "octets": b"\xff" * 900,
}


@pytest.mark.parametrize("octets", OWN.values(), ids=OWN)
def test_one_of_the_operator_is_left_alone(refresh, tmp_path, octets):
    (tmp_path / readme.NAME).write_bytes(octets)
    assert refresh().read_bytes() == octets


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "directory"])
def test_what_is_no_file_is_neither_followed_nor_replaced(refresh, tmp_path, kind):
    path, elsewhere = tmp_path / readme.NAME, tmp_path / "elsewhere"
    if kind == "link":
        elsewhere.write_bytes(OLD["of-the-original"])
    if kind in ("link", "dangling"):
        path.symlink_to(elsewhere)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    before = os.lstat(path)
    refresh()
    assert os.lstat(path) == before
    assert not elsewhere.exists() or elsewhere.read_bytes() == OLD["of-the-original"]


def test_every_field_that_is_written_is_named():
    sources = [Path(module.__file__).read_text() for module in (document, sent)]
    written = {key for source in sources for key in re.findall(r'^        \("([a-z_]+)", ', source, re.MULTILINE)}
    told = set(re.findall(r"`([a-z_]+)", readme.TEXT))
    assert {"id", "trusted", "delivery_status"} <= written
    # Kept for special cases; the book tells them.
    assert written - told == {
        "bcc",
        "to_all",
        "delivered_at",
        "outbound_format",
        "trust_reason",
        "auth_detail",
        "automated",
        "examined",
    }


def test_its_example_name_is_one_that_we_make():
    (name,) = re.findall(r'^id = "(.*)"$', readme.TEXT, re.MULTILINE)
    assert layout.stem(1769851800.0, "Invoice for January") == name


def test_a_start_writes_it(daemon):
    assert (daemon.data / readme.NAME).read_bytes() == readme.document()


def test_its_commands_are_understood():
    lines = re.findall(r"^(?:sudo )?aimx (.*?)(?:   .*)?$", readme.TEXT, re.MULTILINE)
    assert len(lines) == 4
    for words in map(str.split, lines):
        main.parser(main.find(words[0])).parse_args(words[1:])
