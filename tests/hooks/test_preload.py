"""A worker has loaded everything it ever needs before it drops its privileges."""

import subprocess
import sys

import pytest

_CODE = """
import sys
from aimx.worker import main
main.preload()
from aimx.model.dns import Answer
from aimx.model.envelope import Envelope
from aimx.model.job import Done, Job, NeedDns
from aimx.worker.job import Examiner
from tests.hooks import mails
late = []
def hook(name, arguments):
    if name == "open" and isinstance(arguments[0], str):
        late.append(arguments[0])
sys.addaudithook(hook)
before = set(sys.modules)
examiner = Examiner()
for number, (label, octets) in enumerate({**mails.LATE, **EXTRA}.items()):
    envelope = Envelope("a@sender.test", (), "192.0.2.7", "client.test", 1_700_000_000.0)
    answer = examiner.handle(Job(number, "examine", envelope, octets), None)
    while isinstance(answer, NeedDns):
        answers = tuple(RECORDS(question) for question in answer.questions)
        answer = examiner.handle(Job(number, "resume", answers=answers), None)
    assert isinstance(answer, Done), (label, answer)
print("modules", sorted(set(sys.modules) - before))
print("files", sorted(set(late)))
"""

_NOTHING = "EXTRA = {}\nRECORDS = lambda question: Answer(question, 'nxdomain')\n"
_SOMETHING = """
EXTRA = {}
RECORDS = lambda question: {
    "TXT": Answer(question, "ok", (
        "v=DMARC1; p=reject" if question.name.startswith("_dmarc") else
        "v=DKIM1; p=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" if "_domainkey" in question.name else
        "v=spf1 a mx ptr include:_spf.other.test exists:%{i}.x.test redirect=_r.test",)),
    "MX": Answer(question, "ok", ("10 mx.sender.test",)),
    "A": Answer(question, "ok", ("192.0.2.9",)),
    "PTR": Answer(question, "ok", ("host.sender.test",)),
}.get(question.rtype, Answer(question, "nodata"))
"""


_SIGNED = """
from random import Random
from tests.bench import corpus
signer = corpus.Corpus()
EXTRA = {"signed": signer.messages(4000, 1, corpus.alternative)[0]}
def RECORDS(question):
    records = signer.zone().get(question.name, {}).get(question.rtype, ())
    return Answer(question, "ok" if records else "nxdomain", tuple(records))
"""


def _late(records):
    run = subprocess.run([sys.executable, "-c", records + _CODE], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


@pytest.mark.parametrize("records", [_NOTHING, _SOMETHING, _SIGNED], ids=["no dns", "any record", "signed"])
def test_nothing_is_loaded_late(records):
    assert _late(records) == ["modules []", "files []"]
