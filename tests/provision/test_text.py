"""What doctor prints: golden files, for a reader without colours and one with them, and one JSON object.

`UPDATE_GOLDEN=1 pytest tests/provision/test_text.py` writes them anew; read the difference before it is kept.
"""

import json
import os
import re
from pathlib import Path

import msgspec
import pytest

from aimx.cli import doctor_text
from aimx.cli.style import Style
from aimx.model.dns import Answer, Question
from aimx.model.status import Waiting
from aimx.provision import checks, report
from aimx.provision.facts import Owner, Probe, Smtp
from aimx.store.survey import Books, HookTrouble
from tests.provision import healthy
from tests.provision.healthy import ALICE, DATA, KEY_FILE, NOW, ROOT, but, directory

replace = msgspec.structs.replace
GOLDEN = Path(__file__).parent / "golden"
REFUSED = f"inbox/catchall belongs to uid 0; run: chown --no-dereference aimx-catchall: {DATA}/inbox/catchall"
SICK = but(
    probe=Probe("/run/aimx/aimx.sock", "absent"),
    smtp=Smtp("127.0.0.1:25", "closed"),
    mailboxes=tuple(replace(box, unread=None) for box in ROOT.mailboxes),
    owners=(Owner("alice", None, None), ROOT.owners[1]),
    directories=(directory("inbox", "catchall", uid=0),),
    books=Books(
        "read",
        waiting=(Waiting("catchall", 2, NOW - 7300, REFUSED),),
        trouble=(HookTrouble("triage", 3, "timed out"),),
        index="read",
    ),
    key=replace(ROOT.key, private=replace(KEY_FILE, state="missing", mode=None, uid=None), record=None),
    names=healthy.names(
        a=["203.0.113.9"], spf=["v=spf1 ip4:203.0.113.9 \x1b[2J-all"], dkim=[], dmarc=["v=DMARC1; p=none"]
    ),
    clock_synchronised=False,
)
DRIFT = but(probe=replace(ROOT.probe, tag="1.2.3", git_hash="9e8f7d6c"))
SILENT = but(
    ALICE,
    probe=Probe("/run/aimx/aimx.sock", "failed", "daemon probe failed: no answer within 500 ms", pid=42, uid=0),
    smtp=Smtp("127.0.0.1:25", "unknown"),
    mailboxes=(),
    owners=(),
    directories=(),
    key=None,
    names=None,
)
FACTS = {"healthy-root": ROOT, "healthy-alice": ALICE, "sick": SICK, "drift": DRIFT, "silent-alice": SILENT}


def _golden(name: str, text: str) -> str:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text)
    return path.read_text()


def _text(facts, coloured: bool) -> str:
    return "\n".join(doctor_text.lines(facts, checks.findings(facts), Style(coloured))) + "\n"


@pytest.mark.parametrize(("name", "facts"), FACTS.items(), ids=FACTS)
def test_the_report_for_people(name, facts):
    assert _text(facts, coloured=False) == _golden(f"{name}.txt", _text(facts, coloured=False))


def test_colours_change_nothing_but_colours_and_marks():
    plain, coloured = _text(SICK, coloured=False), _text(SICK, coloured=True)
    assert coloured == _golden("sick-coloured.txt", coloured)
    assert len(plain.splitlines()) == len(coloured.splitlines())
    assert "[" not in coloured.replace("\x1b[", "").replace("\\x1b[2J", "")


def test_what_strangers_publish_is_not_sent_to_the_terminal():
    assert "\x1b" not in _text(SICK, coloured=False)


def test_the_guides_lines():
    text = _text(ROOT, coloured=False)
    assert "\n  Client version:   v1.2.4 (a1b2c3d4)\n  Server version:   v1.2.4 (a1b2c3d4)\n" in text
    assert "\n  Server version:   v1.2.3 (9e8f7d6c)\n" in _text(DRIFT, coloured=False)
    assert "\n  Server version:   (daemon not running)\n" in _text(SICK, coloured=False)
    assert "(daemon probe failed: no answer within 500 ms)" in _text(SILENT, coloured=False)
    assert "support   owner=alice" not in text
    assert "  support  owner=alice  [OK] uid=1001\n" in text
    assert "  support  owner=alice  [FAIL] user not found\n" in _text(SICK, coloured=False)
    titles = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert titles == ["Configuration", "Service", "Mailboxes", "Ownership", "DNS", "Logs", "Checks"]


@pytest.mark.parametrize(("name", "facts"), FACTS.items(), ids=FACTS)
def test_the_report_for_programs(name, facts):
    found = report.report(facts, checks.findings(facts))
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    assert text == _golden(f"{name}.json", text)
    assert found["ok"] == (found["summary"]["fail"] == 0)


def test_a_lookup_that_is_missing_is_not_a_wrong_record():
    (answer, *_) = (Answer(Question("x", "A"), "ok", ("198.51.100.7",)),)
    facts = but(names=replace(ROOT.names, answers=(answer,)))
    assert [finding.id for finding in checks.findings(facts)] == ["DNS-NOT-CHECKED"]


def test_the_keys_are_those_of_the_book():
    page = (Path(__file__).resolve().parents[2] / "book" / "troubleshooting.md").read_text()
    table = page.split("\n| in the object | holds |\n", 1)[1].split("\n\n", 1)[0]
    told = set(re.findall(r"`([a-z_]+)`", table))
    values = {"fail", "warn", "info", "skip", "ok", "wrong", "unknown", "read", "missing", "unreadable", "broken"}
    values |= {"running", "absent", "failed"}
    assert _keys(report.report(SICK, checks.findings(SICK))) | _keys(report.report(ROOT, ())) == told - (
        values - {"ok"}
    )


def _keys(value) -> set[str]:
    if isinstance(value, dict):
        inner = [_keys(item) for key, item in value.items() if key != "summary"]
        return set(value).union(*inner)
    return set().union(*(_keys(item) for item in value)) if isinstance(value, list) else set()
