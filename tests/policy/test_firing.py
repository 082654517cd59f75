"""Which hooks fire, and what a mail can put into their environment."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx import limits
from aimx.mime.unexamined import unexamined
from aimx.model.config import Hook, Mailbox
from aimx.policy import firing

HEADERS = unexamined(b"", 0.0).headers
HOOKS = (
    Hook("trusting", "on_receive", ("/bin/true",)),
    Hook("open", "on_receive", ("/bin/true",), fire_on_untrusted=True),
    Hook("picky", "on_receive", ("/bin/true",), fire_on_untrusted=True, skip_automated=True),
    Hook("sent", "after_send", ("/bin/true",)),
)
MAILBOX = Mailbox("ops", "ops@agent.test", "me", hooks=HOOKS)


@pytest.mark.parametrize(
    ("trusted", "automated", "fires", "skips"),
    [
        ("true", False, ["trusting", "open", "picky"], {}),
        ("true", True, ["trusting", "open"], {"picky": "automated"}),
        ("false", False, ["open", "picky"], {"trusting": "trusted=false fire_on_untrusted=false"}),
        ("none", False, ["open", "picky"], {"trusting": "trusted=none fire_on_untrusted=false"}),
        ("none", True, ["open"], {"trusting": "trusted=none fire_on_untrusted=false", "picky": "automated"}),
    ],
)
def test_the_gate(trusted, automated, fires, skips):
    found = firing.on_receive(MAILBOX, trusted, automated)
    assert [hook.name for hook in found.fire] == fires
    assert {skip.hook: skip.reason for skip in found.skips} == skips


@pytest.mark.parametrize(
    ("owner", "uid", "problem"),
    [
        ("alice", 1000, None),
        ("root", 0, None),
        ("toor", 0, "owner-is-root"),
        ("alice", None, "owner-not-found"),
        ("root", None, "owner-not-found"),
    ],
)
def test_root_only_by_name(owner, uid, problem):
    assert firing.owner_problem(owner, uid) == problem


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ({}, False),
        ({"message_id": "a@b"}, True),
        ({"in_reply_to": "a@b"}, True),
        ({"references": "a@b c@d"}, True),
    ],
    ids=["names nothing", "itself", "parent", "ancestors"],
)
def test_mail_that_names_no_message_shares_no_budget(fields, counted):
    headers = msgspec.structs.replace(HEADERS, **fields)
    assert firing.conversation(headers) == (headers.thread_id if counted else "")


# Long values are a short text many times: hypothesis takes minutes to draw thousands of characters one by one.
LONG = st.builds(lambda text, size: (text * size)[:size], st.text("ä€😀\0\r\n=", min_size=1), st.integers(5000, 9000))
TEXT = st.text(st.characters(codec=None, exclude_categories=())) | LONG


@given(st.dictionaries(st.sampled_from([f"AIMX_{letter}" for letter in "ABCDEFGHIJ"]), TEXT), TEXT)
def test_values_are_safe_for_execve_and_bounded(mail, home):
    env = firing.environment(mail, {"HOME": home, "AIMX_A": "ours"})
    assert env["AIMX_A"] == "ours"
    assert set(env) == set(mail) | {"HOME", "AIMX_A"}
    for text in env.values():
        assert not set(text) & {"\0", "\n", "\r"}
        assert len(text.encode()) <= limits.HOOK_ENV_VALUE_OCTETS
    assert sum(len(key.encode()) + len(text.encode()) + 2 for key, text in env.items()) <= limits.HOOK_ENV_OCTETS


def test_automated_mail_says_so():
    automated = msgspec.structs.replace(HEADERS, automated=True)
    assert firing.mail_environment(automated)["AIMX_AUTOMATED"] == "1"
    assert "AIMX_AUTOMATED" not in firing.mail_environment(HEADERS)
