"""mailbox_list, mailbox_create, mailbox_delete: results and refusals as the guide words them."""

import os

import pytest

from tests.harness import DOMAIN

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="root is told more")


def test_list_shows_each_mailbox_with_its_counts(agent, box, daemon):
    box.receive()
    told = agent("mailbox_list")
    assert told.rows == told.structured["result"]
    (row,) = [row for row in told.rows if row["name"] == box.name]
    assert list(row) == ["name", "address", "inbox_path", "sent_path", "total", "unread", "sent_count", "registered"]
    inbox, sent = (f"{daemon.data}/{folder}/{box.name}" for folder in ("inbox", "sent"))
    assert list(row.values()) == [box.name, f"{box.name}@{DOMAIN}", inbox, sent, 1, 1, 0, True]


def test_a_stray_directory_is_listed_without_an_address(agent, box, daemon):
    stray = daemon.data / "inbox" / f"stray-{box.name}"
    stray.mkdir(mode=0o700)
    (row,) = [row for row in agent("mailbox_list").rows if row["name"] == stray.name]
    assert (row["registered"], row["address"]) == (False, None)
    stray.rmdir()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("catchall", "VALIDATION: Mailbox name 'catchall' is reserved for the wildcard catchall slot"),
        ("aimx-catchall", "VALIDATION: Mailbox name 'aimx-catchall' is reserved for the wildcard catchall slot"),
        ("a..b", "VALIDATION: Mailbox name cannot contain '..'"),
        (".a", "VALIDATION: Mailbox name cannot start or end with '.'"),
        ("a.", "VALIDATION: Mailbox name cannot start or end with '.'"),
        ("a/b", "VALIDATION: Mailbox name contains invalid character '/'; allowed: [a-z0-9._-]"),
        ("Abc", "VALIDATION: Mailbox name contains invalid character 'A'; allowed: [a-z0-9._-]"),
        ("a" * 65, "VALIDATION: Mailbox name is longer than 64 characters"),
        ("", 'MALFORMED: Name cannot be framed: ""'),
        ("a\nb", 'MALFORMED: Name cannot be framed: "a\\nb"'),
        ("a" * 9000, "MALFORMED: Name exceeds 8192 bytes"),
    ],
    ids=lambda text: text[:20],
)
def test_a_name_that_cannot_be_is_refused_with_the_daemons_reason(agent, daemon, name, reason):
    told = agent("mailbox_create", name=name)
    assert (told.failed, told.text) == (True, reason)


@AS_ROOT
def test_root_is_told_how_to_create_for_others(agent, daemon):
    told = agent("mailbox_create", name="for-nobody")
    assert told.failed
    assert told.text.endswith("as root run `aimx mailboxes create for-nobody --owner <user>` instead")


def test_there_is_no_owner_parameter(agent, daemon):
    refusal = agent.refusal("mailbox_create", name="x", owner="root")
    assert refusal == (-32602, "mailbox_create: unknown parameter `owner`; it takes name")


def test_an_empty_mailbox_is_deleted(agent, box):
    told = agent("mailbox_delete", name=box.name)
    assert (told.text, told.structured) == (f"Mailbox '{box.name}' deleted.", {"deleted": box.name})
    assert box.name not in [row["name"] for row in agent("mailbox_list").rows if row["registered"]]


def test_mail_is_wiped_by_force_only(agent, box):
    box.receive()
    told = agent("mailbox_delete", name=box.name)
    assert told.failed
    assert told.text.startswith("NONEMPTY: inbox=1 sent=0")
    assert "pass force: true" in told.text
    assert f"aimx mailboxes delete {box.name} --force" in told.text
    assert len(box.files()) == 1
    assert agent("mailbox_delete", name=box.name, force=True).text == f"Mailbox '{box.name}' deleted."
    assert box.files() == []


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["catchall", "aimx-catchall"])
def test_the_catchall_stays(agent, daemon, name, force):
    told = agent("mailbox_delete", name=name, force=force)
    assert (told.failed, told.text) == (True, "VALIDATION: Cannot delete the catchall mailbox")


@AS_ROOT
def test_root_is_told_what_is_missing(agent, daemon):
    assert agent("mailbox_delete", name="nope") == ("ENOENT: mailbox-not-found: nope", None, True)
