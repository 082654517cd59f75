"""README and book say what the program does: links, commands, configuration, tables."""

import inspect
import re
import shlex
import tomllib

import pytest

from aimx import limits, replies
from aimx.cli import main
from aimx.config import legacy, load
from aimx.errors import AimxError
from aimx.mime import fields, unexamined
from aimx.model.authres import AuthResults
from aimx.model.config import Config, Hook, Mailbox
from aimx.model.envelope import Envelope
from aimx.model.message import Examined, Headers
from aimx.policy import trust
from aimx.replies import SmtpReply
from aimx.store import document
from tests.docs import pages
from tests.docs.pages import PAGES, ROOT

_BOOK = ROOT / "book"
_ENDS = {"|", "||", "&&", ";", ">", ">>", "<", "&", "2>", "#"}
each_page = pytest.mark.parametrize("page", PAGES, ids=pages.name)


@each_page
def test_links_lead_somewhere(page):
    for link in pages.links(page):
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if fragment:
            assert fragment in pages.anchors(target), link


def test_every_page_of_the_book_is_in_its_contents():
    listed = set(pages.links(_BOOK / "README.md"))
    assert listed == {page.name for page in _BOOK.glob("*.md")} - {"README.md"}


def _commands(page):
    """What the page tells the reader to type that starts our program."""
    lines = [line for block in pages.blocks(page) if block.language in ("sh", "bash") for line in _joined(block.text)]
    for text in [*lines, *pages.spans(page)]:
        for words in _simple_commands(text):
            while words and (words[0] == "sudo" or re.match(r"[A-Z_]+=", words[0])):
                words = words[1:]
            if words and words[0].rpartition("/")[2] == "aimx" and len(words) > 1 and "…" not in words:
                yield words[1:]


def _joined(text):
    return text.replace("\\\n", " ").splitlines()


def _simple_commands(text):
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        return  # prose in backticks
    start = 0
    for end, word in enumerate([*words, ";"]):
        if word in _ENDS or re.match(r"2?>", word):
            yield words[start:end]
            start = end + 1


@each_page
def test_commands_are_understood(page):
    if page.name == "config-schema.md":
        return  # messages, whose words are no commands
    commands = {name: command for command in main.COMMANDS for name in (command.name, *command.aliases)}
    for words in _commands(page):
        while words[0] == "--data-dir":
            words = words[2:]
        if words[0] in ("--version", "--help", "help"):
            continue
        assert words[0] in commands or "…" in words[0], f"aimx {' '.join(words)}"
        parser = main.parser(commands[words[0]])
        if len(words) == 1 or words[1:] in [[sub.name] for sub in parser.subs]:
            continue  # a command that is named, not one to type
        try:
            parser.parse_args(words[1:])
        except (SystemExit, AimxError):
            pytest.fail(f"aimx {' '.join(words)}")


@pytest.mark.parametrize(
    "block",
    # tui.md has the dashboard's settings, which are tried with it
    [block for page in PAGES if page.name != "tui.md" for block in pages.blocks(page) if block.language == "toml"],
    ids=lambda block: f"{pages.name(block.page)}:{block.text.splitlines()[0]}",
)
def test_configuration_is_accepted(block):
    """An excerpt counts as part of a file with a domain and, for hooks, their mailbox."""
    text = block.text
    table = tomllib.loads(text)
    if "domain" not in table:
        text = f'domain = "agent.example.com"\n{text}'
    for name, mailbox in table.get("mailboxes", {}).items():
        if "address" not in mailbox:
            text += f'\n[mailboxes.{name}]\naddress = "{name}@agent.example.com"\nowner = "alice"\n'
    config = load.parse(text.encode(), pages.name(block.page), None)
    assert not [warning for warning in config.warnings if "unknown" in warning.lower()]


def test_the_table_of_replies_is_complete():
    known = {reply.line for reply in vars(replies).values() if isinstance(reply, SmtpReply)}
    shown = [row[0].strip("`") for row in pages.rows(_BOOK / "smtp.md", "## Replies")]
    assert sorted(shown) == sorted(known)


def test_the_table_of_limits_is_true():
    shown = {row[0]: row[1] for row in pages.rows(_BOOK / "smtp.md", "## Limits")}
    assert shown == {
        "message": f"{limits.MESSAGE_OCTETS // limits.MIB} MiB",
        "header of a message": f"{limits.HEADER_OCTETS // limits.MIB} MiB",
        "recipients of one message": f"{limits.RECIPIENTS}",
        "messages on one connection": f"{limits.MESSAGES_PER_CONNECTION}",
        "connections": f"{limits.CONNECTIONS} (`max_connections`)",
        "connections of one address, loopback excepted": (
            f"{limits.CONNECTIONS_PER_PEER} (`max_connections_per_peer`)"
        ),
        "command line": f"{limits.COMMAND_LINE_OCTETS} octets",
        "refused commands on one connection": f"{limits.SESSION_ERRORS}",
        "idle time": f"{limits.IDLE_S / 60:.0f} minutes",
        "between two pieces of a message": f"{limits.DATA_BLOCK_S / 60:.0f} minutes",
        "one message in all": f"{limits.DATA_TOTAL_S / 60:.0f} minutes",
        "one session in all": f"{limits.SESSION_S / 3600:.0f} hours",
        "memory for messages in transit, over all sessions": f"{limits.MEMORY_OCTETS // limits.MIB} MiB",
        "finishing what is in transit when the daemon stops": f"{limits.DRAIN_S:.0f} seconds",
    }


def test_every_reason_of_trust_is_explained():
    named = re.findall(
        r'Verdict\("(?:true|false)", (?:headers\.from_problem or )?f?"([a-z-]+)', inspect.getsource(trust)
    )
    named += re.findall(r'None, "([a-z-]+)"', inspect.getsource(fields))
    shown = " ".join(row[0] for row in pages.rows(_BOOK / "trust.md", "## `trust_reason`"))
    assert len(named) > 5
    assert not [reason for reason in named if f"`{reason}" not in shown]


def _everything() -> Examined:
    """A message with every optional field."""
    texts = dict.fromkeys(Headers.__struct_fields__, "x")
    headers = Headers(**{**texts, "author": "a@b.example", "automated": True})
    return Examined(headers, "", (), AuthResults(detail="spf=temperror"), 1, examined=False)


def test_the_table_of_fields_is_the_order_of_the_file():
    mailbox = Mailbox("support", "support@agent.example", "alice", trust="verified")
    envelope = Envelope("a@b.example", (), "192.0.2.1", "b.example", 0.0)
    octets = document.inbound(_everything(), envelope, "support@agent.example", mailbox, ("false", "why"))
    written = list(tomllib.loads(octets.decode().split("+++\n")[1]))
    assert [row[0].strip("`") for row in pages.rows(_BOOK / "mailboxes-and-email.md", "## The message file")] == written


def test_fields_without_a_condition_are_in_every_file():
    envelope = Envelope("", (), None, "", 0.0)
    message = unexamined.unexamined(b"", 0.0)
    mailbox = Mailbox("support", "support@agent.example", "alice")
    written = tomllib.loads(
        document.inbound(message, envelope, "support@agent.example", mailbox, ("none", "")).decode().split("+++\n")[1]
    )
    always = {
        row[0].strip("`")
        for row in pages.rows(_BOOK / "mailboxes-and-email.md", "## The message file")
        if row[3] == "always"
    }
    assert always <= set(written)


@each_page
def test_keys_in_tables_of_keys_exist(page):
    known = {key for struct in (Config, Mailbox, Hook) for key in struct.__struct_fields__}
    known |= {"type", "hooks", "mailboxes", "upgrade", "allow_root_catchall", "stdin", *legacy.HOOK_FIELDS}
    tables = re.findall(r"^\| (?:key|Key) \|.*\n\|[-| ]+\n((?:\|.*\n)+)", page.read_text(), re.MULTILINE)
    for table in tables:
        for key in re.findall(r"^\| `([a-z_]+)`", table, re.MULTILINE):
            assert key in known, key
