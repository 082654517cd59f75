"""The table of figures, on the terminal, as Markdown and as JSON."""

import json
import re

import pytest

from tests.bench.table import COLUMNS, Row, Table, quantile


@pytest.fixture
def table():
    made = Table()
    made.add(Row("Receiving", "1 KB", 349.4, 3.5, 27.94, 46.5))
    made.add(Row("Memory", "the front", mb=53.25, note="bound 60 MB | RSS"))
    made.add(Row("Receiving", "10 KB", 12_345.6, 0.0))
    return made


def test_rows_of_an_area_stay_together(table):
    assert [row.name for row in table.rows_by_area()] == ["1 KB", "10 KB", "the front"]


def test_markdown_has_a_cell_for_each_column(table):
    page = table.markdown("2 cores").splitlines()
    assert page[0] == "2 cores"
    cells = [re.split(r"(?<!\\)\|", line) for line in page[2:]]
    assert {len(row) for row in cells} == {len(COLUMNS) + 5}
    assert page[4] == "| Receiving | 1 KB | 349 | 3.50 | 27.9 | 46.5 |  |  |"
    assert page[5] == "| Receiving | 10 KB | 12,346 | 0.00 |  |  |  |  |"
    assert page[6] == "| Memory | the front |  |  |  |  | 53.2 | bound 60 MB \\| RSS |"


def test_the_terminal_shows_the_machine_and_every_row(table):
    text = table.text("2 cores")
    assert text.startswith("2 cores\n")
    assert [name in text for name in ("Receiving\n", "1 KB", "10 KB", "the front", "bound 60 MB | RSS")] == [True] * 5


def test_the_files_say_the_same(table, tmp_path):
    page, data = table.write(tmp_path / "made", "2 cores")
    assert page.read_text() == table.markdown("2 cores")
    told = json.loads(data.read_text())
    assert told["machine"] == "2 cores"
    assert [row["rate"] for row in told["rows"]] == [349.4, 12_345.6, None]


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [([3.0], 0.99, 3.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 3.0), ([4.0, 1.0, 3.0, 2.0], 0.99, 4.0), ([1.0, 2.0], 0.0, 1.0)],
    ids=["one", "middle", "last", "first"],
)
def test_quantile(values, share, found):
    assert quantile(values, share) == found
