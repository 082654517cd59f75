"""HOOK-CREATE, HOOK-DELETE and HOOK-LIST, octet by octet, and what they leave on disk and in force."""

import json
import re
import socket

import pytest

from aimx.config import load
from tests.harness import DOMAIN, Daemon, config_text, mail, owner

TOP = "# by hand\n"
MORE = f"""
# the catchall
[mailboxes.everything]
address = "*@{DOMAIN}"
owner = "{owner()}"

[mailboxes.inline]
address = "inline@{DOMAIN}"
owner = "{owner()}"
hooks = [
    {{ name = "by_hand", event = "after_send", cmd = ["/bin/true"] }}, # a note
]
"""
OK = b"AIMX/1 OK\n"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("verbs"), config_text(MORE, TOP)) as running:
        yield running


def ask(daemon, octets: bytes) -> bytes:
    """The whole answer to these octets."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(60)
        asked.connect(str(daemon.socket))
        asked.sendall(octets)
        asked.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := asked.recv(65536):
            answer += piece
    return answer


def create(daemon, body: bytes | dict, *headers: str, mailbox="ops", event="on_receive") -> bytes:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = ["AIMX/1 HOOK-CREATE", f"Mailbox: {mailbox}", f"Event: {event}", *headers, f"Content-Length: {len(octets)}"]
    return ask(daemon, "\n".join([*lines, "", ""]).encode() + octets)


def delete(daemon, name: str) -> bytes:
    return ask(daemon, f"AIMX/1 HOOK-DELETE\nHook-Name: {name}\nContent-Length: 0\n\n".encode())


def rows(daemon) -> list[dict]:
    answer = ask(daemon, b"AIMX/1 HOOK-LIST\n\n")
    head, _, body = answer.partition(b"\n\n")
    assert head == f"AIMX/1 OK\nContent-Length: {len(body)}".encode()
    return json.loads(body)


def error(code: str, reason: str) -> bytes:
    return f"AIMX/1 ERR {code} {reason}\nCode: {code}\n\n".encode()


def text(daemon) -> str:
    return (daemon.etc / "config.toml").read_text()


def test_the_list_has_six_fields_by_mailbox_event_and_name(daemon):
    assert ask(daemon, b"AIMX/1 HOOK-LIST\n\n").endswith(
        b'[{"name":"by_hand","mailbox":"inline","event":"after_send","cmd":["/bin/true"],'
        b'"fire_on_untrusted":false,"timeout_secs":60}]'
    )
    for name, event in (("b", "on_receive"), ("a", "on_receive"), ("z", "after_send")):
        assert create(daemon, {"cmd": ["/bin/true"]}, f"Name: {name}", event=event) == OK
    assert [(row["mailbox"], row["event"], row["name"]) for row in rows(daemon)] == [
        ("inline", "after_send", "by_hand"), ("ops", "after_send", "z"), ("ops", "on_receive", "a"),
        ("ops", "on_receive", "b"),
    ]  # fmt: skip
    for name in "abz":
        assert delete(daemon, name) == OK


def test_create_and_delete_leave_the_file_as_it_was_and_the_hook_fires_in_between(daemon):
    before = text(daemon)
    for mailbox in ("ops", "inline"):
        assert create(daemon, {"cmd": ["/bin/true"], "fire_on_untrusted": True}, "Name: new", mailbox=mailbox) == OK
        assert load.load(daemon.etc / "config.toml", None).mailboxes[mailbox].hooks[-1].name == "new"
        daemon.send(mail(), f"{mailbox}@{DOMAIN}")
        assert "exit_code=0" in daemon.wait_log(f"hook_name=new event=on_receive mailbox={mailbox}")
        assert delete(daemon, "new") == OK
        assert text(daemon) == before


def test_an_original_client_gets_what_it_always_got(daemon):
    """It takes anything after `OK` for malformed, so the name is told only to who asks."""
    body = {"cmd": ["/bin/echo", "x"], "fire_on_untrusted": False, "type": "cmd"}
    assert create(daemon, body) == OK
    (name,) = [row["name"] for row in rows(daemon) if row["mailbox"] == "ops"]
    assert re.fullmatch("[0-9a-f]{12}", name)
    assert delete(daemon, name) == OK
    told = b'AIMX/1 OK\nContent-Length: 33\n\n{"effective_name":"' + name.encode() + b'"}'
    assert create(daemon, body, "Answer: json") == told
    assert delete(daemon, name) == OK


NAME_RULE = "must match [a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}"
SCHEMA = "See book/hooks.md for the supported raw-cmd schema"
GOOD = {"cmd": ["/bin/true"]}
REFUSED = {
    "catchall": (GOOD, {"mailbox": "everything"}, "EACCES", "catchall does not support hooks"),
    "catchall-by-name": (GOOD, {"mailbox": "catchall"}, "EACCES", "catchall does not support hooks"),
    "catchall-first": (b"{", {"mailbox": "everything", "event": "x"}, "EACCES", "catchall does not support hooks"),
    "missing": (GOOD, {"mailbox": "ghost"}, "ENOENT", "mailbox-not-found: ghost"),
    "missing-first": (b"{", {"mailbox": "ghost", "event": "x"}, "ENOENT", "mailbox-not-found: ghost"),
    "event": (b"{", {"event": "x"}, "VALIDATION", "invalid event 'x': expected 'on_receive' or 'after_send'"),
    "event-case": (GOOD, {"event": "On_Receive"}, "VALIDATION",
                   "invalid event 'On_Receive': expected 'on_receive' or 'after_send'"),
    "name": (b"{", {"name": "../x"}, "VALIDATION", f"invalid hook name '../x': {NAME_RULE}"),
    "name-long": (GOOD, {"name": "x" * 129}, "VALIDATION", f"invalid hook name '{'x' * 129}': {NAME_RULE}"),
    "template": ({"template": "x"}, {}, "PROTOCOL",
                 f"hook sets `template`/`params`; template hooks were removed. {SCHEMA}"),
    "params": ({**GOOD, "params": {}}, {}, "PROTOCOL",
               f"hook sets `template`/`params`; template hooks were removed. {SCHEMA}"),
    "run_as": ({**GOOD, "run_as": "root"}, {}, "PROTOCOL",
               f"hook sets `run_as`; the field was removed — hooks now run as the mailbox's `owner`. {SCHEMA}"),
    "origin": ({**GOOD, "origin": "operator"}, {}, "PROTOCOL",
               f"hook sets `origin`; the field was removed: delete the line. {SCHEMA}"),
    "untrusted-old": ({**GOOD, "dangerously_support_untrusted": True}, {}, "PROTOCOL",
                      "hook sets `dangerously_support_untrusted`; the field was renamed to `fire_on_untrusted`."
                      f" {SCHEMA}"),
    "stdin": ({**GOOD, "stdin": "email"}, {}, "PROTOCOL",
              "hook sets removed field 'stdin' — the email is always piped to hooks; remove this key from the request"),
    "unknown": ({**GOOD, "shell": True}, {}, "PROTOCOL",
                "invalid HOOK-CREATE body: Object contains unknown field `shell`"),
    "name-in-body": ({**GOOD, "name": "x"}, {}, "PROTOCOL",
                     "invalid HOOK-CREATE body: Object contains unknown field `name`"),
    "no-body": (b"", {}, "PROTOCOL", "invalid HOOK-CREATE body: Input data was truncated"),
    "not-utf-8": (b'{"cmd":["/\xff"]}', {}, "PROTOCOL", "invalid HOOK-CREATE body: "),
    "array": (b"[]", {}, "PROTOCOL", "invalid HOOK-CREATE body: Expected `object`, got `array`"),
    "deep": (b"[" * 60_000, {}, "PROTOCOL", "invalid HOOK-CREATE body: "),
    "long": (b" " * 65_537, {}, "PROTOCOL", "invalid HOOK-CREATE body: longer than 65536 bytes"),
    "no-cmd": ({"timeout_secs": 5}, {}, "PROTOCOL", "invalid HOOK-CREATE body: Object missing required field `cmd`"),
    "cmd-text": ({"cmd": "/bin/true"}, {}, "PROTOCOL", "invalid HOOK-CREATE body: Expected `array`, got `str`"),
    "cmd-number": ({"cmd": ["/bin/true", 1]}, {}, "PROTOCOL", "invalid HOOK-CREATE body: Expected `str`, got `int`"),
    "cmd-empty": ({"cmd": []}, {}, "VALIDATION", "hook has empty `cmd`"),
    "cmd-blank": ({"cmd": [" "]}, {}, "VALIDATION", "hook has blank `cmd[0]`"),
    "cmd-relative": ({"cmd": ["./x"]}, {}, "VALIDATION", "hook has non-absolute `cmd[0]` './x': "),
    "cmd-nul": ({"cmd": ["/bin/true", "a\0"]}, {}, "VALIDATION", "hook has a NUL character in `cmd`"),
    "type": ({**GOOD, "type": "shell"}, {}, "VALIDATION",
             "hook has unsupported type 'shell': only `cmd` is supported"),
    "untrusted-after": ({**GOOD, "fire_on_untrusted": True}, {"event": "after_send"}, "VALIDATION",
                        "fire_on_untrusted is on_receive only"),
    "timeout-0": ({**GOOD, "timeout_secs": 0}, {}, "VALIDATION", "`timeout_secs = 0`: must be > 0"),
    "timeout-601": ({**GOOD, "timeout_secs": 601}, {}, "VALIDATION", "`timeout_secs = 601` exceeds the max of 600"),
    "timeout-negative": ({**GOOD, "timeout_secs": -1}, {}, "VALIDATION", "`timeout_secs = -1`: must be > 0"),
    "timeout-float": (b'{"cmd":["/x"],"timeout_secs":1e99}', {}, "PROTOCOL", "invalid HOOK-CREATE body: "),
    "timeout-bool": ({**GOOD, "timeout_secs": True}, {}, "PROTOCOL", "invalid HOOK-CREATE body: "),
    "taken": (GOOD, {"name": "by_hand"}, "VALIDATION",
              "hook name 'by_hand' is already in use; choose another one with --name"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "how", "code", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_says_what_and_changes_nothing(daemon, body, how, code, reason):
    before = text(daemon)
    name = [f"Name: {how['name']}"] if "name" in how else []
    answer = create(daemon, body, *name, **{key: value for key, value in how.items() if key != "name"})
    assert re.fullmatch(rf"AIMX/1 ERR {code} [^\n]*{re.escape(reason)}[^\n]*\nCode: {code}\n\n", answer.decode())
    assert text(daemon) == before
    assert len(rows(daemon)) == 1


def test_a_derived_name_that_is_taken_asks_for_another(daemon):
    assert create(daemon, GOOD, mailbox="inline") == OK
    answer = create(daemon, GOOD).decode()
    assert "is already in use (same event and cmd); give the hook its own with --name" in answer
    assert "inline" not in answer
    (name,) = [row["name"] for row in rows(daemon) if row["event"] == "on_receive"]
    assert delete(daemon, name) == OK


def test_a_hook_that_is_not_there_is_not_found(daemon):
    assert delete(daemon, "ghost") == error("ENOENT", "hook 'ghost' not found")
    assert delete(daemon, "../x") == error("ENOENT", "hook '../x' not found")


def test_a_file_that_became_invalid_is_left_alone(daemon):
    before = text(daemon)
    (daemon.etc / "config.toml").write_text(before + "\n[mailboxes.broken]\n")
    try:
        assert b"ERR VALIDATION " in create(daemon, GOOD, "Name: new")
        assert text(daemon) == before + "\n[mailboxes.broken]\n"
        assert len(rows(daemon)) == 1
    finally:
        (daemon.etc / "config.toml").write_text(before)


def test_a_hand_edit_is_merged_and_a_change_of_owner_is_not_bypassed(daemon):
    before = text(daemon)
    file = daemon.etc / "config.toml"
    file.write_text(before.replace(TOP, "# by another hand\n"))
    assert create(daemon, GOOD, "Name: merged") == OK
    assert delete(daemon, "merged") == OK
    assert text(daemon) == before.replace(TOP, "# by another hand\n")
    file.write_text(before.replace(f'owner = "{owner()}"', 'owner = "nobody"', 1))
    try:
        assert b"changes hands there" in create(daemon, GOOD, "Name: new")
        assert text(daemon) == before.replace(f'owner = "{owner()}"', 'owner = "nobody"', 1)
    finally:
        file.write_text(before)


def test_changes_are_in_the_log_and_among_the_events(daemon):
    assert create(daemon, GOOD, "Name: told") == OK
    assert "mailbox=ops origin=operator" in daemon.wait_log("event=hook-created hook_name=told")
    assert delete(daemon, "told") == OK
    assert "mailbox=ops" in daemon.wait_log("event=hook-deleted hook_name=told")
