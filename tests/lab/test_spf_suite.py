"""The openspf.org test suite for RFC 7208, as shipped in the source archive of the pyspf we pin."""

import importlib.metadata
import subprocess
import sys
import tarfile

import pytest

from aimx.model.dns import Answer, Question
from tests.mailauth.world import resolver, spf_result

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory):
    yaml = pytest.importorskip("yaml", reason="PyYAML reads the suite")
    tree = tmp_path_factory.mktemp("suite")
    version = importlib.metadata.version("pyspf")
    command = [sys.executable, "-m", "pip", "--retries", "1", "--timeout", "15", "download", "-q", "--no-deps"]
    command += ["--no-binary", ":all:", "-d", str(tree), f"pyspf=={version}"]
    fetched = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    archives = list(tree.glob("*.tar.gz"))
    if not archives:
        pytest.skip(f"the source archive of pyspf cannot be fetched: {fetched.stderr.strip()[-200:]}")
    with tarfile.open(archives[0]) as archive:
        member = f"pyspf-{version}/test/rfc7208-tests.yml"
        stream = archive.extractfile(member)
        assert stream is not None
        return list(yaml.safe_load_all(stream.read()))


def _zone(data: dict) -> dict[str, dict[str, list[str] | str]]:
    """The suite's zone in our form: `SPF` entries stand for TXT where there is none, `TIMEOUT` for any failure."""
    zone: dict[str, dict[str, list[str] | str]] = {}
    for name, entries in data.items():
        types = {next(iter(entry)) for entry in entries if isinstance(entry, dict)}
        records: dict[str, list[str] | str] = {}
        for entry in entries:
            if not isinstance(entry, dict):
                records["*"] = "temperror"
                continue
            ((rtype, value),) = entry.items()
            if rtype == "SPF" and "TXT" in types:
                continue
            rtype = "TXT" if rtype == "SPF" else rtype
            if value == "NONE":
                continue
            records.setdefault(rtype, [])
            assert isinstance(records[rtype], list)
            records[rtype].append(_text(rtype, value))
        zone[str(name)] = records
    return zone


def _text(rtype: str, value) -> str:
    if rtype == "MX":
        return f"{value[0]} {value[1]}"
    return "".join(map(str, value)) if isinstance(value, list) else str(value)


def test_every_case_of_the_suite(scenarios):
    wrong, count = [], 0
    for scenario in scenarios:
        zone = _zone(scenario["zonedata"])
        answer = resolver(zone)

        def resolve(question: Question, zone=zone, answer=answer) -> Answer:
            found = answer(question)
            # A name that fails for some types still has the records that are listed.
            listed = {key.lower(): value for key, value in zone.items()}.get(question.name, {})
            if found.status == "temperror" and isinstance(listed.get(question.rtype), list):
                return Answer(question, "ok", tuple(listed[question.rtype]), 60)
            return found

        for name, case in scenario["tests"].items():
            expected = case["result"] if isinstance(case["result"], list) else [case["result"]]
            result, _ = spf_result(case["host"], case.get("mailfrom") or "", str(case["helo"]), resolve)
            count += 1
            if result not in expected:
                wrong.append((scenario["description"], name, expected, result))
    assert not wrong
    assert count > 200
