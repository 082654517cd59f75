"""`aimx mcp` of real users against a daemon that is root: what each tool tells the owner, a stranger and root."""

import sys

import pytest

from tests.harness import DOMAIN, mail
from tests.mcp.peer import Peer
from tests.root import dropping, users

pytestmark = pytest.mark.root
EACCES = ("EACCES not authorized", True)
# The interpreter may lie where a user cannot reach it: everything is loaded, one answer given, before the drop.
AS_USER = """
import encodings.idna, json, locale, os, signal, subprocess, sys
import aimx.cli.main, aimx.cli.mcp, aimx.mcp.server
import aimx.mime.addresses, aimx.mime.frontmatter, aimx.model.domain
uid = int(sys.argv[1])
os.chdir("/")
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
sys.argv[:] = ["aimx", "mcp"]
aimx.cli.main.main()
"""


@pytest.fixture(scope="module")
def people():
    with users.users("a", "b") as made:
        yield {"alice": made["a"], "bob": made["b"]}


@pytest.fixture(scope="module")
def daemon(people):
    with dropping.daemon({name: user.pw_name for name, user in people.items()}, people["bob"].pw_name) as made:
        made.send(mail("Secret", "of alice\r\n"), f"alice@{DOMAIN}")
        yield made


@pytest.fixture(scope="module")
def agents(daemon, people):
    """A server for each: alice, bob, root."""
    uids = {"root": 0} | {name: user.pw_uid for name, user in people.items()}
    made = {}
    try:
        for name, uid in uids.items():
            made[name] = Peer(daemon.env, argv=(sys.executable, "-c", AS_USER, str(uid)))
            made[name].greet()
        yield made
        for agent in made.values():
            assert (agent.end(), agent.errors) == (0, b"")
    finally:
        for agent in made.values():
            agent.__exit__()


def call(agent, tool, **arguments):
    result = agent.call(tool, **arguments)["result"]
    return result["content"][0]["text"], result["isError"]


def structured(agent, tool, **arguments):
    return agent.call(tool, **arguments)["result"]["structuredContent"]


def email_of(agents):
    return structured(agents["alice"], "email_list", mailbox="alice")["result"][0]["id"]


CALLS = {
    "email_list": {"mailbox": "{}"},
    "email_read": {"mailbox": "{}", "id": "{id}"},
    "email_send": {"from_mailbox": "{}", "to": "x@remote.test", "subject": "s", "body": "b"},
    "email_reply": {"mailbox": "{}", "id": "{id}", "body": "b"},
    "email_mark_read": {"mailbox": "{}", "id": "{id}"},
    "email_mark_unread": {"mailbox": "{}", "id": "{id}"},
    "mailbox_create": {"name": "{}"},
    "mailbox_delete": {"name": "{}"},
    "hook_create": {"mailbox": "{}", "event": "on_receive", "cmd": ["/bin/true"]},
    "hook_list": {"mailbox": "{}"},
    "email_wait": {"mailbox": "{}", "since": "1h"},
    "email_search": {"mailbox": "{}", "query": "Secret"},
    "thread_read": {"mailbox": "{}", "id": "{id}"},
    "attachment_read": {"mailbox": "{}", "id": "{id}"},
    "email_forward": {"mailbox": "{}", "id": "{id}", "to": "x@remote.test"},
}


@pytest.mark.parametrize("tool", CALLS)
def test_what_is_foreign_and_what_is_missing_look_alike(agents, tool):
    def asked(mailbox):
        filled = {key: value.format(mailbox, id=email_of(agents)) if isinstance(value, str) else value
                  for key, value in CALLS[tool].items()}  # fmt: skip
        return call(agents["bob"], tool, **filled)

    assert asked("alice") == EACCES
    if tool != "mailbox_create":  # what is missing is free
        assert asked("missing") == EACCES


def test_lists_hold_what_is_ones_own(agents):
    for name, own in (("alice", {"alice"}), ("bob", {"bob", "catchall"}), ("root", {"alice", "bob", "catchall"})):
        assert {row["name"] for row in structured(agents[name], "mailbox_list")["result"]} == own


def test_a_search_of_all_mailboxes_is_of_ones_own(agents):
    for name, found in (("alice", ["alice"]), ("bob", []), ("root", ["alice"])):
        emails = structured(agents[name], "email_search", query="subject:secret")["emails"]
        assert [email["mailbox"] for email in emails] == found


def test_a_foreign_hook_is_not_found(agents):
    name = structured(agents["alice"], "hook_create", mailbox="alice", event="on_receive", cmd=["/bin/true"])
    name = name["effective_name"]
    assert structured(agents["bob"], "hook_list") == {"result": []}
    assert call(agents["bob"], "hook_delete", name=name) == (f"Hook '{name}' not found", True)
    assert call(agents["bob"], "hook_delete", name="missing") == ("Hook 'missing' not found", True)
    assert call(agents["alice"], "hook_delete", name=name) == (f"Hook '{name}' deleted.", False)


def test_what_the_operator_made_the_owner_cannot_delete(agents):
    hook = {"mailbox": "bob", "event": "on_receive", "cmd": ["/bin/true"], "name": "of-the-operator"}
    assert call(agents["root"], "hook_create", **hook) == ('{"effective_name":"of-the-operator"}', False)
    reason = "hook 'of-the-operator' was set up by the operator; to delete it: sudo aimx hooks delete of-the-operator"
    assert call(agents["bob"], "hook_delete", name="of-the-operator") == (f"EACCES {reason}", True)
    assert call(agents["root"], "hook_delete", name="of-the-operator") == ("Hook 'of-the-operator' deleted.", False)


def test_a_user_makes_a_mailbox_of_his_own_again_and_again(agents, daemon):
    for _ in range(2):
        assert structured(agents["bob"], "mailbox_create", name="task-42") == {
            "name": "task-42", "address": f"task-42@{DOMAIN}",
        }  # fmt: skip
    assert call(agents["bob"], "mailbox_create", name="task-42") == (f"task-42@{DOMAIN}", False)
    assert call(agents["alice"], "mailbox_create", name="task-42") == EACCES
    assert call(agents["alice"], "mailbox_delete", name="task-42", force=True) == EACCES
    assert call(agents["bob"], "mailbox_delete", name="task-42", force=True) == ("Mailbox 'task-42' deleted.", False)


@pytest.mark.parametrize("name", ["..", "a..b", ".a", "a/b", "../../etc", "A", "a b", "catchall", "aimx-catchall"])
def test_a_name_that_is_none_is_refused(agents, name):
    text, failed = call(agents["bob"], "mailbox_create", name=name)
    assert (text.startswith("VALIDATION: Mailbox name "), failed) == (True, True), text


def test_a_name_that_speaks_for_the_domain_is_roots(agents):
    text, failed = call(agents["bob"], "mailbox_create", name="postmaster")
    assert (text, failed) == ("VALIDATION: Mailbox name 'postmaster' is reserved; only root can create it", True)


def test_the_owner_does_a_whole_round(agents, daemon):
    alice, email_id = agents["alice"], email_of(agents)
    assert call(alice, "email_read", mailbox="alice", id=email_id)[0].endswith("\nof alice\n")
    text, failed = call(alice, "email_reply", mailbox="alice", id=email_id, body="Seen")
    assert not failed
    assert text.startswith("Email sent to a@sender.test. Message-ID: <")
    assert call(alice, "email_mark_read", mailbox="alice", id=email_id)[1] is False
    (row,) = structured(alice, "email_list", mailbox="alice")["result"]
    assert row["read"] is True
    (sent,) = structured(alice, "email_list", mailbox="alice", folder="sent")["result"]
    assert (sent["subject"], sent["delivery_status"]) == ("Re: Secret", "delivered")


def test_root_sends_as_anybody_and_the_log_says_so(agents, daemon):
    text, failed = call(agents["root"], "email_send", from_mailbox="bob", to="x@remote.test", subject="s", body="b")
    assert not failed, text
    assert any("event=root-bypass verb=SEND caller_uid=0 mailbox=bob" in line for line in daemon.log)


def test_files_are_attached_with_the_users_rights(agents, daemon):
    secret = daemon.tree / "secret"
    secret.write_text("root's")
    secret.chmod(0o600)
    letter = {"from_mailbox": "bob", "to": "x@remote.test", "subject": "s", "body": "b", "attachments": [str(secret)]}
    text, failed = call(agents["bob"], "email_send", **letter)
    assert (text, failed) == (f"Attachment cannot be read: {secret}: Permission denied", True)
