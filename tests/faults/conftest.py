"""The counters of a fault run, added up over its processes, and what they say of it whatever its tests say."""

from pathlib import Path

import pytest

from tests import evidence, mx
from tests.faults.shapes import FULL
from tests.faults.tally import TALLY

HERE = Path(__file__).parent
EVIDENCE = evidence.EVIDENCE / "faults"  # there when mail was lost or doubled: no second try makes that good


@pytest.fixture(scope="module")
def server():
    """Somebody's mail server."""
    server = mx.Server()
    yield server
    server.close()


def pytest_sessionstart(session):
    if not hasattr(session.config, "workerinput"):
        evidence.forget(session.config.rootpath / EVIDENCE)


def pytest_sessionfinish(session):
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["tally"] = TALLY.told()
        return
    if TALLY.untrue():
        evidence.leave(config.rootpath / EVIDENCE, "\n".join(TALLY.lines()) + "\n")
    if _verdict(config) and session.exitstatus == 0:
        session.exitstatus = 1


def pytest_testnodedown(node):
    told = getattr(node, "workeroutput", {}).get("tally")
    if told:
        TALLY.add(told)


def pytest_terminal_summary(terminalreporter, config):
    if not TALLY.faults:
        return
    terminalreporter.section("faults")
    for line in [*TALLY.lines(), *(f"FAILED: {reason}" for reason in _verdict(config))]:
        terminalreporter.write_line(line)


def _verdict(config):
    return TALLY.untrue() + (TALLY.few() if FULL and _whole(config) else [])


def _whole(config):
    """Whether all of this directory is run."""
    chosen = {(config.invocation_params.dir / word).resolve() for word in config.args}
    options = config.option
    part = (
        options.keyword
        or options.markexpr
        or getattr(options, "lf", False)
        or options.deselect
        or options.ignore
        or options.maxfail
    )
    return not part and not options.collectonly and bool(chosen & {HERE, *HERE.parents})
