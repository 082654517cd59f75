"""`python -m tests.fuzz`: what is found is told, kept and an exit code; what was not measured is said."""

import pytest

from tests.fuzz import __main__ as command
from tests.fuzz.target import TARGETS, Frame, Target


def _fails(octets):
    assert b"x" not in octets


def _run(monkeypatch, tmp_path, run, *words):
    made = Target("toy", run, ("tests/",), (b"x", b"y"), lambda: [b"a"], 64, 4096, len, (Frame(),), (), (), 1.0)
    monkeypatch.setitem(TARGETS, "toy", made)
    monkeypatch.setattr(command, "_OUT", tmp_path / "out")
    monkeypatch.setattr(command, "_EVIDENCE", tmp_path / "evidence" / "fuzz")
    monkeypatch.setattr("sys.argv", ["fuzz", "toy", "--executions", "500", "--seconds", "5", *words])
    return command.main()


def test_a_find_is_told_and_kept(monkeypatch, tmp_path, capfd):
    assert _run(monkeypatch, tmp_path, _fails, "--seed", "3") == 1
    evidence = (tmp_path / "evidence" / "fuzz").read_text()
    assert "FIND toy: AssertionError" in evidence
    assert [path.read_bytes() for path in (tmp_path / "out" / "toy").iterdir()] == [b"x"]
    assert "--seed 3" in capfd.readouterr().out


def test_nothing_found_leaves_no_evidence_of_an_earlier_run(monkeypatch, tmp_path):
    evidence = tmp_path / "evidence" / "fuzz"
    evidence.parent.mkdir()
    evidence.write_text("old")
    assert _run(monkeypatch, tmp_path, len) == 0
    assert not evidence.exists()


@pytest.mark.parametrize(("words", "told"), [(("--cost-seconds", "-1"), True), ((), False)])
def test_families_that_time_was_too_short_for_are_counted(monkeypatch, tmp_path, capfd, words, told):
    assert _run(monkeypatch, tmp_path, len, *words) == 0
    assert ("NOT MEASURED: the cost of" in capfd.readouterr().out) == told


def test_chance_begins_elsewhere_every_day_or_where_it_is_told_to(monkeypatch):
    monkeypatch.setenv("AIMX_FUZZ_SEED", "7")
    assert command.seed() == 7
    monkeypatch.delenv("AIMX_FUZZ_SEED")
    assert len(str(command.seed())) == len("20260101")
