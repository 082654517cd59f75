"""`aimx dns`: the program against real name servers on loopback, and its watch under a clock that needs no waiting."""

import json
import os
import signal
import subprocess
from contextlib import ExitStack

import pytest
import trio
import trio.testing

from aimx.cli import dns_watch
from aimx.provision.records import Record, Verdict
from aimx.provision.setup import texts
from aimx.provision.setup.api import Seen, Watch, Zone
from tests.cli.test_main import AIMX, aimx
from tests.harness import DOMAIN, config_text
from tests.resolver.servers import several

ADDRESS = "203.0.113.5"
GIVEN = ("--ipv4", ADDRESS)


@pytest.fixture(scope="module")
def etc(tmp_path_factory):
    """A configuration directory with a key pair, and the DKIM record of that."""
    directory = tmp_path_factory.mktemp("etc")
    (directory / "config.toml").write_text(config_text())
    made = aimx("dkim-keygen", "--json", AIMX_CONFIG_DIR=str(directory))
    directory.chmod(0o755)
    (directory / "config.toml").chmod(0o640)
    return directory, json.loads(made.stdout)["value"]


@pytest.fixture(scope="module")
def names(etc):
    """A resolver at 127.0.0.1 and the servers of the zone at two more addresses: their zones, and the environment."""
    directory, key = etc
    right = {
        DOMAIN: {"A": [ADDRESS], "MX": [f"10 {DOMAIN}."], "TXT": [f"v=spf1 ip4:{ADDRESS} -all"]},
        f"aimx._domainkey.{DOMAIN}": {"TXT": [key]},
        f"_dmarc.{DOMAIN}": {"TXT": ["v=DMARC1; p=reject"]},
    }
    resolver = {
        DOMAIN: {"NS": [f"ns1.{DOMAIN}.", f"ns2.{DOMAIN}."], "A": [ADDRESS]},
        f"ns1.{DOMAIN}": {"A": ["127.0.0.2"]},
        f"ns2.{DOMAIN}": {"A": ["127.0.0.3"]},
        "5.113.0.203.in-addr.arpa": {"PTR": [f"{DOMAIN}."]},
    }
    with ExitStack() as stack:
        running = several({"127.0.0.1": resolver, "127.0.0.2": right, "127.0.0.3": right})
        for server in running:
            stack.callback(server.close)
        env = {
            "AIMX_CONFIG_DIR": str(directory),
            "AIMX_TEST_DNS": running[0].address,
            "AIMX_RUNTIME_DIR": str(directory),
        }
        yield running[1:], right, env


@pytest.fixture
def zones(names):
    """Change what one of the two servers says; afterwards both are right again."""
    servers, right, _ = names

    def change(number, name, **records):
        servers[number].zone = {**right, name: {**right[name], **records}}

    yield change
    for server in servers:
        server.zone = right


def test_the_table_holds_every_value_whole(etc, names):
    done = aimx("dns", "records", *GIVEN, **names[2])
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split(None, 2) for line in done.stdout.splitlines()]
    assert rows == [
        ["Type", "Name", "Value"],
        ["A", DOMAIN, ADDRESS],
        ["MX", DOMAIN, f"10 {DOMAIN}."],
        ["TXT", DOMAIN, f"v=spf1 ip4:{ADDRESS} -all"],
        ["TXT", f"aimx._domainkey.{DOMAIN}", etc[1]],
        ["TXT", f"_dmarc.{DOMAIN}", "v=DMARC1; p=reject"],
    ]


def test_json_and_zone_file_are_the_same_records(names):
    told = json.loads(aimx("dns", "records", "--json", *GIVEN, **names[2]).stdout)
    lines = aimx("dns", "records", "--format", "zone", *GIVEN, **names[2]).stdout.splitlines()
    assert list(told) == ["domain", "selector", "ipv4", "ipv6", "records", "notes"]
    assert [list(record) for record in told["records"]] == [["type", "name", "value", "zone"]] * 5
    assert [record["zone"] for record in told["records"]] == lines


def test_the_address_that_the_dns_has_is_taken_with_a_word(names):
    done = aimx("dns", "records", **names[2])
    assert f"ip4:{ADDRESS} -all" in done.stdout
    assert done.stderr == (
        f"Note: This machine does not know its public IPv4 address: {ADDRESS} is what the DNS has now."
        " --ipv4 names another.\n"
    )


def test_before_setup_the_domain_is_named(tmp_path, names):
    env = {**names[2], "AIMX_CONFIG_DIR": str(tmp_path)}
    done = aimx("dns", "records", "--domain", "new.example.org", "--selector", "s1", *GIVEN, **env)
    assert done.returncode == 0
    assert "_dmarc.new.example.org" in done.stdout
    assert "there is no key pair yet: `sudo aimx setup` makes it" in done.stderr
    nobody = aimx("dns", "check", **env)
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert "the domain is not known" in nobody.stderr


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--ipv4", "198.51.100"), "--ipv4 198.51.100: this is no IPv4 address"),
        (("--ipv6", "198.51.100.7"), "--ipv6 198.51.100.7: this is no IPv6 address"),
        (("--domain", "localhost"), "has no dot"),
        (("--selector", "a b"), "is no DKIM selector"),
    ],
    ids=["ipv4", "ipv6", "domain", "selector"],
)
def test_what_makes_no_sense_is_refused(names, words, error):
    done = aimx("dns", "records", *words, **names[2])
    assert (done.returncode, done.stdout) == (1, "")
    assert error in done.stderr


def test_all_right(names):
    done = aimx("dns", "check", *GIVEN, **names[2])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        *(f"{check}: [OK]" for check in ("A", "MX", "SPF", "DKIM", "DMARC", "PTR")),
        f"(asked ns1.{DOMAIN}, ns2.{DOMAIN})",
        texts.VERIFIED,
    ]


def test_one_server_is_behind(names, zones):
    zones(1, f"_dmarc.{DOMAIN}", TXT=["v=DMARC1; p=none"])
    zones(0, DOMAIN, MX=[])
    done = aimx("dns", "check", *GIVEN, **names[2])
    assert done.returncode == 1
    assert f"MX: [FAIL] - No MX record found (so says ns1.{DOMAIN}; ns2.{DOMAIN} says otherwise:" in done.stdout
    assert f"  [>] Add: MX  {DOMAIN}  10 {DOMAIN}.\n" in done.stdout
    assert "DMARC: [WARN] - p=none" in done.stdout
    assert texts.NOT_YET in done.stdout


def test_json_of_a_check(names, zones):
    zones(0, DOMAIN, TXT=["v=spf1 ip4:192.0.2.9 ~all"])
    done = aimx("dns", "check", "--json", *GIVEN, **names[2])
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert list(told) == ["at", "domain", "selector", "ok", "verified", "asked", "dns", "notes"]
    assert (told["ok"], told["verified"], told["domain"], told["selector"]) == (False, False, DOMAIN, "aimx")
    spf = next(line for line in told["dns"] if line["check"] == "SPF")
    assert spf["state"] == "wrong"
    assert spf["publish"] == {"type": "TXT", "name": DOMAIN, "value": f"v=spf1 ip4:{ADDRESS} ip4:192.0.2.9 ~all"}


def test_what_strangers_publish_never_reaches_the_terminal_raw(names, zones):
    zones(0, DOMAIN, TXT=["v=spf1 \x1b[31m\x07 -all"])
    for words in ((), ("--json",)):
        done = aimx("dns", "check", *words, *GIVEN, **names[2])
        assert done.stdout.replace("\n", "").isprintable()


def test_ctrl_c_ends_the_watch(names, zones):
    zones(0, DOMAIN, MX=[])
    env = {**os.environ, **names[2]}
    with subprocess.Popen(
        [*AIMX, "dns", "check", "--watch", "--json", *GIVEN], env=env, stdout=subprocess.PIPE
    ) as watch:
        assert watch.stdout is not None
        assert json.loads(watch.stdout.readline())["ok"] is False
        watch.send_signal(signal.SIGINT)
        assert watch.wait(60) == 130


OK, WRONG = Verdict("A", "ok"), Verdict("A", "wrong", "No A record found", Record("A", DOMAIN, ADDRESS))
MX = Verdict("MX", "wrong", "No MX record found", Record("MX", DOMAIN, f"10 {DOMAIN}."))


def _watched(looks, again):
    """What is told of these looks, and how many there were."""
    left, told = list(looks), []

    async def look():
        verdicts = left.pop(0)
        return Seen(verdicts, all(verdict.state == "ok" for verdict in verdicts), "ns1")

    async def main():
        watch = Watch(Zone(DOMAIN, (), ""), look)
        return await dns_watch.follow(watch, lambda changed, _seen: told.append(changed), again)

    seen = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return seen, told, len(left)


def test_a_watch_ends_when_all_is_right_and_tells_changes_only():
    looks = [(WRONG, MX), (WRONG, MX), (OK, MX), (OK, Verdict("MX", "ok")), (WRONG, MX)]
    seen, told, left = _watched(looks, again=True)
    assert seen.verified
    assert told == [(WRONG, MX), (OK,), (Verdict("MX", "ok"),)]
    assert left == 1


def test_without_watch_there_is_one_look():
    assert _watched([(WRONG,), (OK,)], again=False)[2] == 1
