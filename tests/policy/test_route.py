"""Which mailbox takes a recipient (R1), by SMTP and by hand."""

import pytest

from aimx.config import load
from aimx.errors import RelayDenied, UnknownRecipient
from aimx.policy import route

NAMED = """
domain = "Agent.test"
[mailboxes.ops]
address = "Help.Desk@agent.test"
owner = "a"
[mailboxes.fuss]
address = "fuss@agent.test"
owner = "a"
[mailboxes.moved]
address = "moved@old.test"
owner = "a"
"""
CATCHALL = '[mailboxes.rest]\naddress = "*@agent.test"\nowner = "a"\n'
POSTMASTER = '[mailboxes.postmaster]\naddress = "postmaster@agent.test"\nowner = "a"\n'


def config(text: str):
    return load.parse(text.encode(), "c", None)


TAKEN = {
    "by-address": ("help.desk@agent.test", "ops"),
    "by-address-any-case": ("HELP.desk@AGENT.test", "ops"),
    "by-name": ("ops@agent.test", "ops"),
    "by-name-any-case": ("OPS@agent.test", "ops"),
    "by-name-with-a-foreign-address": ("moved@agent.test", "moved"),
    "catchall": ("anybody@agent.test", "rest"),
    "catchall-by-its-name": ("rest@agent.test", "rest"),
    "quoted-without-need": ('"OPS"@agent.test', "ops"),
    "quoted-address": ('"help\\.desk"@agent.test', "ops"),
    "quoted-postmaster": ('"postmaster"@agent.test', "rest"),
    "quoted-nothing": ('""@agent.test', "rest"),
    "quoted": ('"a b"@agent.test', "rest"),
    "utf-8": ("ü@agent.test", "rest"),
    "sharp-s-is-not-ss": ("fuß@agent.test", "rest"),
    "postmaster": ("postmaster@agent.test", "rest"),
    "postmaster-alone": ("PostMaster", "rest"),
}


@pytest.mark.parametrize(("rcpt", "mailbox"), TAKEN.values(), ids=TAKEN)
def test_a_recipient_has_one_mailbox(rcpt, mailbox):
    assert route.recipient(config(NAMED + CATCHALL), rcpt).name == mailbox


FOREIGN = {
    "other-domain": "ops@elsewhere.test",
    "sub-domain": "ops@sub.agent.test",
    "parent-domain": "ops@test",
    "final-dot": "ops@agent.test.",
    "long-s": "ops@agent.teſt",
    "no-domain": "ops",
    "no-local-part": "@agent.test",
    "empty": "",
    "two-at": "a@b@agent.test",
    "percent-hack-at-elsewhere": "ops%agent.test@elsewhere.test",
    "blank": "a b@agent.test",
    "dots": "a..b@agent.test",
    "path": "../ops@agent.test",
    "control": "a\x01@agent.test",
    "newline": "ops\n@agent.test",
    "literal": "ops@[127.0.0.1]",
}


@pytest.mark.parametrize("rcpt", FOREIGN.values(), ids=FOREIGN)
def test_what_is_not_ours_is_not_relayed(rcpt):
    with pytest.raises(RelayDenied):
        route.recipient(config(NAMED + CATCHALL), rcpt)


@pytest.mark.parametrize("rcpt", ["anybody@agent.test", "postmaster@agent.test", "postmaster", "*@agent.test"])
def test_without_a_catchall_it_is_unknown(rcpt):
    with pytest.raises(UnknownRecipient):
        route.recipient(config(NAMED), rcpt)


POSTMASTERS = {
    "mailbox": (NAMED + CATCHALL + POSTMASTER, "postmaster"),
    "catchall": ('postmaster = "ops"\n' + NAMED + CATCHALL, "rest"),
    "key": ('postmaster = "ops"\n' + NAMED, "ops"),
}


@pytest.mark.parametrize("rcpt", ["postmaster", "POSTMASTER@agent.test"])
@pytest.mark.parametrize(("text", "mailbox"), POSTMASTERS.values(), ids=POSTMASTERS)
def test_postmaster_has_a_mailbox_its_catchall_or_the_key(text, mailbox, rcpt):
    assert route.recipient(config(text), rcpt).name == mailbox


BY_HAND = {
    "ours": ("ops@agent.test", "ops"),
    "name": ("ops", "ops"),
    "foreign": ("help.desk@elsewhere.test", "ops"),
    "foreign-catchall": ("catchall@agent.example.com", "rest"),
    "postmaster": ("postmaster", "rest"),
}


@pytest.mark.parametrize(("rcpt", "mailbox"), BY_HAND.values(), ids=BY_HAND)
def test_by_hand_the_domain_does_not_count(rcpt, mailbox):
    assert route.by_hand(config(NAMED + CATCHALL), rcpt).name == mailbox


@pytest.mark.parametrize("rcpt", ["a b@agent.test", "", "@x", "a\n"], ids=repr)
def test_by_hand_what_is_no_address_is_refused(rcpt):
    with pytest.raises(RelayDenied):
        route.by_hand(config(NAMED + CATCHALL), rcpt)
