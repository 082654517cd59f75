"""hooks.md names every variable of a hook's environment and every reason for which one is skipped."""

import ast
import inspect

import msgspec

from aimx.config import legacy
from aimx.daemon import hookrunner
from aimx.effects.accounts import Account
from aimx.flows import fire
from aimx.mime import outbound
from aimx.model.config import Hook, Mailbox
from aimx.model.message import Headers
from aimx.policy import firing
from tests.docs import pages
from tests.docs.pages import ROOT

HOOKS = ROOT / "book" / "hooks.md"


def test_the_table_of_variables_is_complete():
    headers = Headers(**{**dict.fromkeys(Headers.__struct_fields__, "x"), "automated": True})
    hook = Hook("note", "on_receive", ("/bin/true",))
    account = Account("alice", 1000, 1000, "/home/alice", "/bin/sh", ())
    mail = firing.mail_environment(headers)
    task = fire.Task(1, hook, "support", "id", "/p", "/", mail, account, change_identity=False, token="t")
    after = msgspec.structs.replace(hook, event="after_send")
    sent = outbound.read(b"From: a@b.test\r\nTo: c@d.test\r\n\r\n", "1@b.test", 0.0)
    (job,) = firing.after_send(Mailbox("m", "a@b.test", "alice", hooks=(after,)), sent, "delivered", "now", None)
    shown = [row[0].strip("`") for row in pages.rows(HOOKS, "## What a hook gets")]
    assert sorted(shown) == sorted({**fire.specification(task).env, **job.env})


def _reasons() -> set[str]:
    """What a hook can be skipped for: by the rule, and by the pool."""
    hooks = (Hook("a", "on_receive", ("/x",)), Hook("b", "on_receive", ("/x",), True, skip_automated=True))
    ruled = firing.on_receive(Mailbox("m", "m@a.test", "alice", hooks=hooks), "false", automated=True)
    tree = ast.parse(inspect.getsource(hookrunner))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    skips = [call.args[1] for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "_skip"]
    claims = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "_claim")
    ends = (node for claim in claims for node in ast.walk(claim) if isinstance(node, ast.Return))
    skips += [end.value for end in ends if isinstance(end.value, ast.Constant) and end.value.value is not None]
    named = {node.value for skip in skips for node in ast.walk(skip) if isinstance(node, ast.Constant)}
    return {skip.reason for skip in ruled.skips} | {str(name) for name in named} | set(firing.FAULTS)


def test_the_table_of_reasons_is_complete():
    assert {row[0].strip("`") for row in pages.rows(HOOKS, "## How one ends")} == _reasons()


def test_errors_point_to_this_page():
    assert "book/hooks.md" in legacy.POINTER
