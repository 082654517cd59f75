"""Port 25 in both directions, with a verifier that says anything at all: causes, never a blocked port by mistake."""

import datetime
import json
import socket
import ssl
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
import trio.testing

from aimx.errors import Refused
from aimx.flows.responding import Responding
from aimx.provision import port25, verdict25, verifyhost
from aimx.provision.inbound import Inbound
from aimx.provision.occupancy import Occupant
from aimx.provision.port25 import OwnPort
from aimx.smtp.responder import Responder
from tests.provision.authority import Authority

GLOBAL = "9.9.9.9"
TLS_HELLO = b"\x16"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@asynccontextmanager
async def listening(handler, pem=None, host="127.0.0.1"):
    async def session(stream):
        with suppress(trio.BrokenResourceError):  # whoever asked has heard enough
            if pem is not None:
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                context.load_cert_chain(pem)
                stream = trio.SSLStream(stream, context, server_side=True)
            await handler(stream)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, session, 0, host=host))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def answering(octets):
    """An HTTP server that has one answer."""

    async def handler(stream):
        async with stream:
            asked = b""
            while b"\r\n\r\n" not in asked and not asked.startswith(TLS_HELLO):
                got = await stream.receive_some(4096)
                if not got:
                    return
                asked += got
            await stream.send_all(octets)

    return handler


def http(status, body, *headers):
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n" + "".join(f"{one}\r\n" for one in headers)
    return head.encode() + b"\r\n" + body


def told(**fields):
    return http("200 OK", json.dumps(fields).encode())


def check(tmp_path, octets, smtp=None, url="http://127.0.0.1:{}", pem=None):
    notes = []
    responder = Responding(Responder("there.example", "SMTP", "500 no"), 4)

    async def run():
        async with listening(answering(octets), pem) as web, listening(smtp or responder.session) as mail:
            own = OwnPort(tmp_path / "none.sock", free_port(), mail, ("127.0.0.1",))
            return await port25.preflight(url.format(web), own, notes.append)

    return trio.run(run), notes


def test_both_directions_are_fine_and_the_public_address_is_what_the_verifier_sees(tmp_path):
    found, notes = check(tmp_path, told(reachable=True, ip=GLOBAL))
    assert (found.holder, found.outbound.ok, found.inbound.ok, found.ipv4, found.ipv6) == (
        None,
        True,
        True,
        GLOBAL,
        None,
    )
    assert [note.kind for note in notes] == ["text", "ok", "ok", "hint"]
    assert "The verifier runs on this machine" in notes[-1].text


@pytest.mark.parametrize("private", ["10.1.2.3", "192.168.1.7", "100.64.0.1", "203.0.113.9", "::ffff:10.0.0.1", "::1"])
def test_an_address_that_the_internet_does_not_know_is_never_advised(tmp_path, private):
    found, _ = check(tmp_path, told(reachable=False, ip=private))
    assert (found.ipv4, found.ipv6) == (None, None)
    assert "the verifier sees this machine as" in found.inbound.why


BAD = {
    "not found": http("404 Not Found", b"no"),
    "html": http("200 OK", b"<html>reachable</html>"),
    "substring": http("200 OK", b'x{"reachable":true}'),
    "a word for a bool": told(reachable="true", ip=GLOBAL),
    "a number for a bool": told(reachable=1, ip=GLOBAL),
    "no address": told(reachable=True),
    "a name for an address": told(reachable=True, ip="mail.example"),
    "an address with a zone": told(reachable=True, ip="fe80::1%eth0"),
    "a list": http("200 OK", b"[true]"),
    "nested": http("200 OK", b"[" * 16000),
    "too long": http("200 OK", b" " * 20_000),
    "no http": b"220 mail ESMTP\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000,
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
    "nothing": b"",
    "other scheme": http("302 Found", b"", "Location: https://127.0.0.1/probe"),
    "another protocol": http("302 Found", b"", "Location: file:///etc/passwd"),
    "itself": http("302 Found", b"", "Location: /probe"),
    "busy": http("429 Too Many Requests", b""),
    "binary": http("200 OK", b"\xff\xfe"),
}


@pytest.mark.parametrize("octets", BAD.values(), ids=BAD)
def test_what_a_verifier_would_not_answer_is_no_verdict_about_the_port(tmp_path, octets):
    found, notes = check(tmp_path, octets)
    assert found.outbound.ok
    assert not found.inbound.ok and found.inbound.unknown and "verifier did not answer" in found.inbound.why
    assert (found.ipv4, found.ipv6) == (None, None)
    assert all(note.text.isprintable() and len(note.text) < 500 for note in notes)


def saying(*lines):
    async def handler(stream):
        async with stream:
            for line in lines:
                await stream.send_all(line)
                if not await stream.receive_some(4096):
                    return

    return handler


SPOKEN = {
    "refusing": saying(b"554 no service\r\n"),
    "garbage": saying(b"\x00\xff\x1b[31m\r\n"),
    "endless line": saying(b"2" * 100_000),
    "closing": saying(),
    "no EHLO": saying(b"220 hello\r\n", b"502 what\r\n"),
}


@pytest.mark.parametrize("smtp", SPOKEN.values(), ids=SPOKEN)
def test_a_peer_on_port_25_that_is_no_mail_server_is_said_so(tmp_path, smtp):
    found, notes = check(tmp_path, told(reachable=True, ip=GLOBAL), smtp)
    assert not found.outbound.ok and not found.outbound.unknown and "somebody else answers" in found.outbound.why
    assert found.inbound.ok
    assert all(note.text.isprintable() for note in notes)


def test_a_greeting_of_several_lines_is_one(tmp_path):
    smtp = saying(b"220-hello\r\n220 there\r\n", b"250-a\r\n250-SIZE 1\r\n250 HELP\r\n")
    assert check(tmp_path, told(reachable=True, ip=GLOBAL), smtp)[0].outbound.ok


def test_a_verifier_that_is_away_is_no_blocked_port(tmp_path):
    own = OwnPort(tmp_path / "none.sock", free_port(), free_port(), ("127.0.0.1",))
    found = trio.run(port25.preflight, f"http://127.0.0.1:{free_port()}", own, lambda _: None)
    assert found.outbound.unknown and found.inbound.unknown
    assert "connection refused" in found.outbound.why and "connection refused" in found.inbound.why


def test_a_closed_port_of_a_verifier_that_answers_is_blocked_on_the_way(tmp_path):
    async def run():
        async with listening(answering(told(reachable=True, ip=GLOBAL))) as web:
            own = OwnPort(tmp_path / "none.sock", free_port(), free_port(), ("127.0.0.1",))
            return await port25.preflight(f"http://127.0.0.1:{web}/", own, lambda _: None)

    found = trio.run(run)
    assert not found.outbound.ok and not found.outbound.unknown and found.inbound.ok
    assert "blocked on the way" in found.outbound.why


def test_the_holder_is_named_and_inbound_is_not_tried(tmp_path):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        own = OwnPort(tmp_path / "none.sock", sock.getsockname()[1], free_port(), ("127.0.0.1",))
        found = trio.run(port25.preflight, f"http://127.0.0.1:{free_port()}", own, lambda _: None)
    assert found.holder is not None and "pid" in found.holder
    assert found.inbound.unknown and "occupied" in found.inbound.why


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


FINE = told(reachable=True, ip=GLOBAL)
TLS = "https://localhost:{}"


def test_over_https_the_certificate_is_of_an_authority_of_this_machine(tmp_path, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    found, _ = check(tmp_path, FINE, url=TLS, pem=authority.issue("localhost"))
    assert found.inbound.ok and found.ipv4 == GLOBAL


@pytest.mark.parametrize("case", ["other authority", "other name", "expired", "plain", "out of TLS"])
def test_a_certificate_that_does_not_fit_is_never_overlooked(tmp_path, authority, monkeypatch, case):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    pem, octets, url = authority.issue("localhost"), FINE, TLS
    if case == "other authority":
        pem = Authority(tmp_path).issue("localhost")
    elif case == "other name":
        url = "https://127.0.0.1:{}"
    elif case == "expired":
        pem = authority.issue("localhost", -datetime.timedelta(days=1))
    elif case == "plain":
        pem = None
    else:
        octets = http("302 Found", b"", "Location: http://localhost/probe")
    found, notes = check(tmp_path, octets, url=url, pem=pem)
    assert found.outbound.ok and found.inbound.unknown and found.ipv4 is None
    said = {"plain": "TLS failed", "out of TLS": "it redirects"}.get(case, "certificate verify failed")
    assert said in found.inbound.why
    assert all("_ssl.c" not in note.text for note in notes)


def test_over_ipv6_the_same(tmp_path):
    responder = Responding(Responder("there.example", "SMTP", "500 no"), 4)
    answer = told(reachable=True, ip="2606:4700::1")

    async def run():
        async with listening(answering(answer), host="::1") as web, listening(responder.session, host="::1") as mail:
            own = OwnPort(tmp_path / "none.sock", free_port(), mail, ("127.0.0.1", "::1"))
            return await port25.preflight(f"http://[::1]:{web}", own, notes.append)

    notes = []
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    found = trio.run(run)
    assert (found.outbound.ok, found.inbound.ok, found.ipv4, found.ipv6) == (True, True, None, "2606:4700::1")
    assert len([note for note in notes if "over IPv6 only" in note.text]) == 2


def test_it_may_be_cancelled_at_any_time_and_leaves_the_port(tmp_path):
    async def silent(stream):
        async with stream:
            await trio.sleep_forever()

    async def run():
        own_port = free_port()
        async with listening(silent) as web, listening(silent) as mail:
            own = OwnPort(tmp_path / "none.sock", own_port, mail, ("127.0.0.1",))
            async with trio.open_nursery() as nursery:

                def told_first(_note):
                    nursery.cancel_scope.cancel()

                nursery.start_soon(port25.preflight, f"http://127.0.0.1:{web}", own, told_first)
        with socket.create_server(("127.0.0.1", own_port)):
            return True

    assert trio.run(run)


def test_silence_ends_with_the_limits_and_is_said_to_be_silence(tmp_path):
    async def silent(stream):
        async with stream:
            await trio.sleep_forever()

    async def run():
        async with listening(silent) as web, listening(silent) as mail:
            own = OwnPort(tmp_path / "none.sock", free_port(), mail, ("127.0.0.1",))
            return await port25.preflight(f"http://127.0.0.1:{web}", own, lambda _: None)

    # Names and sockets of loopback answer within the time in which nothing else is left to wait for.
    found = trio.run(run, clock=trio.testing.MockClock(rate=0, autojump_threshold=0.5))
    assert found.outbound.unknown and "no greeting within 10 s" in found.outbound.why
    assert found.inbound.unknown and "no answer within 60 s" in found.inbound.why


def test_behind_nat_it_is_said_that_the_port_has_to_be_forwarded(tmp_path):
    found, notes = check(tmp_path, told(reachable=False, ip=GLOBAL))
    assert not found.inbound.ok and found.ipv4 == GLOBAL
    assert any("(NAT): port 25 has to be forwarded" in note.text for note in notes if note.kind == "hint")


OCCUPANT = {
    "free": Occupant("free"),
    "ours": Occupant("ours", "aimx serve", ("0.0.0.0",)),
    "loopback": Occupant("ours", "aimx serve", ("127.0.0.1", "::1")),
}


@pytest.mark.parametrize(
    ("occupant", "words"),
    [
        ("free", "a firewall here or at the provider"),
        ("ours", "systemctl status aimx"),
        ("loopback", "127.0.0.1, ::1 only"),
    ],
)
def test_what_is_not_reachable_is_said_with_what_to_look_at(occupant, words):
    reach = verdict25.back({4: Inbound(False, GLOBAL)}, OCCUPANT[occupant], None, "", 25)
    assert not reach.ok and not reach.unknown and words in reach.why


@pytest.mark.parametrize(
    "url",
    ["", "check.aimx.email", "ftp://x", "https://", "http:///x", "https://u@x", "https://u:p@x", "https://x:0",
     "https://x:99999", "https://x:y", "https://x/?q", "https://x/#f", "https://x y", "https://x/\r\nX: y",
     "https://[fe80::1%25eth0]", "https://b\u00fccher.example", "HTTPS://x"],
)  # fmt: skip
def test_what_is_no_base_url_is_refused(url):
    with pytest.raises(Refused):
        verifyhost.parse(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "text"),
    [
        ("https://check.aimx.email", "check.aimx.email", 443, "https://check.aimx.email"),
        ("https://check.aimx.email///", "check.aimx.email", 443, "https://check.aimx.email"),
        ("http://127.0.0.1:3025/", "127.0.0.1", 3025, "http://127.0.0.1:3025"),
        ("https://[2606:4700::1]/v", "2606:4700::1", 443, "https://[2606:4700::1]/v"),
        ("http://[::1]:80", "::1", 80, "http://[::1]"),
    ],
)
def test_a_base_url_is_taken_apart(url, host, port, text):
    found = verifyhost.parse(url)
    assert (found.host, found.port, str(found)) == (host, port, text)
