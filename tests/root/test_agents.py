"""Alice, Bob and root, each with an agent of their own: none reaches another's mail, and what root sees is logged."""

import json
import sys

import pytest

from tests.harness import mail
from tests.mcp.talk import Talk, environment
from tests.root import dropping

pytestmark = pytest.mark.root

SECRET = "Zwiebelsuppe"
HOOK = "onion-hook"
# The user may not reach the interpreter's files, so a whole session is had before the process becomes his.
AGENT = """
import os, sys, trio
from aimx.mcp import server
from aimx.mcp.daemon import SocketDaemon
from mcp import Client

async def session():
    async with Client(server.server(False, SocketDaemon()), mode="2026-07-28") as client:
        await client.list_tools()
        await client.call_tool("mailbox_list")
        await client.list_resources()

runtime = os.environ.pop("AIMX_RUNTIME_DIR")
os.environ["AIMX_RUNTIME_DIR"] = "/nonexistent"
trio.run(session)
os.environ["AIMX_RUNTIME_DIR"] = runtime
uid, gid = int(sys.argv[1]), int(sys.argv[2])
os.chdir("/")
os.setgroups([]); os.setresgid(gid, gid, gid); os.setresuid(uid, uid, uid)
server.serve(False)
"""


@pytest.fixture(scope="module")
def daemon(people):
    owners = {name: people[name].pw_name for name in ("alice", "bob")} | {"root": "root"}
    with dropping.daemon(owners, people["bob"].pw_name) as running:
        running.send(mail(f"{SECRET} one", f"{SECRET}: 123456\r\n"), "bob@agent.test")
        running.send(mail("Mine"), "alice@agent.test")
        yield running


@pytest.fixture(scope="module")
def agents(daemon, people):
    """Everybody's server, for the whole module, as clients keep them."""
    env = environment(daemon.run)
    argv = {who: [sys.executable, "-c", AGENT, str(user.pw_uid), str(user.pw_gid)] for who, user in people.items()}
    with Talk(env, argv["alice"]) as alice, Talk(env, argv["bob"]) as bob, Talk(env, argv["root"]) as root:
        made = bob.call("hook_create", mailbox="bob", event="on_receive", cmd=["/bin/true"], name=HOOK)
        assert not made["result"].get("isError"), made
        yield {"alice": alice, "bob": bob, "root": root}


@pytest.fixture(scope="module")
def email(agents):
    """The id of Bob's mail."""
    (row,) = agents["bob"].call("email_list", mailbox="bob")["result"]["structuredContent"]["result"]
    assert SECRET in row["subject"]
    return row["id"]


FIXED = {
    "to": "x@agent.test", "subject": "s", "body": "b", "event": "on_receive", "cmd": ["/bin/true"], "folder": "inbox",
    "query": SECRET, "timeout_s": 5, "force": True, "text": SECRET, "filename": "x.txt",
}  # fmt: skip
OF_TEXT = {"string": "x", "integer": 1, "boolean": False, "array": ["x@agent.test"]}


def _arguments(tool, mailbox: str, email_id: str, hook: str):
    """For every parameter that must be, and those that say which mail: somebody's."""
    schema = tool["inputSchema"]
    given = {"mailbox": mailbox, "from_mailbox": mailbox, "id": email_id}
    given["name"] = hook if tool["name"].startswith("hook") else mailbox
    known = FIXED | given
    wanted = {*schema.get("required", ()), *(schema["properties"].keys() & {"mailbox", "name", "query", "timeout_s"})}
    return {key: known.get(key, OF_TEXT[schema["properties"][key].get("type", "string")]) for key in sorted(wanted)}


def _told(answer, *names: str) -> str:
    """All that was said, without who asked and for what."""
    text = json.dumps(answer.get("result", answer.get("error")), sort_keys=True)
    for name in names:
        text = text.replace(name, "…")
    return text


def test_no_tool_reaches_another_users_mail(agents, email):
    alice = agents["alice"]
    tools = alice.request("tools/list")["result"]["tools"]
    assert len(tools) >= 12
    for tool in tools:
        if tool["name"] == "mailbox_create":  # of a free name it makes one
            continue
        foreign = alice.call(tool["name"], **_arguments(tool, "bob", email, HOOK))
        missing = alice.call(tool["name"], **_arguments(tool, "no-such", "no-id", "no-hook"))
        assert _told(foreign, "bob", email, HOOK) == _told(missing, "no-such", "no-id", "no-hook"), tool["name"]
        assert foreign["result"].get("isError") or not tool["inputSchema"].get("required"), tool["name"]
        assert "bob@" not in _told(foreign), tool["name"]
    taken = alice.call("mailbox_create", name="bob")
    assert taken["result"]["isError"]


def test_what_a_tool_finds_by_itself_is_the_users_own(agents, email):
    alice = agents["alice"]
    for tool in alice.request("tools/list")["result"]["tools"]:
        properties = tool["inputSchema"]["properties"]
        required = tool["inputSchema"].get("required", [])
        if not set(required) <= {"query"} or tool["name"] == "mailbox_create":
            continue
        arguments = {key: FIXED[key] for key in ("query", "timeout_s") if key in properties}
        said = _told(alice.call(tool["name"], **arguments), f'"{SECRET}"' if "query" in arguments else "…")
        assert not [name for name in (email, HOOK, "bob@", "/bob", "123456", '"bob"') if name in said], tool["name"]
    assert SECRET in _told(agents["bob"].call("email_list", mailbox="bob"))  # the net catches what is there
    assert HOOK in _told(agents["bob"].call("hook_list"))


def test_no_resource_prompt_or_completion_tells_of_another_user(agents, email):
    alice = agents["alice"]
    for path, missing in ((f"bob/inbox/{email}", "no-such/inbox/no-id"), ("bob", "no-such"), ("root", "no-such")):
        foreign = alice.request("resources/read", uri=f"aimx://mailbox/{path}")["error"]
        nothing = alice.request("resources/read", uri=f"aimx://mailbox/{missing}")["error"]
        assert foreign.pop("data") != nothing.pop("data")
        assert foreign == nothing
    listed = alice.request("resources/list")["result"]["resources"]
    assert {one["uri"].split("/")[3] for one in listed[1:]} == {"alice"}
    prompts = [alice.request("prompts/get", name="triage_inbox", arguments={"mailbox": name})["error"]
               for name in ("bob", "no-such")]  # fmt: skip
    assert _told({"error": prompts[0]}, "bob") == _told({"error": prompts[1]}, "no-such")
    asked = {"ref": {"type": "ref/prompt", "name": "triage_inbox"}, "argument": {"name": "mailbox", "value": ""}}
    assert alice.request("completion/complete", **asked)["result"]["completion"]["values"] == ["alice"]
    template = {"type": "ref/resource", "uri": "aimx://mailbox/{name}/{folder}/{id}"}
    ids = {"ref": template, "argument": {"name": "id", "value": ""}, "context": {"arguments": {"name": "bob"}}}
    assert alice.request("completion/complete", **ids)["result"]["completion"]["values"] == []


def test_no_news_of_another_users_mail(agents, daemon, email):
    alice, bob = agents["alice"], agents["bob"]
    theirs, own = ["aimx://mailbox/bob", f"aimx://mailbox/bob/inbox/{email}"], "aimx://mailbox/alice"
    for agent in (alice, bob):
        agent.told.clear()
        wanted = {"resourcesListChanged": True, "resourceSubscriptions": [*theirs, own]}
        agent.begin("subscriptions/listen", notifications=wanted)
        agent.hear("notifications/subscriptions/acknowledged")
    daemon.send(mail("For Bob"), "bob@agent.test")
    assert not bob.call("email_mark_read", mailbox="bob", id=email)["result"].get("isError")
    bob.hear("notifications/resources/updated", uri=theirs[1])
    daemon.send(mail("For Alice"), "alice@agent.test")
    alice.hear("notifications/resources/updated", uri=own)
    alice.hear("notifications/resources/list_changed")
    assert [(one["method"], one["params"].get("uri")) for one in alice.told[1:]] == [
        ("notifications/resources/updated", own),
        ("notifications/resources/list_changed", None),
    ]
    assert {one["params"]["uri"] for one in bob.told if one["method"].endswith("/updated")} == set(theirs)


def test_root_sees_everybodys_and_the_log_says_so(agents, daemon, email):
    root = agents["root"]
    names = {row["name"] for row in root.call("mailbox_list")["result"]["structuredContent"]["result"]}
    assert {"alice", "bob", "catchall"} <= names
    text = root.call("email_read", mailbox="bob", id=email)["result"]["content"][0]["text"]
    assert SECRET in text
    line = daemon.wait_log("event=root-bypass verb=EMAIL-READ")
    assert "level=info" in line or "INFO" in line
    assert "mailbox=bob" in line
    assert "caller_uid=0" in line
