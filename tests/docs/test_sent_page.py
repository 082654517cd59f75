"""mailboxes-and-email.md names every field of a sent record, and its table of outcomes is the program's."""

import itertools
import tomllib

from aimx.errors import Exit, disposition
from aimx.model.outbound import RecipientOutcome
from aimx.policy import verdict
from tests.docs import pages
from tests.docs.pages import ROOT

PAGE = ROOT / "book" / "mailboxes-and-email.md"
RESULTS = ("delivered", "failed", "deferred", "unknown")


def test_every_field_of_a_record_is_in_a_table():
    text = PAGE.read_text()
    for path in (ROOT / "fixtures" / "sent").glob("*.md"):
        for key in tomllib.loads(path.read_text().split("\n+++\n")[0][4:]):
            assert f"\n| `{key}` |" in text or key == "attachments", key


def _row(mix):
    decided = verdict.decide(tuple(RecipientOutcome("a@b.test", result, "") for result in mix), 0.0)
    problem = decided.problem
    return (
        decided.record.status if decided.record else "none",
        disposition(problem).code if problem else "OK",
        decided.status,
        str(int(disposition(problem).exit if problem else Exit.OK)),
    )


def test_the_table_of_outcomes_is_the_programs():
    told = {row[0]: tuple(cell.strip("`") for cell in row[1:]) for row in pages.rows(PAGE, "### What became of it")}
    for size in range(1, 5):
        for mix in itertools.combinations(RESULTS, size):
            name = "unknown, and anything else" if "unknown" in mix and size > 1 else ", ".join(mix)
            assert told[name] == _row(mix)
    assert len(told) == 9
