"""hook_create, hook_list, hook_delete: results and refusals as the guide words them."""

import os

import pytest

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="root is told more")


def create(agent, box, **arguments):
    return agent(
        "hook_create", **{"mailbox": box.name, "event": "on_receive", "cmd": ["/bin/true", box.name]} | arguments
    )


def test_a_hook_with_a_name(agent, box):
    told = create(agent, box, name=f"hook-{box.name}", timeout_secs=5, fire_on_untrusted=True)
    assert told.text == f'{{"effective_name":"hook-{box.name}"}}'
    assert told.structured == {"effective_name": f"hook-{box.name}"}
    listed = agent("hook_list", mailbox=box.name)
    assert listed.structured == {"result": listed.rows}
    (row,) = listed.rows
    assert row == {
        "name": f"hook-{box.name}", "mailbox": box.name, "event": "on_receive", "cmd": ["/bin/true", box.name],
        "timeout_secs": 5, "fire_on_untrusted": True,
    }  # fmt: skip
    assert list(row) == ["name", "mailbox", "event", "cmd", "timeout_secs", "fire_on_untrusted"]


def test_the_derived_name_is_told_and_stable(agent, box):
    name = create(agent, box).structured["effective_name"]
    assert len(name) == 12
    assert int(name, 16) >= 0
    (row,) = agent("hook_list", mailbox=box.name).rows
    assert (row["name"], row["timeout_secs"], row["fire_on_untrusted"]) == (name, 60, False)
    again = create(agent, box)
    assert again.failed
    assert again.text.startswith(f"VALIDATION: derived hook name '{name}' is already in use")


def test_lists_of_all_mailboxes_and_of_one_agree(agent, box):
    for event, name in (("on_receive", "b"), ("after_send", "c"), ("on_receive", "a")):
        create(agent, box, event=event, name=f"{box.name}.{name}", cmd=["/bin/true", name])
    own = agent("hook_list", mailbox=box.name).rows
    assert [(row["event"], row["name"][-1]) for row in own] == [
        ("after_send", "c"),
        ("on_receive", "a"),
        ("on_receive", "b"),
    ]
    assert [row for row in agent("hook_list").rows if row["mailbox"] == box.name] == own


def test_no_hooks_are_an_empty_array(agent, box):
    assert agent("hook_list", mailbox=box.name) == ("[]", {"result": []}, False)


def test_deleting(agent, box):
    name = create(agent, box).structured["effective_name"]
    assert agent("hook_delete", name=name) == (f"Hook '{name}' deleted.", {"deleted": name}, False)
    assert agent("hook_delete", name=name) == (f"Hook '{name}' not found", None, True)
    assert agent("hook_list", mailbox=box.name).text == "[]"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"cmd": []}, "cmd must not be empty"),
        ({"cmd": ["true"]}, "VALIDATION: hook has non-absolute `cmd[0]` 'true'"),
        ({"cmd": ["/bin/a\0b"]}, "VALIDATION: hook has a NUL character in `cmd`"),
        ({"event": "on_send"}, "VALIDATION: invalid event 'on_send': expected 'on_receive' or 'after_send'"),
        ({"event": "after_send", "fire_on_untrusted": True}, "fire_on_untrusted is on_receive only"),
        ({"timeout_secs": 601}, "VALIDATION: `timeout_secs = 601` exceeds the max of 600 seconds"),
        ({"timeout_secs": 0}, "VALIDATION: `timeout_secs"),
        ({"timeout_secs": -1}, "VALIDATION: `timeout_secs"),
        ({"name": "a b"}, "VALIDATION: "),
        ({"name": ""}, "MALFORMED: Name cannot be framed"),
        ({"mailbox": "catchall"}, "EACCES catchall does not support hooks"),
        pytest.param({"mailbox": "nope"}, "ENOENT: mailbox-not-found: nope", marks=AS_ROOT),
        ({"mailbox": ""}, "MALFORMED: Mailbox cannot be framed"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_what_is_no_hook_is_refused_with_the_daemons_reason(agent, box, arguments, reason):
    told = create(agent, box, **arguments)
    assert told.failed
    assert reason in told.text
    assert agent("hook_list", mailbox=box.name).text == "[]"
