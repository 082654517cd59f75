"""What the DNS should say and whether it does: a table of zones, judged without any network."""

import pytest

from aimx.model.dns import Answer, Question
from aimx.provision.records import Verdict, Zone, judge, questions, wanted

KEY = "v=DKIM1; k=rsa; p=MIIBIjAN"
HERE = Zone("agent.example.com", "aimx", KEY, "198.51.100.7", None, frozenset(), False)
SIX = HERE._replace(ipv6="2001:db8::7", with_ipv6=True)
NAT = HERE._replace(ipv4=None)

GOOD = {
    ("agent.example.com", "A"): ["198.51.100.7"],
    ("agent.example.com", "MX"): ["10 agent.example.com"],
    ("agent.example.com", "TXT"): ["v=spf1 ip4:198.51.100.7 -all", "other=1"],
    ("aimx._domainkey.agent.example.com", "TXT"): [KEY],
    ("_dmarc.agent.example.com", "TXT"): ["v=DMARC1; p=reject"],
    ("7.100.51.198.in-addr.arpa", "PTR"): ["agent.example.com"],
}


def verdicts(zone: Zone, dns: dict) -> dict[str, Verdict]:
    """Ask as doctor does: round by round, from a table; a name with None does not answer."""
    answers: dict[Question, Answer] = {}
    missing = questions(zone)
    for _ in range(10):
        for question in missing:
            records = dns.get((question.name, question.rtype), [])
            status = "temperror" if records is None else "ok" if records else "nxdomain"
            answers[question] = Answer(question, status, tuple(records or ()))
        found, missing = judge(zone, answers, final=False)
        if not missing:
            break
    assert not missing
    return {verdict.check: verdict for verdict in found}


def states(zone: Zone, changed: dict | None = None) -> dict[str, str]:
    return {check: verdict.state for check, verdict in verdicts(zone, {**GOOD, **(changed or {})}).items()}


ALL_OK = dict.fromkeys(("A", "MX", "SPF", "DKIM", "DMARC", "PTR"), "ok")


def test_a_zone_as_it_should_be():
    assert states(HERE) == ALL_OK


def test_the_records_to_publish_are_the_guides():
    assert [tuple(record) for record in dict.fromkeys(wanted(SIX).values())] == [
        ("A", "agent.example.com", "198.51.100.7"),
        ("AAAA", "agent.example.com", "2001:db8::7"),
        ("MX", "agent.example.com", "10 agent.example.com."),
        ("TXT", "agent.example.com", "v=spf1 ip4:198.51.100.7 ip6:2001:db8::7 -all"),
        ("TXT", "aimx._domainkey.agent.example.com", KEY),
        ("TXT", "_dmarc.agent.example.com", "v=DMARC1; p=reject"),
    ]
    assert wanted(HERE)["SPF"].value == "v=spf1 ip4:198.51.100.7 -all"


def test_records_that_we_ask_for_are_right():
    for zone in (HERE, SIX):
        dns = {}
        for record in wanted(zone).values():
            dns.setdefault((record.name, record.rtype), []).append(record.value.removesuffix("."))
        dns = {key: list(dict.fromkeys(texts)) for key, texts in dns.items()}
        dns["7.100.51.198.in-addr.arpa", "PTR"] = ["agent.example.com"]
        assert {verdict.state for verdict in verdicts(zone, dns).values()} == {"ok"}


NAME = "agent.example.com"
CASES = {
    "no-a": (HERE, {(NAME, "A"): []}, {"A": "wrong"}),
    "a-elsewhere": (HERE, {(NAME, "A"): ["203.0.113.1"]}, {"A": "wrong"}),
    "a-one-of-two": (HERE, {(NAME, "A"): ["203.0.113.1", "198.51.100.7"]}, {}),
    "a-another-of-ours": (HERE._replace(local=frozenset({"203.0.113.1"})), {(NAME, "A"): ["203.0.113.1"]}, {}),
    "a-silent": (HERE, {(NAME, "A"): None}, {"A": "unknown"}),
    "nat-assumes-the-published-address": (NAT, {}, {"A": "unknown"}),
    "nat-nothing-published": (NAT, {(NAME, "A"): []}, {"A": "wrong", "SPF": "unknown", "PTR": None}),
    "nat-spf-elsewhere": (NAT, {(NAME, "TXT"): ["v=spf1 ip4:203.0.113.1 -all"]}, {"A": "unknown", "SPF": "wrong"}),
    "no-mx": (HERE, {(NAME, "MX"): []}, {"MX": "wrong"}),
    "mx-null": (HERE, {(NAME, "MX"): ["0 "]}, {"MX": "wrong"}),
    "mx-name-that-only-contains-ours": (
        HERE,
        {(NAME, "MX"): [f"10 notreally-{NAME}"], (f"notreally-{NAME}", "A"): ["203.0.113.1"]},
        {"MX": "wrong"},
    ),
    "mx-host-of-ours": (HERE, {(NAME, "MX"): ["10 mx.example.com"], ("mx.example.com", "A"): ["198.51.100.7"]}, {}),
    "mx-host-silent": (HERE, {(NAME, "MX"): ["10 mx.example.com"], ("mx.example.com", "A"): None}, {"MX": "unknown"}),
    "mx-host-without-address": (HERE, {(NAME, "MX"): ["10 mx.example.com"]}, {"MX": "wrong"}),
    "mx-nat": (
        NAT,
        {(NAME, "MX"): ["10 m.example"], ("m.example", "A"): ["198.51.100.7"]},
        {"A": "unknown", "MX": "unknown"},
    ),
    "mx-second-server": (HERE, {(NAME, "MX"): [f"10 {NAME}", "20 backup.example"]}, {"MX": "warn"}),
    "mx-second-is-ours": (
        HERE, {(NAME, "MX"): ["5 m.example", f"10 {NAME}"], ("m.example", "A"): ["203.0.113.1"]}, {"MX": "wrong"},
    ),
    "mx-case": (HERE, {(NAME, "MX"): ["10 Agent.Example.COM"]}, {}),
    "spf-none": (HERE, {(NAME, "TXT"): ["other=1"]}, {"SPF": "wrong"}),
    "spf-two": (HERE, {(NAME, "TXT"): ["v=spf1 a -all", "v=spf1 mx -all"]}, {"SPF": "wrong"}),
    "spf-a": (HERE, {(NAME, "TXT"): ["v=spf1 a -all"]}, {}),
    "spf-mx": (HERE, {(NAME, "TXT"): ["v=spf1 mx -all"]}, {}),
    "spf-range": (HERE, {(NAME, "TXT"): ["v=spf1 ip4:198.51.100.0/24 -all"]}, {}),
    "spf-include": (
        HERE,
        {(NAME, "TXT"): ["v=spf1 include:spf.example -all"], ("spf.example", "TXT"): ["v=spf1 ip4:198.51.100.7 -all"]},
        {},
    ),
    "spf-elsewhere": (HERE, {(NAME, "TXT"): ["v=spf1 ip4:198.51.100.70 -all"]}, {"SPF": "wrong"}),
    "spf-soft": (HERE, {(NAME, "TXT"): ["v=spf1 ~all"]}, {"SPF": "wrong"}),
    "spf-broken": (HERE, {(NAME, "TXT"): ["v=spf1 ipv4:198.51.100.7 -all"]}, {"SPF": "wrong"}),
    "spf-include-silent": (
        HERE, {(NAME, "TXT"): ["v=spf1 include:spf.example -all"], ("spf.example", "TXT"): None}, {"SPF": "unknown"},
    ),
    "txt-silent": (HERE, {(NAME, "TXT"): None}, {"SPF": "unknown"}),
    "six-missing": (SIX, {}, {"AAAA": "wrong", "SPF (IPv6)": "wrong"}),
    "six-right": (
        SIX,
        {(NAME, "AAAA"): ["2001:db8::7"], (NAME, "TXT"): ["v=spf1 ip4:198.51.100.7 ip6:2001:db8::/64 -all"]},
        {"AAAA": "ok", "SPF (IPv6)": "ok"},
    ),
    "dkim-none": (HERE, {(f"aimx._domainkey.{NAME}", "TXT"): []}, {"DKIM": "wrong"}),
    "dkim-other-key": (HERE, {(f"aimx._domainkey.{NAME}", "TXT"): ["v=DKIM1; k=rsa; p=AAAA"]}, {"DKIM": "wrong"}),
    "dkim-spaces": (HERE, {(f"aimx._domainkey.{NAME}", "TXT"): ["v=DKIM1;k=rsa;p=MIIB IjAN ;"]}, {}),
    "dkim-two": (HERE, {(f"aimx._domainkey.{NAME}", "TXT"): [KEY, "v=DKIM1; p=AAAA"]}, {"DKIM": "wrong"}),
    "dkim-silent": (HERE, {(f"aimx._domainkey.{NAME}", "TXT"): None}, {"DKIM": "unknown"}),
    "dkim-no-local-key": (HERE._replace(key=None), {}, {"DKIM": "unknown"}),
    "dkim-other-selector": (HERE._replace(selector="aimx2"), {}, {"DKIM": "wrong"}),
    "dmarc-none": (HERE, {(f"_dmarc.{NAME}", "TXT"): []}, {"DMARC": "wrong"}),
    "dmarc-p-none": (HERE, {(f"_dmarc.{NAME}", "TXT"): ["v=DMARC1; p=none"]}, {"DMARC": "warn"}),
    "dmarc-without-policy": (HERE, {(f"_dmarc.{NAME}", "TXT"): ["v=DMARC1; rua=mailto:x@y.z"]}, {"DMARC": "wrong"}),
    "dmarc-two": (HERE, {(f"_dmarc.{NAME}", "TXT"): ["v=DMARC1; p=reject"] * 2}, {"DMARC": "wrong"}),
    "dmarc-silent": (HERE, {(f"_dmarc.{NAME}", "TXT"): None}, {"DMARC": "unknown"}),
    "dmarc-of-the-organization": (
        HERE, {(f"_dmarc.{NAME}", "TXT"): [], ("_dmarc.example.com", "TXT"): ["v=DMARC1; p=quarantine"]}, {},
    ),
    "dmarc-of-the-organization-not-for-us": (
        HERE,
        {(f"_dmarc.{NAME}", "TXT"): [], ("_dmarc.example.com", "TXT"): ["v=DMARC1; p=reject; sp=none"]},
        {"DMARC": "warn"},
    ),
    "ptr-none": (HERE, {("7.100.51.198.in-addr.arpa", "PTR"): []}, {"PTR": "warn"}),
    "ptr-other": (HERE, {("7.100.51.198.in-addr.arpa", "PTR"): ["static-7.provider.example"]}, {"PTR": "warn"}),
    "ptr-silent": (HERE, {("7.100.51.198.in-addr.arpa", "PTR"): None}, {"PTR": "unknown"}),
}  # fmt: skip


@pytest.mark.parametrize(("zone", "changed", "expected"), CASES.values(), ids=CASES)
def test_each_record_is_judged_on_its_own(zone, changed, expected):
    wants = {check: state for check, state in {**ALL_OK, **expected}.items() if state is not None}
    assert states(zone, changed) == wants


def test_everything_silent_is_unknown_never_wrong():
    silent = verdicts(HERE, dict.fromkeys(GOOD, None))
    assert {verdict.state for verdict in silent.values()} == {"unknown"}
    assert all(verdict.record is None for verdict in silent.values())


def test_what_is_wrong_names_the_record_to_publish():
    found = verdicts(HERE, {})
    assert all(verdict.record is not None for verdict in found.values() if verdict.state == "wrong")
    assert {verdict.check for verdict in found.values() if verdict.state == "wrong"} == {
        "A",
        "MX",
        "SPF",
        "DKIM",
        "DMARC",
    }
