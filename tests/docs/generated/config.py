"""book/config-schema.md: every key of config.toml with a value that is accepted and one that is not.

Each line is tried: what is refused is told in the words of the program.
"""

from typing import Any

from aimx.config import legacy, load, schema
from aimx.errors import ConfigInvalid
from tests.docs.generated.markup import code, document, table
from tests.docs.pages import ROOT

HEAD = """\
# The schema of config.toml

Made from the program's own checks: every value in the second column was accepted, every one in the third refused, in
the words of the fourth. What the keys are for, and their defaults: [Configuration](configuration.md). A message
begins with the path of the file and the place in it, left out here where it is the key.
"""
_SOURCE = "/etc/aimx/config.toml"
_TOP = 'domain = "agent.example.com"\n'
_MAILBOX = '[mailboxes.support]\naddress = "support@agent.example.com"\nowner = "alice"\n'
_HOOK = '[[mailboxes.support.hooks]]\nevent = "on_receive"\ncmd = ["/bin/true"]\n'

# key: (accepted, refused), as TOML writes them
_VALUES: dict[str, dict[str, tuple[str, str]]] = {
    "top": {
        "domain": ('"agent.example.com"', '"agent example.com"'),
        "data_dir": ('"/srv/mail"', '"mail"'),
        "dkim_selector": ('"aimx2"', '"../aimx"'),
        "trust": ('"verified"', '"all"'),
        "trusted_senders": ('["*@company.example"]', '"*@company.example"'),
        "verify_host": ('"https://verify.example.com"', '"verify.example.com"'),
        "enable_ipv6": ("true", '"yes"'),
        "signature": ('"Regards\\n-- \\nThe team"', "false"),
        "postmaster": ('"support"', '"nobody-has-it"'),
        "max_connections": ("100", "0"),
        "max_connections_per_peer": ("5", "70000"),
        "allow_private_mx": ("true", "1"),
        "hook_memory_max": ('"1G"', '"1 GB"'),
        "hook_concurrency": ("1", "-1"),
        "hook_thread_budget": ("0", "20.5"),
        "upgrade": ('{ release_manifest_url = "https://example.com/releases" }', '{ release_manifest_url = "here" }'),
    },
    "mailbox": {
        "address": ('"support@agent.example.com"', "7"),
        "owner": ('"support-bot"', '"Support Bot"'),
        "trust": ('"none"', '"some"'),
        "trusted_senders": ("[]", "[1]"),
        "hooks": ("[]", '"note"'),
        "allow_root_catchall": ("true", '"true"'),
    },
    "hook": {
        "event": ('"after_send"', '"on_send"'),
        "cmd": ('["/usr/bin/logger", "mail"]', '["logger", "mail"]'),
        "name": ('"note"', '"-note"'),
        "type": ('"cmd"', '"webhook"'),
        "timeout_secs": ("600", "601"),
        "fire_on_untrusted": ("true", '"true"'),
        "skip_automated": ("true", "1"),
    },
}


def page() -> str:
    """The whole page."""
    return document(
        HEAD,
        _section("Top level", "top", schema.TOP),
        _section("A mailbox", "mailbox", schema.MAILBOX),
        _section("A hook", "hook", schema.HOOK),
        _removed(),
        _refusals(),
    )


def _section(title: str, level: str, keys: dict[str, Any]) -> list[str]:
    rows = []
    for key in keys:
        if key == "mailboxes":
            continue
        accepted, refused = _VALUES[level][key]
        load.parse(_file(level, key, accepted).encode(), _SOURCE, None)
        rows.append([code(key), code(accepted), code(refused), code(refusal(_file(level, key, refused), key))])
    return [f"## {title}", "", *table(["key", "accepted", "refused", "in these words"], rows)]


def _file(level: str, key: str, value: str) -> str:
    """A whole file in which one key has this value."""
    texts = {"top": _TOP, "mailbox": _MAILBOX, "hook": _HOOK}
    lines = [line for line in texts[level].splitlines() if not line.startswith(f"{key} =")]
    at = 0 if level == "top" else 1
    texts[level] = "\n".join([*lines[:at], f"{key} = {value}", *lines[at:]]) + "\n"
    if key == "hooks":
        del texts["hook"]
    return "".join(texts.values())


def refusal(text: str, key: str = "") -> str:
    """What the program says about a file that it refuses."""
    try:
        load.parse(text.encode(), _SOURCE, None)
    except ConfigInvalid as error:
        words = error.reason.removeprefix(f"{_SOURCE}: ")
        place, colon, rest = words.partition(": ")
        return rest if colon and key and place.rpartition(".")[2].partition("[")[0] == key else words
    raise AssertionError(f"accepted: {text}")


def _removed() -> list[str]:
    """Keys that older files have on hooks."""
    rows = [[code(key), code(refusal(_file("hook", key, '"x"')))] for key in ("stdin", *legacy.HOOK_FIELDS)]
    return ["## Removed keys of hooks", "", *table(["key", "the error says"], rows)]


def _refusals() -> list[str]:
    """The messages for files that are kept as examples of what can be wrong, each once."""
    told = {}
    for path in sorted((ROOT / "fixtures" / "configs" / "bad").glob("*.toml")):
        octets = path.read_bytes()
        try:
            load.parse(octets, _SOURCE, None)
        except ConfigInvalid as error:
            told[error.reason.removeprefix(f"{_SOURCE}: ")] = path.stem
    intro = "Each is what the program says about one file of a collection of wrong ones, after the path of the file."
    shown = [words for words in told if len(words) < 250 and words.isprintable() and "not valid TOML" not in words]
    return ["## Messages", "", intro, "", *(f"- {code(words)}" for words in shown), ""]
