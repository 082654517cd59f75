"""What becomes of hooks, with real users: each sees what ran as himself, and tries hooks out as himself."""

import json
import os

import pytest

from aimx import limits
from aimx.wire import codec
from aimx.wire.frames import HookCreate, HookExplain, HookRuns, HookTest, MailboxCreate, MailboxDelete
from tests.harness import DOMAIN, mail
from tests.hooks.test_pool import until
from tests.root import dropping, users
from tests.root.test_authorization import ask

pytestmark = pytest.mark.root
SCRIPT = 'id -u; id -g; pwd; echo "$HOME $USER"; cat "$AIMX_FILEPATH" | head -n 2 | tail -n 1; echo secret >&2'


@pytest.fixture(scope="module")
def daemon(people):
    with dropping.daemon({name: people[name].pw_name for name in ("alice", "bob")}, people["bob"].pw_name) as running:
        yield running


@pytest.fixture(scope="module")
def say(daemon, people):
    def said(caller, request):
        answer = ask(daemon, people[caller], codec.encode_request(request))
        head, _, body = answer.partition("\n\n")
        return json.loads(body) if "Content-Length" in head else head

    return said


@pytest.fixture(scope="module")
def hook(say):
    body = json.dumps({"cmd": ["/bin/sh", "-c", SCRIPT], "fire_on_untrusted": True}).encode()
    assert say("alice", HookCreate("alice", "on_receive", body, "hers")) == "AIMX/1 OK\n"
    return "hers"


@pytest.mark.parametrize("caller", ["alice", "root"])
def test_a_hook_is_tried_out_as_its_owner(daemon, people, say, hook, caller):
    """Root's wish does not make it root's run; the sample can be opened by its path too."""
    alice = people["alice"]
    tried = say(caller, HookTest(hook))
    assert tried["stdout_tail"].splitlines() == [
        str(alice.pw_uid), str(alice.pw_gid), f"{daemon.data}/inbox/alice", f"{alice.pw_dir} {alice.pw_name}",
        'id = "sample"',
    ]  # fmt: skip
    assert tried["exit_code"] == 0


def test_runs_are_seen_by_whom_they_ran_as_and_root(say, hook):
    own, all_ = say("alice", HookRuns()), say("root", HookRuns())
    assert {run["hook"] for run in own} == {hook}
    assert own == [run for run in all_ if run["mailbox"] == "alice"]
    assert say("bob", HookRuns()) == say("bob", HookRuns(hook=hook)) == []


def test_explanations_are_for_the_owner_and_root(daemon, say, hook):
    daemon.send(mail(), f"alice@{DOMAIN}")
    (path,) = daemon.messages("alice")
    until(lambda: [run["state"] for run in say("alice", HookRuns(id=path.stem))] == ["done"])
    explained = say("alice", HookExplain(hook, path.stem))
    assert explained["fires"], explained
    assert explained["origin"] == "mcp"
    assert say("root", HookExplain(hook, path.stem)) == explained
    assert say("bob", HookExplain(hook, path.stem)) == say("bob", HookExplain("ghost", path.stem)).replace(
        "ghost", hook
    )


def test_a_program_of_somebody_else_s_is_told_as_out_of_reach(daemon, people, say):
    """Whether it exists is not told."""
    (path,) = daemon.messages("alice")
    private = daemon.tree / "private"
    private.mkdir(mode=0o700)
    (private / "there").write_text("")
    for name in ("there", "missing"):
        body = json.dumps({"cmd": [str(private / name)]}).encode()
        assert say("alice", HookCreate("alice", "on_receive", body, name)) == "AIMX/1 OK\n"
        gates = say("alice", HookExplain(name, path.stem))["gates"]
        assert gates[-1]["why"] == f"{private} cannot be entered by {people['alice'].pw_name}"


def test_a_directory_that_cannot_be_reached_is_told(daemon, people, say, hook):
    """An operator's slip: what is above the mailboxes is closed."""
    (path,) = daemon.messages("alice")
    (daemon.data / "inbox").chmod(0o700)
    for caller in ("alice", "root"):
        explained = say(caller, HookExplain(hook, path.stem))
        closed = [(gate["gate"], gate["why"]) for gate in explained["gates"] if gate["passes"] is False]
        assert closed == [("directory", f"{daemon.data / 'inbox'} cannot be entered by {people['alice'].pw_name}")]
    (daemon.data / "inbox").chmod(0o755)


def test_a_mailbox_s_next_owner_is_not_told_what_ran_for_the_last(daemon, people, say, hook):
    before = say("alice", HookRuns("alice"))
    assert "secret" in before[0]["stderr_tail"]
    file = daemon.etc / "config.toml"
    text = file.read_text()
    head, _, rest = text.partition("[mailboxes.alice]")
    file.write_text(f"{head}[mailboxes.alice]" + rest.replace(people["alice"].pw_name, people["bob"].pw_name, 1))
    os.kill(daemon.pid, 1)
    daemon.wait_log("event=config-reloaded")
    assert say("bob", HookRuns("alice")) == say("bob", HookRuns(hook=hook)) == []
    assert say("alice", HookRuns()) == []
    assert say("alice", HookRuns("alice")).startswith("AIMX/1 ERR EACCES ")
    assert len(say("root", HookRuns("alice"))) >= len(before)
    file.write_text(text)
    os.kill(daemon.pid, 1)
    daemon.wait_log("event=config-reloaded")
    assert say("alice", HookRuns("alice")) == before


def test_a_name_that_was_somebody_else_s_gives_nothing_of_his_mail(daemon, people, say):
    """Who makes the mailbox again, and a hook and a file of the same names, runs it with what is in that file."""
    show = json.dumps({"cmd": ["/bin/sh", "-c", 'echo "$AIMX_SUBJECT"'], "fire_on_untrusted": True}).encode()
    assert say("alice", MailboxCreate("passed")) == "AIMX/1 OK\n"
    assert say("alice", HookCreate("passed", "on_receive", show, "again")) == "AIMX/1 OK\n"
    daemon.send(mail(subject="Confidential"), f"passed@{DOMAIN}")
    (path,) = daemon.messages("passed")
    until(lambda: [run["state"] for run in say("alice", HookRuns(hook="again"))] == ["done"])
    assert say("alice", HookTest("again", path.stem))["stdout_tail"] == "Confidential"
    assert say("alice", MailboxDelete("passed", force=True)) == "AIMX/1 OK\n"
    for folder in ("inbox", "sent"):
        (daemon.data / folder / "passed").rmdir()  # what the refusal tells the operator to see to
    assert say("bob", MailboxCreate("passed")) == "AIMX/1 OK\n"
    assert say("bob", HookCreate("passed", "on_receive", show, "again")) == "AIMX/1 OK\n"
    plant = "open(sys.argv[1], 'w').write('+++\\nsubject = \"Mine\"\\n+++\\n')"
    assert users.run(people["bob"], plant, path) == ""
    assert say("bob", HookTest("again", path.stem))["stdout_tail"] == "Mine"
    assert [run["test"] for run in say("bob", HookExplain("again", path.stem))["runs"]] == [True]


def test_one_owner_s_hooks_leave_places_for_others(people):
    """Hers take as long as they may; his run all the same."""
    names = {name: people[name].pw_name for name in ("alice", "bob")}
    with dropping.daemon(names, people["bob"].pw_name) as busy:

        def say(caller, request):
            return ask(busy, people[caller], codec.encode_request(request))

        def states(caller):
            return [run["state"] for run in json.loads(say(caller, HookRuns()).partition("\n\n")[2])]

        for name, cmd in (("alice", ["/bin/sleep", "300"]), ("bob", ["/bin/true"])):
            wanted = json.dumps({"cmd": cmd, "fire_on_untrusted": True, "timeout_secs": 300}).encode()
            assert say(name, HookCreate(name, "on_receive", wanted, name)) == "AIMX/1 OK\n"
        with busy.smtp() as client:
            for number in range(limits.HOOK_POOL):
                client.sendmail("a@sender.test", [f"alice@{DOMAIN}"], mail(f"m{number}"))
        until(lambda: states("alice").count("running") == limits.HOOK_POOL_OF_OWNER)
        busy.send(mail(), f"bob@{DOMAIN}")
        until(lambda: states("bob") == ["done"])
        assert states("alice").count("waiting") == limits.HOOK_POOL - limits.HOOK_POOL_OF_OWNER
