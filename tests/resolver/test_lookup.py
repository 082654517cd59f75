"""The resolver against real loopback servers: good ones, lame ones and liars."""

import threading

import pytest
import trio
import trio.testing

from aimx import limits
from aimx.demo.zone import ZoneServer
from aimx.mailauth.verify import Verification
from aimx.mime.read import read_message
from aimx.model.authres import AuthResults
from aimx.model.dns import Question
from aimx.model.envelope import Envelope
from aimx.resolver.lookup import Lookup
from aimx.resolver.servers import Servers
from tests.mailauth.signing import message, sign
from tests.mailauth.world import NOW
from tests.resolver.hostile import HostileServer

ZONE = {
    "example.test": {
        "TXT": ["v=spf1 -all", "second"],
        "MX": ["10 mx1.example.test.", "0 mx0.example.test."],
        "A": ["192.0.2.1", "192.0.2.2"],
        "AAAA": ["2001:db8::1"],
    },
    "null.test": {"MX": ["0 ."]},
    "alias.test": {"CNAME": ["example.test."]},
    "long.test": {"TXT": ["x" * 60_000]},
    "binary.test": {"TXT": ['caf\u00e9 \\ "']},
    "1.2.0.192.in-addr.arpa": {"PTR": ["host.example.test."]},
    "_under.score.test": {"TXT": ["underscore"]},
}


@pytest.fixture(scope="module")
def zone():
    server = ZoneServer(ZONE)
    yield server
    server.close()


def ask(server: str, *questions: Question, lookup: Lookup | None = None):
    async def run():
        return await (lookup or Lookup(Servers(test_server=server))).all(questions)

    return trio.run(_bounded, run)


def ask_in_turn(lookup: Lookup, *questions: Question):
    """One after the other on one clock (trio's starts anew with each run)."""

    async def run():
        return [(await lookup.all((question,)))[0] for question in questions]

    return trio.run(_bounded, run)


def hurry(monkeypatch):
    """For servers that will not answer anyway."""
    monkeypatch.setattr(limits, "DNS_TRY_S", 0.1)
    monkeypatch.setattr(limits, "DNS_QUERY_S", 0.2)


async def _bounded(run):
    with trio.fail_after(60):
        return await run()


@pytest.mark.parametrize(
    ("name", "rtype", "status", "records"),
    [
        ("example.test", "TXT", "ok", {"v=spf1 -all", "second"}),
        ("example.test", "MX", "ok", {"10 mx1.example.test", "0 mx0.example.test"}),
        ("null.test", "MX", "ok", {"0 ."}),
        ("example.test", "A", "ok", {"192.0.2.1", "192.0.2.2"}),
        ("example.test", "AAAA", "ok", {"2001:db8::1"}),
        ("1.2.0.192.in-addr.arpa", "PTR", "ok", {"host.example.test"}),
        ("_under.score.test", "TXT", "ok", {"underscore"}),
        ("EXAMPLE.test", "A", "ok", {"192.0.2.1", "192.0.2.2"}),
        ("alias.test", "CNAME", "ok", {"example.test"}),
        ("long.test", "TXT", "ok", {"x" * 60_000}),
        ("score.test", "TXT", "nodata", set()),
        ("example.test", "PTR", "nodata", set()),
        ("nothing.test", "TXT", "nxdomain", set()),
        ("", "TXT", "nxdomain", set()),
        ("a..b", "TXT", "temperror", set()),
        ("x" * 64 + ".test", "TXT", "temperror", set()),
        ("x." * 200 + "test", "TXT", "temperror", set()),
        ("b\u00fccher.test", "TXT", "nxdomain", set()),
        ("back\\slash.test", "TXT", "nxdomain", set()),
    ],
    ids=lambda value: str(value)[:24] if isinstance(value, str) else "",
)
def test_every_question_has_an_answer(zone, name, rtype, status, records):
    question = Question(name, rtype)
    (answer,) = ask(zone.address, question)
    assert (answer.status, set(answer.records)) == (status, records)
    assert answer.question == question


@pytest.mark.parametrize(
    ("mode", "status", "records"),
    [
        ("drop", "temperror", ()),
        ("servfail", "temperror", ()),
        ("refused", "temperror", ()),
        ("notimp", "temperror", ()),
        ("formerr", "temperror", ()),
        ("cname-loop", "temperror", ()),
        ("endless", "temperror", ()),
        ("truncated-no-tcp", "temperror", ()),
        ("tcp-closed", "temperror", ()),
        ("tcp-drip", "temperror", ()),
        ("garbage", "temperror", ()),
        ("short", "temperror", ()),
        ("wrong-id", "ok", ("real",)),
        ("wrong-question", "ok", ("real",)),
        ("wrong-peer", "ok", ("real",)),
        ("open-chain", "ok", ("end of the chain",)),
        ("truncated", "ok", ("x" * 60_000,)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("rtype", ["TXT"])
def test_a_misbehaving_server_is_at_worst_a_temporary_error(monkeypatch, mode, rtype, status, records):
    if status == "temperror":
        hurry(monkeypatch)
    with HostileServer(mode) as server:
        (answer,) = ask(server.address, Question("a.loop.test", rtype))
    assert (answer.status, answer.records) == (status, records)


@pytest.mark.parametrize("mode", ["servfail", "refused", "garbage", "cname-loop", "tcp-closed", "endless"])
@pytest.mark.parametrize("rtype", ["MX", "A", "AAAA", "PTR"])
def test_a_misbehaving_server_is_so_for_every_type(monkeypatch, mode, rtype):
    hurry(monkeypatch)
    with HostileServer(mode) as server:
        (answer,) = ask(server.address, Question("a.loop.test", rtype))
    assert answer.status == "temperror"


def test_identical_questions_travel_once(zone):
    lookup = Lookup(Servers(test_server=zone.address))
    before = zone.queries
    question = Question("example.test", "A")

    async def many():
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(lookup.all, (question, question))

    trio.run(_bounded, many)
    assert zone.queries == before + 1


@pytest.mark.parametrize("name", ["example.test", "nothing.test", "score.test"])
def test_answers_are_kept(zone, name):
    lookup = Lookup(Servers(test_server=zone.address))
    before = zone.queries
    first, second = ask_in_turn(lookup, Question(name, "TXT"), Question(name, "TXT"))
    assert second == first
    assert zone.queries == before + 1


def test_an_answer_without_ttl_is_asked_again():
    with HostileServer("flip") as server:
        question = Question("flip.test", "TXT")
        first, second = ask_in_turn(Lookup(Servers(test_server=server.address)), question, question)
        assert server.asked["flip.test"] == 2
    assert first.records != second.records


def test_names_of_dead_servers_hold_nobody_up():
    async def run():
        landed = []

        async def dead(number):
            landed.append(await lookup.all((Question(f"n{number}.dead.test", "TXT"),)))

        async with trio.open_nursery() as nursery:
            for number in range(600):
                nursery.start_soon(dead, number)
            await trio.testing.wait_all_tasks_blocked()
            (answer,) = await lookup.all((Question("good.test", "TXT"),))
            nursery.cancel_scope.cancel()
        assert (answer.status, landed) == ("ok", [])

    with HostileServer("dead-names") as server:
        lookup = Lookup(Servers(test_server=server.address))
        trio.run(_bounded, run)


def test_nothing_is_believed_to_be_absent_for_years():
    with HostileServer("never") as server:
        (answer,) = ask(server.address, Question("absent.test", "TXT"))
    assert (answer.status, answer.ttl_s) == ("nxdomain", limits.DNS_TTL_NEGATIVE_MAX_S)


@pytest.mark.parametrize("text", ["", "x", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:99999", "name.test:53", ":53"])
def test_a_test_server_that_is_none_fails_every_question(text):
    (answer,) = ask(text, Question("example.test", "TXT"))
    assert answer.status == "temperror"


@pytest.mark.parametrize("mode", ["drop", "servfail", "refused", "garbage", "cname-loop", "endless", "truncated-no-tcp",
                                  "tcp-closed", "tcp-drip", "truncated", "good", "flip"])  # fmt: skip
def test_mail_is_authenticated_whatever_the_dns_does(monkeypatch, mode):
    """Every record of a message behind one misbehaving server: results, never an exception."""
    failed = mode not in ("truncated", "good", "flip")
    if failed:
        hurry(monkeypatch)
    octets = sign(message())
    envelope = Envelope("a@example.test", (), "192.0.2.1", "h.test", NOW)
    verification = Verification(octets, envelope, read_message(octets, envelope).headers)
    answers = {}

    async def run(lookup):
        for number in range(limits.DNS_ROUNDS + 1):
            result = verification.advance(answers, number == limits.DNS_ROUNDS)
            if isinstance(result, AuthResults):
                return result
            answers.update({answer.question: answer for answer in await lookup.all(result)})
        raise AssertionError("never ended")

    with HostileServer(mode) as server:
        results = trio.run(run, Lookup(Servers(test_server=server.address)))
    assert (results.dkim, results.spf, results.dmarc) == ("fail", "none", "none")
    assert ("spf=temperror" in results.detail) is ("dmarc=temperror" in results.detail) is failed


def test_a_failure_is_kept_for_a_moment(monkeypatch):
    monkeypatch.setattr(limits, "DNS_TRY_S", 0.5)
    monkeypatch.setattr(limits, "DNS_QUERY_S", 1.0)
    with HostileServer("drop") as server:
        lookup = Lookup(Servers(test_server=server.address))
        counts = []

        async def run():
            for _ in range(2):
                (answer,) = await lookup.all((Question("dead.test", "TXT"),))
                assert (answer.status, answer.ttl_s) == ("temperror", limits.DNS_TTL_FAILURE_S)
                counts.append(server.asked["dead.test"])

        trio.run(_bounded, run)
        assert counts[0] == counts[1] > 0


def test_a_dead_server_is_passed_over_and_then_asked_last(monkeypatch):
    monkeypatch.setattr(limits, "DNS_TRY_S", 2.0)  # also what the good one has to answer through the relay
    with HostileServer("drop") as dead, HostileServer("good") as good:
        servers = Servers(test_server=dead.address)
        resolver, _ = servers.current(0.0)
        # Both on loopback, so that they differ by port only where the address would.
        resolver.nameservers = ["127.0.0.1", "127.0.0.2"]
        resolver.nameserver_ports = {"127.0.0.1": dead.port, "127.0.0.2": good.port}
        relay = _relay("127.0.0.2", good.port)
        lookup = Lookup(servers)
        answers = ask_in_turn(lookup, Question("one.test", "TXT"), Question("two.test", "TXT"))
        relay()
        assert [answer.records for answer in answers] == [("good",), ("good",)]
        assert (dead.asked["one.test"], dead.asked["two.test"]) == (1, 0)


def _relay(address: str, port: int):
    """A UDP forwarder at another loopback address, same port, to the server behind it."""
    import socket

    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.bind((address, port))
    stop = threading.Event()

    def run():
        while True:
            octets, peer = front.recvfrom(4096)
            if stop.is_set():
                return
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
                back.settimeout(2)
                back.sendto(octets, ("127.0.0.1", port))
                front.sendto(back.recv(65535), peer)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def close():
        stop.set()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", (address, port))
        thread.join(5)
        front.close()

    return close


def test_resolv_conf_is_read_again_when_it_changes(tmp_path):
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 192.0.2.53\nsearch corp.example\n")
    servers = Servers(str(path))
    resolver, changed = servers.current(limits.DNS_CONFIG_CHECK_S)
    assert ([str(server) for server in resolver.nameservers], changed) == (["192.0.2.53"], False)
    path.write_text("nameserver 192.0.2.54\n# other\n")
    assert servers.current(limits.DNS_CONFIG_CHECK_S * 1.5)[1] is False
    resolver, changed = servers.current(limits.DNS_CONFIG_CHECK_S * 2)
    assert ([str(server) for server in resolver.nameservers], changed) == (["192.0.2.54"], True)
    path.unlink()
    resolver, changed = servers.current(limits.DNS_CONFIG_CHECK_S * 3)
    assert ([str(server) for server in resolver.nameservers], changed) == (["127.0.0.1"], True)


@pytest.mark.parametrize("text", ["", "nameserver\n", "nameserver nonsense\n", "\x00\xff"], ids=repr)
def test_a_useless_resolv_conf_means_the_local_server(tmp_path, text):
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    resolver, _ = Servers(str(path)).current(0.0)
    assert [str(server) for server in resolver.nameservers] == ["127.0.0.1"]


def test_no_search_list_ever(zone, tmp_path):
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 127.0.0.1\nsearch test\n")
    servers = Servers(str(path))
    resolver, _ = servers.current(0.0)
    resolver.port = int(zone.address.rpartition(":")[2])
    (answer,) = ask("", Question("example", "TXT"), lookup=Lookup(servers))
    assert answer.status != "ok"
