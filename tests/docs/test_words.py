"""Numbers that prose writes as words, and exit codes that it tells, are the program's."""

import re

import pytest

from aimx import limits
from aimx.config import load
from aimx.errors import (
    AnswerNeeded,
    DaemonAbsent,
    DeliveryDeferred,
    Exit,
    Failed,
    NotAuthorized,
    SignFailed,
    disposition,
)
from aimx.integrations import registry
from aimx.mcp import table
from aimx.provision.setup.steps import STEPS
from tests.docs import pages
from tests.docs.claims import source, word
from tests.docs.pages import ROOT
from tests.faults.tally import ENOUGH
from tests.fuzz import targets  # noqa: F401
from tests.fuzz.target import PROGRAM_S, TARGETS, WORKER_S

BOOK = ROOT / "book"
_TENS = {5: "fifty", 6: "sixty", 7: "seventy", 8: "eighty"}
_CORE = {12: "twelve"}[len(table.chosen(True))]
_SECTIONS = (ROOT / "aimx/cli/doctor_text.py").read_text().split("    sections = (\n")[1].split("\n    )\n")[0]
_PARTS = re.findall(r'^        \(\s*"(\w+)",', _SECTIONS, re.MULTILINE)


def _code(error):
    return int(disposition(error).exit)


def _ends(path, pattern):
    """The code that a command returns, by its name in the program."""
    return int(Exit[source(path, pattern)])


CLAIMS = [
    ("README.md", "{} agents wired by one command", word(len(registry.agents()))),
    ("faq.md", "[{}](agents.md) are wired by one command", word(len(registry.agents()))),
    ("cli.md", "`core` serves the guide's {} tools", _CORE),
    ("mcp.md", "serves the {} tools of the core and no others", _CORE),
    ("setup.md", "## The {} steps", word(len(STEPS))),
    ("setup.md", "A checklist of {} lines", word(len(STEPS))),
    ("dns.md", "look again every {} seconds until all is right", word(limits.DNS_WATCH_S)),
    ("security.md", "one per core, at least {} |", word(limits.WORKERS_MIN)),
    ("security.md", "more than {} targets", _TENS[(len(TARGETS) - 1) // 10]),
    ("security.md", "{} of what a worker has before it is killed", {4.0: "a quarter"}[limits.EXAMINE_S / WORKER_S]),
    ("security.md", "{} seconds in a program of its own", word(PROGRAM_S)),
    ("security.md", "each target, {} side by side",
     word(int(source("tests/fuzz/__main__.py", r'"--side-by-side", type=int, default=(\d+)')))),
    ("operations.md", "fewer than {} thousand faults", word(ENOUGH / 1000)),
    ("configuration.md", "a known one ({} edits away)",
     word(int(source("aimx/config/suggest.py", r"within: int = (\d+)")))),
    ("configuration.md", "{} seconds later KILL", word(limits.HOOK_KILL_AFTER_S)),
    ("troubleshooting.md", "The report has {} parts: " + ", ".join(f"**{part}**" for part in _PARTS[:-1]),
     word(len(_PARTS))),
    ("cli.md", "Exit code {} when anything is marked `[FAIL]`, otherwise {}: warnings",
     _ends("aimx/cli/doctor.py", r'return Exit\.(\w+) if any\(finding\.severity == "fail"'),
     _ends("aimx/cli/doctor.py", r"for finding in findings\) else Exit\.(\w+)")),
    ("cli.md", "Exit code {} if both directions work; {} if one does not",
     _ends("aimx/cli/portcheck.py", r"return Exit\.(\w+) if found\.fine"),
     _ends("aimx/cli/portcheck.py", r"if found\.fine else Exit\.(\w+)")),
    ("troubleshooting.md", "so is the exit code: {} when something has failed",
     _ends("aimx/cli/doctor.py", r'return Exit\.(\w+) if any\(finding\.severity == "fail"')),
    ("dns.md", "aimx dns check # exit code {} if something is wrong",
     _ends("aimx/cli/dns.py", r'return Exit\.(\w+) if any\(verdict\.state == "wrong"')),
    ("hooks.md", "its exit code is {} if the hook's is, otherwise {}",
     _ends("aimx/cli/hookruns.py", r"return Exit\.(\w+) if fine"),
     _ends("aimx/cli/hookruns.py", r"if fine else Exit\.(\w+)")),
    ("upgrading.md", "Exit codes: {} upgraded, or nothing to do; {} refused or failed; {} words that it does not know;"
     " {} interrupted", int(Exit.OK), _code(Failed()), int(Exit.USAGE), int(Exit.INTERRUPTED)),
    ("mailboxes-and-email.md", "`AIMX_NONINTERACTIVE=1`, the exit code is {}.", _code(AnswerNeeded())),
    ("reading.md", "others get exit code {}.", _code(DaemonAbsent())),
    ("faq.md", "You are told (`TEMP`, exit code {})", _code(DeliveryDeferred())),
    ("sending.md", "got exit code {}, does not know", int(Exit.NO_ANSWER)),
]  # fmt: skip


@pytest.mark.parametrize(("page", "claim"), [(page, claim) for page, *claim in CLAIMS],
                         ids=[f"{page}: {claim[0]}" for page, *claim in CLAIMS])  # fmt: skip
def test_what_a_page_says_is_what_the_program_has(page, claim):
    sentence, *values = claim
    assert sentence.count("{}") == len(values) > 0
    assert sentence.format(*values) in " ".join((BOOK / page).read_text().split())


def test_the_table_of_what_a_sender_is_told_is_the_programs():
    rows = {row[0]: int(row[1]) for row in pages.rows(BOOK / "sending.md", "## What is told")}
    codes = {
        code: {int(row[1]) for row in pages.rows(BOOK / "mailboxes-and-email.md", "### What became of it")
               for row in [(row[2], row[4])] if row[0] == f"`{code}`"}
        for code in ("TEMP", "DELIVERY")
    }  # fmt: skip
    for text, code in rows.items():
        named = re.findall(r"Error \[(\w+)\]", text)
        if named and named[0] in codes:
            assert codes[named[0]] == {code}
    assert rows["`Error: aimx daemon not running. …`"] == _code(DaemonAbsent())
    assert rows["`Error [SIGN]: …`"] == _code(SignFailed("x"))
    (foreign,) = (code for text, code in rows.items() if "not authorized" in text)
    assert foreign == _code(NotAuthorized("x"))
    (silent,) = (code for text, code in rows.items() if "malformed response" in text)
    assert silent == _ends("aimx/cli/send.py", r"malformed response from the daemon[^\n]*Exit\.(\w+)")


def test_what_a_mailbox_inherits_is_what_its_table_says():
    rows = {row[0].strip("`"): row[2] for row in pages.rows(BOOK / "configuration.md", "## Mailboxes")}
    top = 'domain = "agent.test"\ntrust = "verified"\ntrusted_senders = ["a@b.test"]\n'
    box = '[mailboxes.ops]\naddress = "ops@agent.test"\nowner = "root"\n'
    for text in (top + box, 'domain = "agent.test"\n' + box):
        config = load.parse(text.encode(), "c", None)
        mailbox = config.mailboxes["ops"]
        assert {key for key, default in rows.items() if default == "inherited"} == {"trust", "trusted_senders"}
        assert (mailbox.trust, mailbox.trusted_senders) == (config.trust, config.trusted_senders)
