"""Sent records as golden files, octet for octet.

`AIMX_UPDATE_GOLDEN=1 pytest tests/store/test_sent_documents.py` rewrites what is expected.
"""

import os
import tomllib
from pathlib import Path

import pytest

from aimx.mime import outbound
from aimx.model.config import Mailbox
from aimx.model.message import Attachment
from aimx.model.outbound import Composed, RecipientOutcome, Record
from aimx.policy import verdict
from aimx.store import document, sent
from aimx.store.sent import Letter

GOLDEN = Path(__file__).parents[2] / "fixtures" / "sent"
AT = 1_778_155_200.0  # 2026-05-07 12:00:00 UTC
HEAD = "From: Ops <ops@agent.test>\r\nTo: Bob <bob@remote.test>\r\nSubject: Daily briefing\r\n"
DATE = "Date: Thu, 07 May 2026 14:00:00 +0200\r\n"
SOURCE = "# Daily briefing\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nSent from AIMX.  \nhttps://aimx.email\n"
EVERY = (
    DATE + "Message-ID: <kept@agent.test>\r\nCc: =?utf-8?q?J=C3=BCrgen?= <j@two.test>, k@two.test\r\n"
    "Bcc: hidden@three.test, Other <other@three.test>\r\nReply-To: Desk <desk@agent.test>\r\n"
    "In-Reply-To: <2@remote.test>\r\nReferences: <1@remote.test>\r\n <2@remote.test>\r\nList-Id: <l.agent.test>\r\n"
)
HOSTILE = (
    'From: "Ops\u202e" <ops@agent.test>\r\nTo: bob@remote.test\r\n'
    "Subject: =?utf-8?q?a=09b=C2=80c=E2=80=AE=F3=A0=81=81_=22q=22_=5C_+++?=\r\nDate: never\r\n"
)
FILES = (Attachment("a.txt", "text/plain", b"attached"), Attachment("Ü ber.bin", "application/octet-stream", b"\0" * 9))


class Case:
    """One submission, what a worker made of it, and what became of each recipient (by number)."""

    def __init__(self, head, *results, composed="text", source=SOURCE, files=(), wire="") -> None:
        self.submission = outbound.read((head + "\r\n" + "Hi\r\n").encode(), "made@agent.test", AT)
        self.composed = Composed(wire.encode(), b"", b"", composed, source, files)
        self.results = results

    def documents(self):
        """The record before and after delivery; nothing when none is kept."""
        letter = Letter(Mailbox("ops", "ops@agent.test", "alice"), self.submission, self.composed, 1234)
        outcomes = tuple(
            RecipientOutcome(str(rcpt), *result)
            for rcpt, result in zip(self.submission.recipients, self.results, strict=True)
        )
        kept = verdict.decide(outcomes, AT + 2).record
        return [
            document.with_id(sent.head(letter, record), "2026-05-07-120000-daily-briefing") + sent.text(letter)
            for record in (Record("pending"), kept)
            if record is not None
        ]


TOOK, LATER, NO = ("delivered", "250 ok"), ("deferred", "451 4.2.0 later"), ("failed", "550 no such user")
CASES = {
    "markdown": Case(HEAD + DATE, TOOK, composed="markdown"),
    "text-failed": Case(HEAD + DATE, NO),
    "html-unknown": Case(HEAD + DATE, ("unknown", "connection lost"), composed="html"),
    "every-field": Case(HEAD + EVERY, TOOK, LATER, TOOK, TOOK, NO, composed="markdown",
                        wire="List-Id: <l.agent.test>\r\nAuto-Submitted:\r\n auto-replied\r\n"),
    "attachments": Case(HEAD + DATE, TOOK, files=FILES),
    "hostile": Case(HOSTILE, ("failed", "550 \x1b]0;x\x07 \"+++\"\u202e"), source="+++\nid = \"fake\"\n+++\n"),
    "bare": Case("From: ops@agent.test\r\nTo: bob@remote.test\r\n", TOOK, source=""),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_record(name):
    _, final = CASES[name].documents()
    path = GOLDEN / f"{name}.md"
    if os.environ.get("AIMX_UPDATE_GOLDEN") == "1":
        path.write_bytes(final)
    assert path.read_bytes() == final


def test_every_golden_file_has_its_case():
    assert {path.stem for path in GOLDEN.glob("*")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_the_pending_record_differs_in_its_outcome_only(name):
    pending, final = (tomllib.loads(text.decode().split("\n+++\n")[0][4:]) for text in CASES[name].documents())
    assert pending["delivery_status"] == "pending"
    outcome = ("delivery_status", "delivered_at", "delivery_details")
    assert {"delivered_at", "delivery_details"}.isdisjoint(pending)
    assert {key: pending[key] for key in pending if key not in outcome} == {
        key: final[key] for key in final if key not in outcome
    }


def test_a_send_that_was_deferred_for_all_leaves_no_record():
    assert len(Case(HEAD, LATER).documents()) == 1
