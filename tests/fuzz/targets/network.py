"""What comes over the network beside SMTP and AIMX/1: HTTP of the verifier, greetings, DNS, releases, records judged."""

import json

import dns.exception
import dns.message
import dns.rdataclass
import dns.rdatatype
import trio
import trio.testing

from aimx import limits
from aimx.errors import Failed, Refused
from aimx.flows.greeting import greet
from aimx.flows.responding import Responding
from aimx.model.dns import Answer, Question
from aimx.model.domain import a_label
from aimx.provision import records, zonefile
from aimx.provision.upgrade import manifest, semver, sums
from aimx.provision.upgrade.manifest import FileUrl
from aimx.provision.verifyhost import VerifyHost
from aimx.resolver.lookup import record_text
from aimx.smtp.responder import Responder
from aimx.verifier.requests import Bad, Exchange, Request
from tests.fuzz.target import PROGRAM_S, Frame, target
from tests.fuzz.targets.pieces import fields, legal, pieces, step


def _alone(task, octets: bytes, size: int):
    """What a task makes of these octets in pieces and then the end of input."""

    async def run():
        mine, theirs = trio.testing.memory_stream_pair()
        for piece in pieces(octets, size):
            await theirs.send_all(piece)
        await theirs.send_eof()
        return await task(mine)

    return trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))


async def _ask(stream) -> "Request | int | None":
    try:
        return await Exchange(stream).request()
    except Bad as bad:
        assert bad.why.isprintable()
        return bad.status


_HTTP = (
    b"GET~ POST~ HEAD~ /probe / ~HTTP/1.1\\r\\n ~HTTP/1.0\\r\\n Host:~x\\r\\n X-AIMX-Client-IP:~ 9.9.9.9 \\r\\n \\n \\r\\n\\r\\n Content-Length:~0\\r\\n "
    b"Transfer-Encoding:~chunked\\r\\n : ~ \\0 \xff ? # % 0\\r\\n\\r\\n Expect:~100-continue\\r\\n Upgrade:~h2c\\r\\n Connection:~"
)


@target(
    "verifier-http",
    "aimx/verifier/ site-packages/h11/",
    _HTTP,
    longest=1500,
    bound=limits.VERIFIER_HEAD_OCTETS * 4,
    seeds=lambda: [
        b"\x09GET /probe HTTP/1.1\r\nHost: x\r\nX-AIMX-Client-IP: 9.9.9.9\r\n\r\n",
        b"\x03POST /p HTTP/1.0\r\nContent-Length: 5\r\n\r\n",
    ],
    frames=(Frame(b"\x27"), Frame(b"\x27GET / HTTP/1.1\r\nHost: x\r\n"), Frame(b"\x27GET /")),
    units=(b"a: b\r\n", b"a", b"\r\n"),
)
def verifier_http(octets: bytes) -> None:
    """A head is a request, a status, or nothing, the same in any pieces."""
    size, octets = step(octets)
    found = _alone(_ask, octets, size * 10)
    assert found is None or found in (400, 408, 413, 431, 501) or isinstance(found, Request), found
    if isinstance(found, Request):
        assert not any(octet in value for _, value in found.headers for octet in b"\r\n\x00")
        assert _alone(_ask, octets, len(octets) + 1) == found


@target(
    "greeting",
    "aimx/flows/greeting aimx/flows/responding aimx/smtp/",
    b"220~ 250- 250~ 221~ EHLO~ HELO~ QUIT \\r\\n \\n \\0 \xff \x1b[2J NOOP",
    longest=600,
    bound=limits.MX_REPLY_OCTETS,
    seeds=lambda: [b"\x07220 a\r\n250 b\r\n", b"\x07EHLO x\r\nQUIT\r\n"],
    frames=(Frame(b"\x27"), Frame(b"\x27220 a\r\n250-")),
)
def greeting(octets: bytes) -> None:
    """A server is one or is told not to be; a client of the responder gets little."""
    size, octets = step(octets)
    why = _alone(lambda stream: greet(stream, "x"), octets, size * 10)
    assert why is None or (why and why.isprintable() and len(why) < 1200)
    responding = Responding(Responder("here", "SMTP", "500 no"), 1)
    _alone(responding.session, octets, size * 10)
    assert responding.greeted <= octets.upper().count(b"ELO") + octets.upper().count(b"HLO")


def _packets() -> list[bytes]:
    made = []
    for text in ("TXT 300 IN TXT \"v=spf1 -all\" \"\\255b\"", "A 300 IN A 192.0.2.1", "MX 300 IN MX 10 mx.test.", "AAAA 5 IN AAAA 2001:db8::1",
                 "CNAME 5 IN CNAME b.test.", "PTR 5 IN PTR h\\.x.test.", "TXT 0 IN TXT \"\""):  # fmt: skip
        kind, _, rest = text.partition(" ")
        made.append(
            dns.message.from_text(
                f"id 1\nopcode QUERY\nflags QR\n;QUESTION\na.test. IN {kind}\n;ANSWER\na.test. {rest}\n"
            ).to_wire()
        )
    return made


_TYPES = (
    dns.rdatatype.A, dns.rdatatype.AAAA, dns.rdatatype.MX, dns.rdatatype.TXT, dns.rdatatype.PTR, dns.rdatatype.CNAME,
)  # fmt: skip


@target(
    "dns-answer",
    "aimx/resolver/ site-packages/dns/wire site-packages/dns/message",
    b"\xc0\x0c \0\0\x10\0\x01 \0\0\x01\0\x01 \0\0\x0f\0\x01 \0\0\x1c\0\x01 \0\0\x05\0\x01 \xff\xff \x3f \x04test\0 \0\0\x29",
    seeds=_packets,
    longest=1300,
    bound=65535,
    frames=(Frame(b"\0\x01\x80\0\0\0\xff\xff\0\0\0\0"), Frame(b"\0\x01\x80\0\0\x01\0\x01\0\0\0\0")),
    units=(b"\0\0\x10\0\x01\0\0\0\0\0\x02\x01a", b"\xc0\x0c\0\x05\0\x01\0\0\0\0\0\x02\xc0\x0c", b"\x01a"),
)
def dns_answer(octets: bytes) -> None:
    """A packet is refused by the errors that the resolver expects, or its records are text."""
    try:
        found = dns.message.from_wire(octets)
    except (dns.exception.DNSException, EOFError, ValueError, UnicodeError):
        return
    for rrset in found.answer:
        if rrset.rdtype in _TYPES and rrset.rdclass == dns.rdataclass.IN:
            for one in rrset:
                record_text(one).encode()


_ZONE = records.Zone("agent.test", "aimx", "v=DKIM1; k=rsa; p=AAAA", "192.0.2.1", "2001:db8::1", frozenset(), True)


@target(
    "records",
    "aimx/provision/records/ aimx/mailauth/spf",
    b'v=spf1~ -all ip4:192.0.2.1 ip6:2001:db8::1 include:b.test redirect=b.test v=DMARC1;~p=reject v=DKIM1;~k=rsa;~p=AAAA 10~agent.test. 0~. 192.0.2.1 2001:db8::1 " \\\\ ; = \x1e \x1f ! agent.test.',
    seeds=lambda: [
        b"192.0.2.1\x1e\x1e10 agent.test\x1ev=spf1 ip4:192.0.2.1 -all\x1ev=DKIM1; k=rsa; p=AAAA\x1ev=DMARC1; p=reject\x1e2001:db8::1\x1eagent.test\x1eagent.test"
    ],
    longest=1200,
    bound=limits.SPF_RECORD_CHARACTERS * 2,
    frames=(
        Frame(),
        Frame(b"192.0.2.1\x1e\x1e10 agent.test\x1ev=spf1"),
        Frame(b"192.0.2.1\x1e\x1e10 agent.test\x1e\x1ev=DKIM1; p="),
    ),
    within_s=PROGRAM_S,
)
def judged(octets: bytes) -> None:
    """Whatever is published, each record gets a verdict; what is shown as a zone file is lines of it."""
    answers: dict[Question, Answer] = {}
    texts = [one.decode("latin-1") for one in fields(octets, 9)]

    def answered(question: Question, text: str) -> Answer:
        if question.rtype == "MX":  # as the resolver writes them
            text = "\x1f".join(f"{len(one)} {one}" for one in text.split("\x1f") if one and "!" not in one)
        if question.rtype in ("A", "AAAA"):
            address = "192.0.2.%d" if question.rtype == "A" else "2001:db8::%x"
            text = "\x1f".join(address % len(one) for one in text.split("\x1f") if one and "!" not in one)
        if text.startswith("!"):
            return Answer(question, "temperror")
        return Answer(question, "ok", tuple(text.split("\x1f"))) if text else Answer(question, "nodata")

    for question, text in zip(records.questions(_ZONE), texts, strict=False):
        answers[question] = answered(question, text)
    for _ in range(limits.DNS_ROUNDS):
        verdicts, open_ = records.judge(_ZONE, answers, False)
        if not open_:
            break
        for number, question in enumerate(open_):
            answers[question] = answered(question, texts[number % len(texts)])
    verdicts, _ = records.judge(_ZONE, answers, True)
    assert len({verdict.check for verdict in verdicts}) >= 6
    for verdict in verdicts:
        if verdict.record is not None:
            line = zonefile.line(verdict.record)
            assert "\n" not in line


def _as_json(value: manifest.Manifest) -> bytes:
    rows = [{"name": asset.name, "browser_download_url": asset.url} for asset in value.assets]
    return json.dumps({"tag_name": value.tag, "assets": rows}).encode()


@target(
    "release",
    "aimx/provision/upgrade/ aimx/provision/verifyhost",
    b'{ } [ ] "tag_name": "assets": "name": "browser_download_url": "1.2.3-rc.1" v1.2.3 https:// http://127.0.0.1 file:/// %00 @ : # ? [::1] \\n ~~ null 1e999 "\\\\ud800" 0000000000000000000000000000000000000000000000000000000000000000~~a\\n',
    seeds=lambda: [
        b'{"tag_name":"v1.2.3","assets":[{"name":"a","browser_download_url":"https://a.b/c"}]}',
        b"https://a.b/latest",
        b"file:///x%20y",
        b"0" * 64 + b"  a\n",
        b"1.2.3-rc.1+b",
    ],
    bound=1 << 18,
    frames=(Frame(), Frame(b'{"tag_name":"1.2.3","assets":['), Frame(b"https://")),
    nests=((b"[", b"]"), (b'{"a":', b"}")),
    units=(b"{},", b"a.", b"a:", b"1.", b"0" * 64 + b"  a\n"),
    within_s=PROGRAM_S,
)
def release(octets: bytes) -> None:
    """Manifests, checksums, tags and URLs are refused in words of ours, or written and read the same."""
    text = legal(octets)
    ways = (
        (lambda one: manifest.parse(one, "here"), _as_json),
        (lambda one: manifest.where(one.decode("utf-8", "replace")), lambda where: str(where).encode()),
        (sums._parsed, lambda rows: "".join(f"{found}  {name}\n" for name, found in rows.items()).encode()),
    )
    for read, written in ways:
        try:
            value = read(octets)
        except (Failed, Refused) as error:
            assert error.reason
            continue
        if isinstance(value, FileUrl):
            assert value.path.startswith("/") and "\0" not in value.path
            continue
        assert read(written(value)) == value
        if isinstance(value, VerifyHost):
            assert value.scheme == "https" or value.host == "::1" or value.host.startswith("127."), value
    found = semver.version(text)
    if found is not None:
        assert not found < found and semver.version(semver.bare(text)) == found
    name = a_label(text)
    if name is not None:
        assert a_label(name) == name and name.isascii()
