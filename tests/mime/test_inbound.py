"""Golden directories: a message and its envelope in, a Markdown file and its attachments out, octet for octet.

`AIMX_UPDATE_GOLDEN=1 pytest tests/mime/test_inbound.py` rewrites what is expected.
"""

import pytest

from aimx.mime import frontmatter
from tests.mime import inbound

KEPT = [directory for directory in inbound.DIRECTORIES if (directory / "expected.md").exists()]  # not as a digest


@pytest.mark.parametrize("directory", inbound.DIRECTORIES, ids=lambda path: path.name)
def test_message_is_stored_as_expected(directory):
    files = inbound.stored(directory)
    if inbound.UPDATE:
        inbound.rewrite(directory, files)
    assert inbound.golden(directory) == files


@pytest.mark.parametrize("directory", KEPT, ids=lambda path: path.name)
def test_document_reads_back(directory):
    fields, body = frontmatter.read(inbound.stored(directory)["expected.md"])
    parsed, _, _ = inbound.examined(directory)
    assert body.decode().removesuffix("\n") == parsed.body.removesuffix("\n")
    assert fields["subject"] == parsed.headers.subject
    assert fields["from"] == parsed.headers.from_
    assert [table["filename"] for table in fields.get("attachments", ())] == [a.filename for a in parsed.attachments]


def test_there_are_enough_of_them():
    assert len(inbound.DIRECTORIES) >= 65
