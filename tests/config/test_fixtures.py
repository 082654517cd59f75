"""fixtures/configs: every rule has a file that breaks it, with its message; good files load."""

import os
import re
from pathlib import Path

import pytest

from aimx import limits
from aimx.config import load, owners, schema
from aimx.errors import ConfigInvalid, ConfigUnreadable
from aimx.model.config import DEFAULT_SIGNATURE

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "configs"
BAD = sorted((FIXTURES / "bad").glob("*.toml"))
GOOD = sorted((FIXTURES / "good").glob("*.toml"))


def _expected(path: Path) -> str:
    sibling = path.with_suffix(".expected")
    if sibling.exists():
        return sibling.read_text().rstrip("\n")
    first = path.read_text().partition("\n")[0]
    assert first.startswith("# expected: "), path
    return first.removeprefix("# expected: ")


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_broken_rule_is_told_with_file_key_and_remedy(path):
    with pytest.raises(ConfigInvalid) as caught:
        load.load(path, None)
    assert caught.value.reason == f"{path}: {_expected(path)}"


def _keys_that_bad_files_break() -> set[str]:
    return {part for path in BAD for part in re.findall(r"[a-z_0-9]+", _expected(path))}


@pytest.mark.parametrize("key", sorted({*schema.TOP, *schema.UPGRADE, *schema.MAILBOX, *schema.HOOK}))
def test_every_key_has_a_file_that_breaks_it(key):
    assert key in _keys_that_bad_files_break()


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_files_load(path):
    assert load.load(path, None).mailboxes


def test_the_guide_example_means_what_it_says():
    config = load.load(FIXTURES / "good" / "guide.toml", None)
    support = config.mailboxes["support"]
    assert [hook.name for hook in support.hooks][:2] == ["support_log", "support_agent"]
    assert (support.hooks[1].timeout_secs, support.hooks[1].fire_on_untrusted) == (600, True)
    assert not support.hooks[2].explicit_name
    assert support.trusted_senders == ("*@yourcompany.com", "boss@gmail.com")
    assert config.mailboxes["catchall"].catchall
    assert config.mailboxes["catchall"].trusted_senders == ("*@yourcompany.com",)
    notifications = config.mailboxes["notifications"]
    assert (notifications.trust, notifications.trusted_senders) == ("none", ())
    assert config.release_manifest_url == "https://releases.example.com/manifest.json"
    assert config.warnings == ()


def test_a_file_that_an_older_release_wrote_loads():
    config = load.load(FIXTURES / "good" / "rewritten.toml", None)
    (hook,) = config.mailboxes["Support"].hooks
    assert hook.name == "3afd24f09cdd"  # reference, section 12
    assert config.mailboxes["catchall"].owner == "root"
    assert config.warnings == ("mailboxes.catchall.allow_root_catchall: no longer needed, ignored",)


def test_what_is_left_out_has_the_defaults_of_the_guide():
    config = load.parse(b'domain = "agent.test"', "c", None)
    assert (str(config.data_dir), config.dkim_selector, config.trust) == ("/var/lib/aimx", "aimx", "none")
    assert (config.trusted_senders, config.enable_ipv6, config.signature) == ((), False, DEFAULT_SIGNATURE)
    assert config.verify_host == "https://check.aimx.email"
    assert (config.mailboxes, config.postmaster, config.warnings) == ({}, None, ())


def test_an_empty_signature_is_kept_apart_from_none():
    assert load.parse(b'domain = "agent.test"\nsignature = ""', "c", None).signature == ""


MAILBOX = 'domain = "agent.test"\n[mailboxes.ops]\naddress = "ops@agent.test"\nowner = "ops"\n'
WARNED = {
    "unknown-top": ('domain = "agent.test"\nfavourite_colour = "red"', "favourite_colour: unknown key, ignored"),
    "unknown-mailbox": (MAILBOX + "quota = 5", "mailboxes.ops.quota: unknown key, ignored"),
    "unknown-upgrade": ('domain = "a.test"\n[upgrade]\nchannel = "x"', "upgrade.channel: unknown key, ignored"),
    "foreign-address": (
        MAILBOX.replace("ops@agent.test", "ops@old.test"),
        'mailboxes.ops.address: "ops@old.test" is not at agent.test; only mail to ops@agent.test arrives here',
    ),
    "no-address": (
        MAILBOX.replace("ops@agent.test", "ops"),
        'mailboxes.ops.address: "ops" is no address; only mail to ops@agent.test arrives here',
    ),
    "foreign-catchall": (
        MAILBOX.replace("ops@agent.test", "*@old.test"),
        'mailboxes.ops.address: "*@old.test" is no catchall of agent.test; write "*@agent.test"',
    ),
    "reserved-name": (
        MAILBOX.replace("mailboxes.ops", "mailboxes.catchall"),
        'mailboxes.catchall: the name is reserved for the wildcard address "*@agent.test"',
    ),
    "one-address-twice": (
        MAILBOX + '[mailboxes.b]\naddress = "OPS@agent.test"\nowner = "b"',
        "mailboxes.b: same address as ops, which gets the mail",
    ),
    "one-name-twice": (
        MAILBOX + '[mailboxes.OPS]\naddress = "b@agent.test"\nowner = "b"',
        "mailboxes.OPS: same name but for upper and lower case as ops, which gets the mail",
    ),
    "pattern-top": (
        'domain = "agent.test"\ntrusted_senders = ["boss"]',
        'trusted_senders[0]: "boss" matches no address: it has no @',
    ),
    "pattern-mailbox": (
        MAILBOX + 'trusted_senders = ["*@a.test", ""]',
        'mailboxes.ops.trusted_senders[1]: "" matches no address: it has no @',
    ),
}


@pytest.mark.parametrize(("text", "warning"), WARNED.values(), ids=WARNED)
def test_what_is_odd_but_harmless_is_a_warning(text, warning):
    assert load.parse(text.encode(), "c", None).warnings == (warning,)


def test_owners_that_do_not_resolve_are_warnings():
    config = load.parse((MAILBOX + '[mailboxes.b]\naddress = "b@agent.test"\nowner = "root"').encode(), "c", None)
    (warning,) = owners.unresolved(config, {"root": 0}.get)
    assert "mailbox 'ops' owner 'ops' does not resolve via getpwnam" in warning


def test_the_first_error_is_reported_always_the_same():
    text = 'trust = "x"\ndkim_selector = "/"\n[mailboxes.a]\nowner = 1\n[mailboxes.b]\nowner = 1\n'
    reasons = set()
    for _ in range(3):
        with pytest.raises(ConfigInvalid) as caught:
            load.parse(text.encode(), "c", None)
        reasons.add(caught.value.reason)
    assert reasons == {'c: dkim_selector: "/" is no DKIM selector; use letters, digits, hyphens, e.g. aimx'}


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigInvalid, match=r"not found at .*; book/configuration\.md shows one"):
        load.load(tmp_path / "config.toml", None)


def test_a_directory_is_no_file(tmp_path):
    with pytest.raises(ConfigInvalid, match="cannot be read: Is a directory"):
        load.load(tmp_path, None)


def test_ten_megabytes_are_refused_by_size(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b'domain = "agent.test"\n' + b"x" * 10 * limits.MIB)
    with pytest.raises(ConfigInvalid, match="is larger than 4194304 bytes"):
        load.load(path, None)


def test_the_override_wins_over_the_file(tmp_path):
    config = load.parse(b'domain = "agent.test"\ndata_dir = "/srv/a"', "c", tmp_path)
    assert str(config.data_dir) == str(tmp_path)


def test_a_fifo_holds_nobody(tmp_path):
    os.mkfifo(tmp_path / "config.toml")
    with pytest.raises(ConfigInvalid, match="domain"):
        load.load(tmp_path / "config.toml", None)


def test_unreadable_is_its_own_error_with_a_hint():
    assert issubclass(ConfigUnreadable, ConfigInvalid)
