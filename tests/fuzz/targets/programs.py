"""What programs of a machine read that others wrote: archives, answers of a verifier, registers, bodies of requests."""

import contextlib
import gzip
import io
import json
import tarfile
import tempfile
from pathlib import Path

from aimx import limits, log
from aimx.config import origins
from aimx.errors import AimxError, Failed, Refused, WireCode, WireError
from aimx.flows import hooks
from aimx.mcp import cutting
from aimx.mime import clean
from aimx.model.hook import Written
from aimx.provision import inbound
from aimx.provision.httpget import Answer
from aimx.provision.reaching import Unreached
from aimx.provision.upgrade import archive
from aimx.provision.verifyhost import VerifyHost
from aimx.resolver.servers import Servers
from aimx.wire import answers
from aimx.wire.frames import HookCreate, Response
from tests.fuzz.target import PROGRAM_S, Frame, target
from tests.fuzz.targets.pieces import fields, legal, step

_PROGRAM = "aimx-1.0.0/aimx"
_tree = tempfile.TemporaryDirectory(prefix="aimx-fuzz-")


class _Sink(io.RawIOBase):
    """Holds the beginning of what is written, and how much there was: a sparse member is as long as it says."""

    def __init__(self) -> None:
        self.begin, self.size = b"", 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, octets: bytes) -> int:  # type: ignore[override]
        """All of it."""
        self.begin += bytes(octets)[: limits.MIB - len(self.begin)]
        self.size += len(octets)
        return len(octets)


def _tars() -> list[bytes]:
    made = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        octets = io.BytesIO()
        with tarfile.open(fileobj=octets, mode="w", format=form) as tar:
            for name, kind in (
                ("aimx-1.0.0", tarfile.DIRTYPE),
                ("l/" * 55 + "l", tarfile.SYMTYPE),
                (_PROGRAM, tarfile.REGTYPE),
            ):
                member = tarfile.TarInfo(name)
                member.type, member.linkname, member.size = kind, "/etc/passwd", 3 if kind == tarfile.REGTYPE else 0
                tar.addfile(member, io.BytesIO(b"abc"))
        made.append(b"\0" + octets.getvalue().rstrip(b"\0") + bytes(1024))
    return made


def _unpacked(octets: bytes) -> "_Sink | Failed":
    """An even first octet: what follows is packed first, so that changes get through the checksums."""
    packed = gzip.compress(octets[1:], 1, mtime=0) if octets[:1] < b"\x80" else b"\x1f\x8b" + octets[1:]
    sink = _Sink()
    try:
        archive.program(io.BytesIO(packed), _PROGRAM, sink)  # type: ignore[arg-type]
    except Failed as failed:
        return failed
    return sink


@target(
    "archive",
    "aimx/provision/upgrade/archive /tarfile.py",
    b"aimx-1.0.0/aimx ustar\x0000 ustar~~\0 \0\0\0\0\0\0\0\0 0000644 00000000003 77777777777 \x80\0\0\0\0\0\0\0\0\0\1\0 L K x g S 5 2 1 30~path=aimx-1.0.0/aimx\\n 22~size=1\\n GNU.sparse.map= 19~GNU.sparse.major=1\\n 20~size=-5\\n ././@LongLink \x1f\x8b\x08",
    seeds=_tars,
    longest=8192,
    bound=1 << 20,
    within_s=PROGRAM_S,
    cost=lambda octets: _unpacked(octets) and None,
    frames=(Frame(b"\0"), Frame(b"\0x" + bytes(511))),
    units=(bytes(512), b"11 a=bcdef\n", b"a"),
)
def archives(octets: bytes) -> None:
    """The program's octets, as a reader that can go back finds them, or Failed; nothing is written anywhere else."""
    found = _unpacked(octets)
    if isinstance(found, Failed):
        assert found.reason
        return
    with tarfile.open(fileobj=io.BytesIO(gzip.compress(octets[1:], 1)), mode="r:gz") as tar:
        member = next(one for one in tar if one.name == _PROGRAM)
        content = tar.extractfile(member)
        assert member.isreg() and content is not None and found.size == member.size
        assert content.read(limits.MIB) == found.begin


_VERIFIER = VerifyHost("https", "check.test", 443)


@target(
    "verifier-answer",
    "aimx/provision/inbound aimx/policy/internet",
    b'{ } [ ] "reachable":true "reachable":false "ip":"192.0.2.1" "ip":"::ffff:1.2.3.4" "fe80::1%eth0" , : null 1e999 \\\\u0000 "\\\\ud800" \xef\xbb\xbf 010.1.1.1 1 ~',
    seeds=lambda: [b'{"reachable":true,"ip":"192.0.2.1"}', b'{"reachable":false,"ip":"2001:db8::1","x":[1]}'],
    bound=limits.HTTP_ANSWER_OCTETS,
    longest=600,
    frames=(Frame(), Frame(b'{"reachable":true,"ip":"')),
    nests=((b"[", b"]"), (b'{"a":', b"}")),
    units=(b'"a":1,', b"1"),
)
def verifier_answer(octets: bytes) -> None:
    """A verifier says whether, and from which address; or it is none, in words of ours."""
    try:
        found = inbound._read(Answer(200, octets), _VERIFIER)
    except Unreached as unreached:
        assert unreached.why.isprintable() and unreached.cause == "answer"
        return
    said = json.loads(octets.decode())
    assert found.reachable is said["reachable"]
    assert found.address is not None and found.address.isprintable() and "%" not in found.address
    again = json.dumps({"reachable": found.reachable, "ip": found.address}).encode()
    assert inbound._read(Answer(200, again), _VERIFIER) == found


@target(
    "hook-body",
    "aimx/flows/hooks aimx/config/ msgspec",
    b'{ } [ ] , : "cmd":["/bin/true"] "cmd": "timeout_secs":60 "timeout_secs":601 "fire_on_untrusted":true "skip_automated":true "type":"cmd" "stdin":"email" "name":"a" "dangerously_support_untrusted":true '
    b'"run_as":"x" "\\\\ud800" "\\\\u0000" "\\\\n" -1 1e400 18446744073709551616 null "/" "" "~/x" on_receive after_send \x1e h-1 .. \xc3\xa4',
    seeds=lambda: [
        b'on_receive\x1e\x1e{"cmd":["/bin/true","a"]}',
        b'after_send\x1eh\x1e{"cmd":["/x"],"timeout_secs":5,"type":"cmd"}',
        b'on_receive\x1eh\x1e{"cmd":["/x"],"fire_on_untrusted":true,"skip_automated":true}',
    ],
    longest=1500,
    bound=limits.HOOK_BODY_OCTETS,
    frames=(
        Frame(b"on_receive\x1e\x1e"),
        Frame(b'on_receive\x1e\x1e{"cmd":["/x"'),
        Frame(b'on_receive\x1e\x1e{"cmd":["/', b'"]}'),
    ),
    nests=((b"[", b"]"), (b'{"a":', b"}")),
    units=(b',"a"', b'"a":1,', b"a", b"\\u00e9"),
)
def hook_body(octets: bytes) -> None:
    """What a user asks for is a hook with just these words, or refused on one line; it survives config.toml."""
    event, name, body = fields(octets, 3)
    frame = HookCreate("ops", legal(event), body, legal(name) or None)
    try:
        hook = hooks._requested("ops", frame)
    except (Refused, WireError) as error:
        head = answers.encode_response(Response("error", code=WireCode.VALIDATION, reason=error.reason))
        assert not set("\r\n\0") & set(answers.decode_response(head).reason)
        return
    said = json.loads(body)
    assert list(hook.cmd) == said["cmd"] and hook.cmd[0].startswith("/") and hook.event == legal(event)
    assert 1 <= hook.timeout_secs <= limits.HOOK_TIMEOUT_MAX_S and hook.timeout_secs == said.get("timeout_secs", 60)
    assert hook.fire_on_untrusted is said.get("fire_on_untrusted", False)
    _survives(hook)


def _survives(hook: "hooks.Hook") -> None:
    text = 'domain = "agent.test"\n[mailboxes.ops]\naddress = "ops@agent.test"\nowner = "root"\n'
    with contextlib.suppress(AimxError):  # a NUL, say, that no command can have
        written = hooks.hookedit.added(text, "ops", hook)
        (read,) = hooks.load.parse(written.encode(), "config.toml", None).mailboxes["ops"].hooks
        assert read == hook, (read, hook)


_HOOKS = (Written("ops", "h", "on_receive", ("/bin/true",)), Written("b", "g", "after_send", ("/x", "y")))


@target(
    "origins",
    "aimx/config/origins",
    b'{ } [ ] , : "version":1 "version":2 "mcp":[] "mailbox":"ops" "hook":"h" "digest":"" "source":"" "source":"a" "x":1 null 5 "\\\\ud800" \\n',
    seeds=lambda: [
        json.dumps(
            {"version": 1, "mcp": [origins._entry(hook, source)._asdict() for hook in _HOOKS for source in ("", "a")]}
        ).encode(),
        b'{"version":1,"mcp":[]}',
    ],
    bound=1 << 17,
    longest=1500,
    frames=(Frame(), Frame(b'{"version":1,"mcp":[', b"]}")),
    nests=((b"[", b"]"), (b'{"a":', b"}")),
    units=(b"{},", b'{"mailbox":"a","hook":"b","digest":"c"},'),
)
def register(octets: bytes) -> None:
    """Whatever the register holds, a hook is the operator's unless an entry names all that it is; settling keeps that."""
    home = Path(_tree.name)
    stream, log._stream = log._stream, io.StringIO()
    try:
        _registered(home, octets)
    finally:
        log._stream = stream


def _registered(home: Path, octets: bytes) -> None:
    made = origins.Origins(home / "config.toml")
    made.path.write_bytes(octets)
    before = [made.of(hook, "a") for hook in _HOOKS]
    if "mcp" in before:
        entries = [origins.Entry(**row) for row in json.loads(octets)["mcp"]]
        for hook, origin in zip(_HOOKS, before, strict=True):
            named = any(one[:3] == origins._entry(hook, "")[:3] and one.source in ("", "a") for one in entries)
            assert named == (origin == "mcp")
    made.settle(lambda: (_HOOKS, "a"))
    assert [made.of(hook, "another") for hook in _HOOKS] == before


@target(
    "mcp-cutting",
    "aimx/mcp/cutting aimx/mime/clean",
    b"+++\\n \\n+++\\n +++ \\r\\n \\r \\n a \xe2\x80\xae \xe2\x80\x8b \xf3\xa0\x80\x81 \xc3\xa4 = \\0 \x1b",
    seeds=lambda: [b"\x05+++\nid = 1\n+++\n\nbody\r\ntext\n", b"\x01no front\n", b"\x03+++\nnever ends\n"],
    longest=1200,
    bound=1 << 20,
    within_s=PROGRAM_S,
    cost=lambda octets: _cut(legal(octets), 65536, cutting.Wanted("body")),
    frames=(Frame(), Frame(b"+++\n"), Frame(b"+++\n+++\n")),
    units=(b"+", b"\r", b"+++\n", b"\n+++", b"a = 1\n", b"\xe2\x80\x8b"),
)
def mcp_cutting(octets: bytes) -> None:
    """A part of a file is the same however it came, parts put together are the whole, and head and body are all of it."""
    size, octets = step(octets)
    source = legal(octets)
    size += len(source) // 50
    whole, following = _cut(source, size, cutting.Wanted())
    assert following is None and whole == clean.bare(source)
    for which in ("full", "headers", "body"):
        wanted = cutting.Wanted(which)
        text, _ = _cut(source, size, wanted)
        assert text == _cut(source, len(source) + 1, wanted)[0]
        parts, at = "", 0
        while at is not None and which != "headers":
            part, at = _cut(source, size, cutting.Wanted(which, at, size + len(source) // 5))
            parts += part
        assert which == "headers" or parts == text
    assert _cut(source, size, cutting.Wanted("headers"))[0] + _cut(source, size, cutting.Wanted("body"))[0] == whole


def _cut(source: str, size: int, wanted: cutting.Wanted) -> tuple[str, int | None]:
    cut = cutting.Cut(wanted)
    chunks = [source[at : at + size] for at in range(0, len(source), size)] or [""]
    for number, chunk in enumerate(chunks):
        cut.feed(chunk, number == len(chunks) - 1)
        if cut.done:
            break
    return cut.text, cut.next


@target(
    "resolv-conf",
    "aimx/resolver/servers dns/resolver.py",
    b"nameserver~ search~ domain~ options~ ndots:5 timeout:1 edns0 rotate 192.0.2.53 2001:db8::53 fe80::1%eth0 \\n # ; ~ \\t \\0 \xff 127.0.0.53 https://a",
    seeds=lambda: [b"nameserver 192.0.2.53\nnameserver ::1\nsearch a.test b.test\noptions ndots:5 edns0\n"],
    longest=1000,
    within_s=PROGRAM_S,
    frames=(Frame(), Frame(b"nameserver "), Frame(b"search ")),
    units=(b"nameserver 192.0.2.1\n", b"a ", b"#\n"),
)
def resolv_conf(octets: bytes) -> None:
    """Some server is asked, whatever the file says, within our time and for absolute names."""
    path = Path(_tree.name) / "resolv.conf"
    path.write_bytes(octets)
    resolver, _ = Servers(str(path)).current(0.0)
    assert resolver.nameservers and resolver.rotate is False
    assert (resolver.timeout, resolver.lifetime) == (limits.DNS_TRY_S, limits.DNS_QUERY_S)
    named = [
        line.split()[1] for line in octets.split(b"\n") if line.startswith(b"nameserver ") and len(line.split()) == 2
    ]
    if octets.isascii() and named == [b"192.0.2.53"] and octets.count(b"nameserver") == 1 and b"\r" not in octets:
        assert [str(server) for server in resolver.nameservers] in (["192.0.2.53"], ["127.0.0.1"])
