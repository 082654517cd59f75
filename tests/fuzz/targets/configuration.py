"""Files that people write: config.toml and its edits, JSON5 of other programs, hooks in JSON, settings."""

import json
import re

import tomlkit
from tomlkit.exceptions import TOMLKitError

from aimx import limits
from aimx.config import change, hookedit, load
from aimx.errors import AimxError, ConfigInvalid, MailboxTaken
from aimx.integrations import json5
from aimx.integrations.json5 import NotJson5
from aimx.model.config import Config, Hook
from tests.fuzz.target import PROGRAM_S, Frame, files, target
from tests.fuzz.targets.pieces import legal

_KEYS = (
    b'domain~=~"agent.test"\\n [mailboxes.ops]\\n [mailboxes] [[mailboxes.ops.hooks]]\\n [upgrade] address~=~"ops@agent.test"\\n owner~=~"ops"\\n trust~=~ '
    b'"verified" "none" trusted_senders~=~["*@a.test"]\\n event~=~"on_receive"\\n cmd~=~["/bin/true"]\\n name~=~"h"\\n timeout_secs~=~ fire_on_untrusted~=~true '
    b'signature~=~ """ \'\'\' { } [ ] , . = # \\n \\\\u0000 0x 1e5 nan 1979-05-27 "*" catchall run_as~= dkim_selector~= enable_ipv6~= max_connections~='
)
_TABLE = re.compile(r"^[ \t]*\[\[?[ \t]*mailboxes(\.[A-Za-z0-9_-]+(\.hooks)?)?[ \t]*\]\]?", re.MULTILINE)
_HOOK = Hook("fuzz-hook", "on_receive", ("/bin/true", "a"), timeout_secs=5)


def _load(octets: bytes) -> Config | None:
    try:
        return load.parse(octets, "config.toml", None)
    except ConfigInvalid as error:
        assert error.reason.isprintable(), ascii(error.reason)
        assert error.reason.startswith("config.toml: ")
        return None


@target(
    "config",
    "aimx/config/ aimx/model/",
    _KEYS,
    seeds=lambda: files("fixtures/configs/**/*.toml", most=2500),
    longest=2000,
    bound=1 << 16,
    cost=lambda octets: _load(octets) and None,
    frames=(
        Frame(),
        Frame(b'domain = "agent.test"\n'),
        Frame(b"a = "),
        Frame(b'a = "', b'"'),
        Frame(b"a.", b" = 1"),
        Frame(b'domain = "agent.test"\ntrusted_senders = ["', b'"]'),
    ),
    units=(b"a.", b"[a]\n", b"[a.a]\n", b"a = 1\n", b"[[a]]\n", b"#\n", b"*", b"a,", b'"a",'),
    nests=((b"[", b"]"), (b"{a=", b"}")),
)
def config(octets: bytes) -> None:
    """A file is a Config or ConfigInvalid with one printable line; edits change what they mean or refuse."""
    found = _load(octets)
    if found is None:
        return
    text = octets.decode()
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise AssertionError("tomllib reads what tomlkit does not") from error
    try:
        change.add_mailbox("fuzz", "fuzz@agent.test", "root")(document)
        after = load.parse(tomlkit.dumps(document).encode(), "config.toml", None)
        assert set(after.mailboxes) - set(found.mailboxes) == {"fuzz"}
        back = tomlkit.parse(tomlkit.dumps(document))
        change.remove_mailbox("fuzz")(back)
        again = load.parse(tomlkit.dumps(back).encode(), "config.toml", None)
        assert again.mailboxes == found.mailboxes
    except AimxError as error:
        _refused(error, text)
    _hook_edits(text, found)


def _hook_edits(text: str, found: Config) -> None:
    for mailbox in list(found.mailboxes)[:1]:
        if any(hook.name == _HOOK.name for hook in found.mailboxes[mailbox].hooks):
            continue
        try:
            longer = hookedit.added(text, mailbox, _HOOK)
            more = load.parse(longer.encode(), "config.toml", None)
            assert _HOOK.name in [hook.name for hook in more.mailboxes[mailbox].hooks]
            shorter = load.parse(hookedit.removed(longer, mailbox, _HOOK.name).encode(), "config.toml", None)
            assert shorter.mailboxes == found.mailboxes
        except AimxError as error:
            _refused(error, text)


def _refused(error: AimxError, text: str) -> None:
    """An edit may be refused where the name is taken, or where mailboxes are written otherwise than in tables."""
    assert error.reason.isprintable(), ascii(error.reason)
    if isinstance(error, MailboxTaken):
        assert "fuzz" in text.lower()
        return
    if "catchall does not support hooks" in error.reason:
        return
    assert isinstance(error, ConfigInvalid) and "edit it by hand" in error.reason, error.reason
    assert "mailboxes" in _TABLE.sub("", text), error.reason


_PATH = ("mcpServers", "aimx")
_ENTRY = {"command": "/usr/bin/aimx", "args": ["mcp"], "e": '\u2028"'}


def _json5(octets: bytes) -> str | None:
    text = legal(octets)
    try:
        json5.get(text, _PATH)
        longer = json5.put(text, _PATH, _ENTRY)
        return json5.remove(longer, _PATH)
    except NotJson5 as error:
        assert error.reason.isprintable(), ascii(error.reason)
        return None


@target(
    "json5",
    "aimx/integrations/json5",
    b'{ } [ ] , : // /* */ \\n \\r\\n " \' \\\\ \\\\\\n \\\\u0041 \\\\x41 mcpServers aimx "aimx": "mcpServers":{ a: 0x1F +1 .5 5. Infinity NaN null true \\t \xe2\x80\xa8 \xef\xbb\xbf $a _b \\\\u{41} \'a\':',
    seeds=lambda: [
        b'{"mcpServers": {"a": {"command": "b"}}}',
        b"// c\n{\n  mcpServers: {\n    'a': [1, .5, +1,], // x\n  },\n}\n",
        b"",
        b"{}",
        b'{"mcpServers":{"aimx":1,"b":2}}',
    ],
    bound=1 << 18,
    cost=lambda octets: _json5(octets) and None,
    longest=1500,
    frames=(Frame(b"{", b"}"), Frame(b'{"a":', b"}"), Frame(), Frame(b'{"mcpServers":{', b"}}")),
    units=(b"a:1,", b"/**/", b"//\n", b"[],", b" ", b"\n", b'"a":{},'),
    nests=((b"[", b"]"), (b"{a:", b"}"), (b"/*", b"*/")),
    within_s=PROGRAM_S,
)
def json5_edits(octets: bytes) -> None:
    """One member is put in and read back, taken out again, and nothing else has another value."""
    text = legal(octets)
    try:
        before = {path: json5.get(text, path) for path in (("a",), ("mcpServers", "a"), ("b",), ("mcpServers", "b"))}
        longer = json5.put(text, _PATH, _ENTRY)
    except NotJson5 as error:
        assert error.reason.isprintable(), ascii(error.reason)
        return
    written = json5.get(longer, _PATH)
    assert written is not None and json.loads(written) == _ENTRY
    assert {path: json5.get(longer, path) for path in before} == before
    assert json5.put(longer, _PATH, _ENTRY) == longer
    shorter = json5.remove(longer, _PATH)
    assert json5.get(shorter, _PATH) is None
    assert {path: json5.get(shorter, path) for path in before} == before
    assert json5.remove(shorter, _PATH) == shorter


assert limits.AGENT_CONFIG_CHARS
