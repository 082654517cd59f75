"""The DNS step: several name servers on loopback, asked each by itself, and one verdict out of what they say."""

from contextlib import ExitStack

import pytest
import trio

from aimx.provision import zonewatch
from aimx.provision.records import Record, Zone
from tests.resolver.servers import several

DOMAIN = "agent.example.com"
KEY = "v=DKIM1; k=rsa; p=" + "MIIB" * 98
OURS = Zone(DOMAIN, "aimx", KEY, "198.51.100.7", None, frozenset(), False)
RIGHT = {
    "example.com": {},
    DOMAIN: {"A": ["198.51.100.7"], "MX": [f"10 {DOMAIN}."], "TXT": ["v=spf1 include:spf.other.test -all"]},
    f"aimx._domainkey.{DOMAIN}": {"TXT": [KEY]},
    f"_dmarc.{DOMAIN}": {"TXT": ["v=DMARC1; p=reject"]},
}
# What the resolver has: who answers for the zone, everybody else's names, and an old answer of ours from its cache.
RESOLVER = {
    "example.com": {"NS": ["ns1.example.com.", "ns2.example.com."]},
    "ns1.example.com": {"A": ["127.0.0.2"]},
    "ns2.example.com": {"A": ["127.0.0.3"]},
    DOMAIN: {"A": ["203.0.113.66"]},
    "spf.other.test": {"TXT": ["v=spf1 ip4:198.51.100.0/24 -all"]},
    "7.100.51.198.in-addr.arpa": {"PTR": [f"{DOMAIN}."]},
}
ALL_OK = dict.fromkeys(("A", "MX", "SPF", "DKIM", "DMARC", "PTR"), "ok")


@pytest.fixture
def seen(monkeypatch):
    """Look once at a world: the resolver's zone, and that of each server."""

    def look(one, two, resolver=RESOLVER, zone=OURS):
        zones = {"127.0.0.1": resolver, "127.0.0.2": one, "127.0.0.3": two}
        with ExitStack() as stack:
            running = several({address: names for address, names in zones.items() if names is not None})
            for server in running:
                stack.callback(server.close)
            monkeypatch.setenv("AIMX_TEST_DNS", running[0].address)
            return trio.run(zonewatch.watch(zone).look)

    return look


def states(found):
    return {verdict.check: verdict.state for verdict in found.verdicts}


def why(found, check):
    return next(verdict.why for verdict in found.verdicts if verdict.check == check)


def test_the_servers_of_the_zone_are_believed_and_not_a_cache(seen):
    found = seen(RIGHT, RIGHT)
    assert states(found) == ALL_OK
    assert found.verified
    assert found.servers == "ns1.example.com, ns2.example.com"


def test_a_record_that_one_server_lacks_is_wrong_and_the_server_named(seen):
    old = {**RIGHT, DOMAIN: {**RIGHT[DOMAIN], "MX": ["10 old.other.test."]}}
    found = seen(RIGHT, old)
    assert states(found) == {**ALL_OK, "MX": "wrong"}
    assert not found.verified
    assert "MX record points to 10 old.other.test." in why(found, "MX")
    assert "(so says ns2.example.com; ns1.example.com says otherwise: the change is not on every server yet)" in why(
        found, "MX"
    )


def test_a_dead_server_is_named_and_the_others_decide(seen):
    found = seen(RIGHT, None)
    assert states(found) == ALL_OK
    assert found.servers == "ns1.example.com; ns2.example.com does not answer"


def test_a_server_that_does_not_know_the_zone_is_named(seen):
    found = seen({"com": {"RCODE": ["REFUSED"]}}, RIGHT)
    assert found.verified
    assert found.servers == "ns2.example.com; ns1.example.com does not answer for example.com (REFUSED)"


def test_where_no_server_can_be_asked_the_resolver_is(seen):
    everything = {**RESOLVER, **RIGHT, "example.com": RESOLVER["example.com"]}
    found = seen(None, None, everything)
    assert states(found) == ALL_OK
    assert found.servers.startswith("only 127.0.0.1:")
    assert "ns1.example.com does not answer" in found.servers


def test_a_server_that_gives_no_answer_about_one_name_leaves_it_to_the_others(seen):
    found = seen({**RIGHT, f"_dmarc.{DOMAIN}": {"RCODE": ["SERVFAIL"]}}, RIGHT)
    assert states(found) == ALL_OK


def test_nobody_there_is_unknown_and_not_verified(seen):
    found = seen(None, None, {"com": {"RCODE": ["SERVFAIL"]}, "arpa": {"RCODE": ["SERVFAIL"]}})
    assert set(states(found).values()) == {"unknown"}
    assert not found.verified


def test_a_zone_that_validators_reject_is_not_right_whatever_its_servers_say(seen):
    found = seen(RIGHT, RIGHT, {**RESOLVER, DOMAIN: {"BOGUS": ["SERVFAIL"]}})
    assert states(found) == {**dict.fromkeys(ALL_OK, "unknown"), "PTR": "ok"}
    assert not found.verified
    assert "DNSSEC signatures are wrong" in why(found, "MX")


def test_a_resolver_that_fails_is_no_sign_of_wrong_signatures(seen):
    assert states(seen(RIGHT, RIGHT, {**RESOLVER, DOMAIN: {"RCODE": ["SERVFAIL"]}})) == ALL_OK


def test_a_new_domain_has_nothing(seen):
    found = seen({"example.com": {}}, {"example.com": {}})
    assert states(found) == {**dict.fromkeys(ALL_OK, "wrong"), "PTR": "ok"}
    assert "does not exist in the DNS" in why(found, "A")
    assert [verdict.record for verdict in found.verdicts if verdict.record] == list(zonewatch.to_publish(OURS))


def test_a_part_of_the_zone_that_others_answer_for(seen):
    cut = {name: records for name, records in RIGHT.items() if "_domainkey" not in name}
    cut[f"_domainkey.{DOMAIN}"] = {"DELEGATED": ["ns.other.test."]}
    resolver = {**RESOLVER, f"aimx._domainkey.{DOMAIN}": {"TXT": [KEY]}}
    assert states(seen(cut, cut, resolver)) == ALL_OK


def test_records_behind_aliases(seen):
    aliased = {
        **RIGHT,
        f"aimx._domainkey.{DOMAIN}": {"CNAME": ["key.other.test."]},
        f"_dmarc.{DOMAIN}": {"CNAME": ["policy.example.com."]},
        "policy.example.com": {"TXT": ["v=DMARC1; p=quarantine"]},
    }
    assert states(seen(aliased, aliased, {**RESOLVER, "key.other.test": {"TXT": [KEY]}})) == ALL_OK


def test_the_zone_file_is_the_records():
    zone = zonewatch.watch(OURS).zone
    assert zone.records[-1] == Record("TXT", f"_dmarc.{DOMAIN}", "v=DMARC1; p=reject")
    assert f'{DOMAIN}. IN TXT "v=spf1 ip4:198.51.100.7 -all"\n' in zone.file
    assert f"{DOMAIN}. IN MX 10 {DOMAIN}.\n" in zone.file
    assert len(zone.file.splitlines()) == len(zone.records) == 5


def test_what_is_not_known_is_a_comment_in_the_zone_file():
    file = zonewatch.watch(OURS._replace(ipv4=None)).zone.file
    assert [line for line in file.splitlines() if "<" in line and not line.startswith(";")] == []
