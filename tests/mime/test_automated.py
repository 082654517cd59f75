"""Mail that no person wrote (U5): what its header or its envelope says."""

import pytest

from aimx.mime.read import read_message
from aimx.model.envelope import Envelope

FROM_A_PERSON = Envelope("a@sender.test", (), "192.0.2.7", "client.test", 1_700_000_000.0)
BOUNCE = Envelope("", (), "192.0.2.7", "client.test", 1_700_000_000.0)
TABLE = {
    "nothing": ("", False),
    "auto-replied": ("Auto-Submitted: auto-replied", True),
    "auto-generated": ("Auto-Submitted: auto-generated", True),
    "a-kind-of-its-own": ("Auto-Submitted: x-robot", True),
    "no": ("Auto-Submitted: no", False),
    "no-in-capitals": ("AUTO-SUBMITTED: NO", False),
    "no-with-a-parameter": ("Auto-Submitted: no; reason=none", False),
    "no-after-a-comment": ("Auto-Submitted: (by (hand)) no (really)", False),
    "begins-like-no": ("Auto-Submitted: no-person", True),
    "in-capitals": ("Auto-Submitted: AUTO-REPLIED", True),
    "with-parameters": ('Auto-Submitted: auto-replied; owner-email="a@b.test"', True),
    "behind-a-comment": ("Auto-Submitted: (no) auto-replied", True),
    "folded": ("Auto-Submitted:\r\n auto-notified", True),
    "empty": ("Auto-Submitted:", True),
    "unreadable": ("Auto-Submitted: ;no", True),
    "taken-back-above": ("Auto-Submitted: no\r\nAuto-Submitted: auto-replied", True),
    "taken-back-below": ("Auto-Submitted: auto-replied\r\nAuto-Submitted: no", True),
    "bulk": ("Precedence: bulk", True),
    "junk": ("Precedence: junk", True),
    "list": ("precedence: List (ours)", True),
    "list-above-another": ("Precedence: list\r\nPrecedence: first-class", True),
    "first-class": ("Precedence: first-class", False),
    "bulky": ("Precedence: bulky", False),
    "in-the-subject": ("Subject: Precedence: bulk", False),
    "of-a-list-by-other-fields": ("List-Id: <l.test>", False),
}


@pytest.mark.parametrize(("lines", "automated"), TABLE.values(), ids=TABLE)
def test_what_the_header_says(lines, automated):
    octets = b"From: a@sender.test\r\n" + (f"{lines}\r\n" if lines else "").encode() + b"\r\nHi\r\n"
    assert read_message(octets, FROM_A_PERSON).headers.automated is automated


def test_a_bounce_is_automatic_whatever_it_says():
    assert read_message(b"From: a@sender.test\r\nAuto-Submitted: no\r\n\r\nHi\r\n", BOUNCE).headers.automated
