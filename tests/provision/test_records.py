"""What the DNS should say and whether it does: a table of zones, judged without any network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx.model.dns import Answer, Question
from aimx.provision.records import Verdict, Zone, judge, questions, wanted

KEY = "v=DKIM1; k=rsa; p=MIIBIjAN"
HERE = Zone("agent.example.com", "aimx", KEY, "198.51.100.7", None, frozenset(), False)
SIX = HERE._replace(ipv6="2001:db8::7", with_ipv6=True)
NAT = HERE._replace(ipv4=None)
ONLY6 = SIX._replace(ipv4=None, only_ipv6=True)

GOOD = {
    ("agent.example.com", "A"): ["198.51.100.7"],
    ("agent.example.com", "MX"): ["10 agent.example.com"],
    ("agent.example.com", "TXT"): ["v=spf1 ip4:198.51.100.7 -all", "other=1"],
    ("aimx._domainkey.agent.example.com", "TXT"): [KEY],
    ("_dmarc.agent.example.com", "TXT"): ["v=DMARC1; p=reject"],
    ("7.100.51.198.in-addr.arpa", "PTR"): ["agent.example.com"],
}
PTR6 = ("7." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", "PTR")


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
        dns["7.100.51.198.in-addr.arpa", "PTR"] = dns[PTR6] = ["agent.example.com"]
        assert {verdict.state for verdict in verdicts(zone, dns).values()} == {"ok"}


NAME = "agent.example.com"
DKIM = f"aimx._domainkey.{NAME}"
CASES = {
    "no-a": (HERE, {(NAME, "A"): []}, {"A": "wrong"}),
    "a-elsewhere": (HERE, {(NAME, "A"): ["203.0.113.1"]}, {"A": "wrong"}),
    "a-one-of-two": (HERE, {(NAME, "A"): ["203.0.113.1", "198.51.100.7"]}, {"A": "warn"}),
    "a-two-of-ours": (
        HERE._replace(local=frozenset({"203.0.113.1"})), {(NAME, "A"): ["203.0.113.1", "198.51.100.7"]}, {},
    ),
    "a-private": (HERE._replace(local=frozenset({"10.0.0.5"})), {(NAME, "A"): ["10.0.0.5"]}, {"A": "wrong"}),
    "a-private-network": (
        NAT._replace(local=frozenset({"10.0.0.5"})),
        {
            (NAME, "A"): ["10.0.0.5"], (NAME, "TXT"): ["v=spf1 ip4:10.0.0.0/8 -all"],
            ("5.0.0.10.in-addr.arpa", "PTR"): [NAME],
        },
        {"A": "warn"},
    ),
    "a-alias": (HERE, {(NAME, "CNAME"): ["vps.provider.example"]}, {"A": "warn"}),
    "a-alias-elsewhere": (
        HERE, {(NAME, "CNAME"): ["vps.provider.example"], (NAME, "A"): ["203.0.113.1"]}, {"A": "wrong"},
    ),
    "alias-silent": (HERE, {(NAME, "CNAME"): None}, {}),
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
    "mx-second-first-silent": (
        HERE,
        {(NAME, "MX"): ["1 a.example", "1 b.example"], ("a.example", "A"): ["198.51.100.7"], ("b.example", "A"): None},
        {"MX": "unknown"},
    ),
    "mx-two-hosts-of-ours": (
        HERE,
        {(NAME, "MX"): ["10 a.example", f"10 {NAME}"], ("a.example", "A"): ["198.51.100.7"]},
        {},
    ),
    "mx-address": (HERE, {(NAME, "MX"): ["10 198.51.100.7"]}, {"MX": "wrong"}),
    "mx-name-appended": (HERE, {(NAME, "MX"): [f"10 {NAME}.example.com"]}, {"MX": "wrong"}),
    "mx-alias": (
        HERE,
        {(NAME, "MX"): ["10 m.example"], ("m.example", "A"): ["198.51.100.7"], ("m.example", "CNAME"): [NAME]},
        {"MX": "warn"},
    ),
    "mx-host-of-ours-in-ipv6": (
        SIX,
        {
            (NAME, "MX"): ["10 m.example"], ("m.example", "AAAA"): ["2001:db8::7"], (NAME, "AAAA"): ["2001:db8::7"],
            (NAME, "TXT"): ["v=spf1 mx a -all"], PTR6: [NAME],
        },
        {"AAAA": "ok", "SPF (IPv6)": "ok", "PTR (IPv6)": "ok"},
    ),
    "mx-dot": (HERE, {(NAME, "MX"): ["0 ."]}, {"MX": "wrong"}),
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
    "spf-redirect": (
        HERE,
        {(NAME, "TXT"): ["v=spf1 redirect=spf.example"], ("spf.example", "TXT"): ["v=spf1 ip4:198.51.100.7 -all"]},
        {},
    ),
    "spf-tilde": (HERE, {(NAME, "TXT"): ["v=spf1 ip4:198.51.100.7 ~all"]}, {}),
    "spf-without-all": (HERE, {(NAME, "TXT"): ["v=spf1 ip4:198.51.100.7"]}, {}),
    "spf-upper": (HERE, {(NAME, "TXT"): ["V=SPF1 IP4:198.51.100.7 -ALL"]}, {}),
    "spf-everybody": (HERE, {(NAME, "TXT"): ["v=spf1 +all"]}, {"SPF": "warn"}),
    "spf-everybody-by-range": (HERE, {(NAME, "TXT"): ["v=spf1 ip4:0.0.0.0/0 -all"]}, {"SPF": "warn"}),
    "spf-everybody-by-include": (
        HERE,
        {(NAME, "TXT"): ["v=spf1 include:spf.example"], ("spf.example", "TXT"): ["v=spf1 all"]},
        {"SPF": "warn"},
    ),
    "spf-null": (HERE, {(NAME, "TXT"): ["v=spf1 -all"]}, {"SPF": "wrong"}),
    "spf-quoted": (HERE, {(NAME, "TXT"): ['"v=spf1 ip4:198.51.100.7 -all"']}, {"SPF": "wrong"}),
    "spf-too-many": (
        HERE,
        {(NAME, "TXT"): ["v=spf1 " + " ".join(f"include:s{n}.example" for n in range(12)) + " -all"]},
        {"SPF": "wrong"},
    ),
    "spf-elsewhere": (HERE, {(NAME, "TXT"): ["v=spf1 ip4:198.51.100.70 -all"]}, {"SPF": "wrong"}),
    "spf-soft": (HERE, {(NAME, "TXT"): ["v=spf1 ~all"]}, {"SPF": "wrong"}),
    "spf-broken": (HERE, {(NAME, "TXT"): ["v=spf1 ipv4:198.51.100.7 -all"]}, {"SPF": "wrong"}),
    "spf-include-silent": (
        HERE, {(NAME, "TXT"): ["v=spf1 include:spf.example -all"], ("spf.example", "TXT"): None}, {"SPF": "unknown"},
    ),
    "txt-silent": (HERE, {(NAME, "TXT"): None}, {"SPF": "unknown"}),
    "six-missing": (SIX, {}, {"AAAA": "wrong", "SPF (IPv6)": "wrong", "PTR (IPv6)": "warn"}),
    "six-left-alone": (HERE, {(NAME, "AAAA"): ["2001:db8::66"]}, {}),
    "six-only": (
        ONLY6, {
            (NAME, "A"): [], (NAME, "AAAA"): ["2001:db8::7"], PTR6: [NAME],
            (NAME, "TXT"): ["v=spf1 ip6:2001:db8::7 -all"],
        },
        {"A": "warn", "AAAA": "ok", "SPF": None, "SPF (IPv6)": "ok", "PTR": None, "PTR (IPv6)": "ok"},
    ),
    "six-only-not-enabled": (
        ONLY6._replace(with_ipv6=False), {(NAME, "A"): []}, {"A": "wrong", "SPF": "unknown", "PTR": None},
    ),
    "six-right": (
        SIX,
        {
            (NAME, "AAAA"): ["2001:db8::7"], PTR6: [NAME],
            (NAME, "TXT"): ["v=spf1 ip4:198.51.100.7 ip6:2001:db8::/64 -all"],
        },
        {"AAAA": "ok", "SPF (IPv6)": "ok", "PTR (IPv6)": "ok"},
    ),
    "dkim-none": (HERE, {(f"aimx._domainkey.{NAME}", "TXT"): []}, {"DKIM": "wrong"}),
    "dkim-other-key": (HERE, {(f"aimx._domainkey.{NAME}", "TXT"): ["v=DKIM1; k=rsa; p=AAAA"]}, {"DKIM": "wrong"}),
    "dkim-spaces": (HERE, {(f"aimx._domainkey.{NAME}", "TXT"): ["v=DKIM1;k=rsa;p=MIIB IjAN ;"]}, {}),
    "dkim-order": (HERE, {(DKIM, "TXT"): ["p=MIIBIjAN; k=rsa; h=sha1:sha256; s=email; t=s; n=note; v=DKIM1"]}, {}),
    "dkim-least": (HERE, {(DKIM, "TXT"): ["p=MIIBIjAN"]}, {}),
    "dkim-testing": (HERE, {(DKIM, "TXT"): ["v=DKIM1; t=s:y; p=MIIBIjAN"]}, {"DKIM": "warn"}),
    "dkim-revoked": (HERE, {(DKIM, "TXT"): ["v=DKIM1; p="]}, {"DKIM": "wrong"}),
    "dkim-sha1": (HERE, {(DKIM, "TXT"): ["v=DKIM1; h=sha1; p=MIIBIjAN"]}, {"DKIM": "wrong"}),
    "dkim-ed25519": (HERE, {(DKIM, "TXT"): ["v=DKIM1; k=ed25519; p=MIIBIjAN"]}, {"DKIM": "wrong"}),
    "dkim-not-for-mail": (HERE, {(DKIM, "TXT"): ["v=DKIM1; s=tlsrpt; p=MIIBIjAN"]}, {"DKIM": "wrong"}),
    "dkim-version": (HERE, {(DKIM, "TXT"): ["v=DKIM2; p=MIIBIjAN"]}, {"DKIM": "wrong"}),
    "dkim-twice-a-tag": (HERE, {(DKIM, "TXT"): ["v=DKIM1; p=MIIBIjAN; p=MIIBIjAN"]}, {"DKIM": "wrong"}),
    "dkim-cut-off": (HERE, {(DKIM, "TXT"): ["v=DKIM1; k=rsa; p=MIIB"]}, {"DKIM": "wrong"}),
    "dkim-quoted": (HERE, {(DKIM, "TXT"): [f'"{KEY}"']}, {"DKIM": "wrong"}),
    "dkim-wildcard": (HERE, {(DKIM, "TXT"): ["v=spf1 -all"]}, {"DKIM": "wrong"}),
    "dkim-beside-something": (HERE, {(DKIM, "TXT"): ["v=spf1 -all", KEY]}, {}),
    "dkim-two": (HERE, {(f"aimx._domainkey.{NAME}", "TXT"): [KEY, "v=DKIM1; p=AAAA"]}, {"DKIM": "wrong"}),
    "dkim-silent": (HERE, {(f"aimx._domainkey.{NAME}", "TXT"): None}, {"DKIM": "unknown"}),
    "dkim-no-local-key": (HERE._replace(key=None), {}, {"DKIM": "unknown"}),
    "dkim-other-selector": (HERE._replace(selector="aimx2"), {}, {"DKIM": "wrong"}),
    "dmarc-none": (HERE, {(f"_dmarc.{NAME}", "TXT"): []}, {"DMARC": "wrong"}),
    "dmarc-p-none": (HERE, {(f"_dmarc.{NAME}", "TXT"): ["v=DMARC1; p=none"]}, {"DMARC": "warn"}),
    "dmarc-part": (HERE, {(f"_dmarc.{NAME}", "TXT"): ["v=DMARC1; p=reject; pct=20"]}, {"DMARC": "warn"}),
    "dmarc-whole": (HERE, {(f"_dmarc.{NAME}", "TXT"): ["v=DMARC1;p=quarantine;pct=100;adkim=s;aspf=s"]}, {}),
    "dmarc-version-not-first": (HERE, {(f"_dmarc.{NAME}", "TXT"): ["p=reject; v=DMARC1"]}, {"DMARC": "wrong"}),
    "dmarc-beside-something": (HERE, {(f"_dmarc.{NAME}", "TXT"): ["v=spf1 -all", "v=DMARC1; p=reject"]}, {}),
    "dmarc-none-inherited": (
        HERE, {(f"_dmarc.{NAME}", "TXT"): [], ("_dmarc.example.com", "TXT"): ["v=DMARC1; p=none"]}, {"DMARC": "warn"},
    ),
    "dmarc-own-one-wins": (HERE, {("_dmarc.example.com", "TXT"): ["v=DMARC1; p=none"]}, {}),
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


WORDS = {
    "nowhere": ({(NAME, "A"): []}, "A", "agent.example.com does not exist in the DNS"),
    "mx-null": ({(NAME, "MX"): ["0 ."]}, "MX", "takes no mail (null MX)"),
    "mx-address": ({(NAME, "MX"): ["10 198.51.100.7"]}, "MX", "names a host, never an address"),
    "mx-appended": ({(NAME, "MX"): [f"10 {NAME}.example.com"]}, "MX", "end the value with a dot"),
    "spf-quoted": ({(NAME, "TXT"): ['"v=spf1 -all"']}, "SPF", "quotation marks"),
    "spf-everybody": ({(NAME, "TXT"): ["v=spf1 ?all +all"]}, "SPF", "(neutral)"),
    "dkim-quoted": ({(DKIM, "TXT"): [f'"{KEY}"']}, "DKIM", "quotation marks"),
    "dkim-cut-off": ({(DKIM, "TXT"): ["p=MIIB"]}, "DKIM", "4 of 8 characters"),
    "dkim-wildcard": ({(DKIM, "TXT"): ["v=spf1 -all"]}, "DKIM", "the TXT record there is none: v=spf1 -all"),
    "dkim-appended": (
        {(DKIM, "TXT"): [], (f"{DKIM}.example.com", "TXT"): [KEY]}, "DKIM", "enter the name as aimx._domainkey.agent",
    ),
    "dmarc-appended": (
        {(f"_dmarc.{NAME}", "TXT"): [], (f"_dmarc.{NAME}.example.com", "TXT"): ["v=DMARC1; p=reject"]}, "DMARC",
        "enter the name as _dmarc.agent",
    ),
    "dmarc-inherited": (
        {(f"_dmarc.{NAME}", "TXT"): [], ("_dmarc.example.com", "TXT"): ["v=DMARC1; p=none"]}, "DMARC",
        "(of _dmarc.example.com)",
    ),
    "alias": ({(NAME, "CNAME"): ["vps.example"]}, "A", "an alias (CNAME) to vps.example"),
}  # fmt: skip


@pytest.mark.parametrize(("changed", "check", "words"), WORDS.values(), ids=WORDS)
def test_the_reason_says_what_is_the_matter(changed, check, words):
    assert words in verdicts(HERE, {**GOOD, **changed})[check].why


@pytest.mark.parametrize(
    ("zone", "policy", "expected"),
    [
        (HERE, "v=spf1 include:spf.example ~all", "v=spf1 ip4:198.51.100.7 include:spf.example ~all"),
        (HERE, "v=spf1 redirect=spf.example", "v=spf1 ip4:198.51.100.7 redirect=spf.example"),
        (SIX, "v=spf1 ip4:198.51.100.7 -all", "v=spf1 ip6:2001:db8::7 ip4:198.51.100.7 -all"),
        (HERE, "v=spf1 ipv4:198.51.100.7 -all", "v=spf1 ip4:198.51.100.7 -all"),
    ],
    ids=["include", "redirect", "second-family", "broken"],
)
def test_a_policy_keeps_the_others_who_send_for_the_domain(zone, policy, expected):
    other = {("spf.example", "TXT"): ["v=spf1 ip4:203.0.113.9 -all"]}
    found = verdicts(zone, {**GOOD, (NAME, "TXT"): [policy], **other})
    wrong = [verdict for check, verdict in found.items() if check.startswith("SPF") and verdict.state == "wrong"]
    assert [verdict.record.value for verdict in wrong] == [expected]
    mended = {**GOOD, (NAME, "TXT"): [expected], **other}
    assert all(one.state == "ok" for check, one in verdicts(zone, mended).items() if check.startswith("SPF"))


_NOISE = st.sampled_from(
    ["v=DKIM1", "v=DMARC1", "v=spf1", "p=", "p=reject", "k=rsa", ";", " ", "=", "-all", "ip4:", '"', "é", "%{i}"]
)
_TEXTS = st.lists(st.lists(_NOISE, max_size=8).map("".join), max_size=3)


@given(
    txt=_TEXTS,
    dkim=_TEXTS,
    dmarc=_TEXTS,
    hosts=st.lists(st.sampled_from(["0 ", "10 a.b", f"5 {NAME}", "65535 x"]), max_size=3),
)
def test_whatever_is_published_is_judged(txt, dkim, dmarc, hosts):
    dns = {**GOOD, (NAME, "TXT"): txt, (DKIM, "TXT"): dkim, (f"_dmarc.{NAME}", "TXT"): dmarc, (NAME, "MX"): hosts}
    found = verdicts(HERE, dns)
    assert set(found) == set(ALL_OK)
    assert all(verdict.why for verdict in found.values())
    assert all(verdict.record is not None for verdict in found.values() if verdict.state == "wrong")


@given(data=st.data())
def test_a_key_is_the_same_however_it_is_written(data):
    tags = data.draw(st.permutations(["v=DKIM1", "k=rsa", "p=MIIBIjAN", "t=s"]))
    blanks = st.sampled_from(["", " ", "  ", "\t"])
    text = ";".join(data.draw(blanks) + tag.replace("=", "=" + data.draw(blanks)) + data.draw(blanks) for tag in tags)
    at = data.draw(st.integers(0, 8))
    text = text.replace("MIIBIjAN", "MIIBIjAN"[:at] + data.draw(blanks) + "MIIBIjAN"[at:])
    assert states(HERE, {(DKIM, "TXT"): [text]})["DKIM"] == "ok"


@given(dead=st.sets(st.sampled_from(sorted(GOOD))))
def test_silence_is_never_a_failure(dead):
    assert "wrong" not in states(HERE, dict.fromkeys(dead)).values()
