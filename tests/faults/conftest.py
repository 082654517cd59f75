"""The counters of a fault run, added up over its processes."""

from tests.faults.tally import TALLY


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tally"] = TALLY.told()


def pytest_testnodedown(node):
    told = getattr(node, "workeroutput", {}).get("tally")
    if told:
        TALLY.add(told)


def pytest_terminal_summary(terminalreporter):
    if TALLY.faults:
        terminalreporter.section("faults")
        for line in TALLY.lines():
            terminalreporter.write_line(line)
