"""Every gate of an explanation: what it says, and where it knows it from."""

import pytest

from aimx.model.config import Hook, Mailbox
from aimx.model.hook import Budget, Thread
from aimx.policy import firing, gates
from aimx.policy.gates import Gate, Message

ON = Hook("h", "on_receive", ("/bin/true",))
UNTRUSTED = Hook("h", "on_receive", ("/bin/true",), fire_on_untrusted=True)
PERSONAL = Hook("h", "on_receive", ("/bin/true",), skip_automated=True)
AFTER = Hook("h", "after_send", ("/bin/true",))
BOX = Mailbox("x", "x@a.test", "alice")


def inbox(**fields):
    return Message("inbox", fields)


NONE = "; trust = none now: no mail is trusted"
LISTED = Mailbox("x", "x@a.test", "alice", "verified", ("boss@a.test", "*@b.test"))
CAME = {"trusted": "false", "trust_reason": "dkim-fail", "dkim": "fail"}
SAID = "trusted=false fire_on_untrusted=false (dkim-fail); trust = verified now, "


def trust(hook, message):
    return gates.trust(hook, BOX, message, "a@b.test")


TABLE = {
    "pattern": (gates.trust(ON, LISTED, inbox(**CAME), "a@b.test"), False,
                f"{SAID}a@b.test matches *@b.test; dkim=fail", "front matter"),
    "no-pattern": (gates.trust(ON, LISTED, inbox(**CAME), "a@c.test"), False,
                   f"{SAID}a@c.test does not match any of 2 patterns of trusted_senders; dkim=fail", "front matter"),
    "no-author": (gates.trust(ON, LISTED, inbox(**CAME), ""), False,
                  f"{SAID}there is no one author to look for in trusted_senders; dkim=fail", "front matter"),
    "received": (gates.event(ON, inbox()), True, "event = on_receive, the message was received", "config.toml"),
    "sent": (gates.event(ON, Message("sent", {})), False, "event = on_receive, the message was sent", "config.toml"),
    "after-sent": (gates.event(AFTER, Message("sent", {})), True, "event = after_send, the message was sent",
                   "config.toml"),
    "after-received": (gates.event(AFTER, inbox()), False, "event = after_send, the message was received",
                       "config.toml"),
    "trusted": (trust(ON, inbox(trusted="true", trust_reason="aligned-dkim:a.test")), True,
                f"trusted=true fire_on_untrusted=false (aligned-dkim:a.test){NONE}", "front matter"),
    "not-listed": (trust(ON, inbox(trusted="false", trust_reason="sender-not-listed")), False,
                   f"trusted=false fire_on_untrusted=false (sender-not-listed){NONE}", "front matter"),
    "trust-none": (trust(ON, inbox(trusted="none")), False, f"trusted=none fire_on_untrusted=false{NONE}",
                   "front matter"),
    "no-front-matter": (trust(ON, inbox()), False, f"trusted=none fire_on_untrusted=false{NONE}", "front matter"),
    "trusted-is-no-boolean": (trust(ON, inbox(trusted=True)), False, f"trusted=none fire_on_untrusted=false{NONE}",
                              "front matter"),
    "untrusted-anyway": (trust(UNTRUSTED, inbox(trusted="false")), True,
                         "trusted=false fire_on_untrusted=true", "config.toml"),
    "after-send-trust": (trust(AFTER, Message("sent", {})), None, "after_send hooks have no trust gate",
                         "config.toml"),
    "automated-anyway": (gates.automated(ON, inbox(automated=True)), True, "skip_automated=false", "config.toml"),
    "automated": (gates.automated(PERSONAL, inbox(automated=True)), False, "skip_automated=true automated=true",
                  "front matter"),
    "by-a-person": (gates.automated(PERSONAL, inbox()), True, "skip_automated=true automated=false", "front matter"),
    "no-budget": (gates.budget(0, Budget("c", 99, None), ""), True, "hook_thread_budget = 0: there is none",
                  "config.toml"),
    "no-conversation": (gates.budget(20, Budget("", 0, None), ""), True, "no conversation to count in", "state.db"),
    "budget-left": (gates.budget(20, Budget("c", 19, None), ""), True,
                    "19 of 20 runs within 24 hours in this conversation", "state.db"),
    "budget-used": (gates.budget(20, Budget("c", 20, 1.0), "noon"), False,
                    "20 of 20 runs within 24 hours in this conversation; room again at noon",
                    "state.db"),
    "owner": (gates.owner(BOX, 1000), True, "alice has uid 1000", "system"),
    "owner-gone": (gates.owner(BOX, None), False, "owner-not-found", "system"),
    "owner-is-root": (gates.owner(BOX, 0), False, "owner-is-root", "system"),
    "place": (gates.place("program", "/bin/true", ""), True, "/bin/true", "system"),
    "place-closed": (gates.place("program", "/x", "/x: No such file or directory"), False,
                     "/x: No such file or directory", "system"),
    "place-privileged": (gates.place("program", "/bin/su", "", True), True,
        "/bin/su (set-uid or set-gid, which has no effect in the sandbox)", "system"),
    "place-slow": (gates.place("program", "/x", None), None, "/x could not be looked at in time", "system"),
}  # fmt: skip


@pytest.mark.parametrize(("gate", "passes", "why", "source"), TABLE.values(), ids=TABLE)
def test_a_gate_says_whether_why_and_from_where(gate, passes, why, source):
    assert gate == Gate(gate.gate, passes, why, source)


@pytest.mark.parametrize("hook", [ON, UNTRUSTED, PERSONAL], ids=["plain", "untrusted", "personal"])
@pytest.mark.parametrize("trusted", ["none", "true", "false"])
@pytest.mark.parametrize("automated", [True, False])
def test_the_gates_say_what_the_rule_decides(hook, trusted, automated):
    message = inbox(trusted=trusted, automated=automated)
    told = all(gate.passes for gate in (trust(hook, message), gates.automated(hook, message)))
    decided = firing.on_receive(Mailbox("x", "x@a.test", "alice", hooks=(hook,)), trusted, automated)
    assert told == bool(decided.fire)


@pytest.mark.parametrize(
    ("message", "conversation"),
    [
        (inbox(thread_id="t", message_id="m"), "t"), (inbox(thread_id="t", in_reply_to="m"), "t"),
        (inbox(thread_id="t", references="m"), "t"), (inbox(thread_id="t"), ""), (inbox(), ""),
        (inbox(thread_id=7, message_id="m"), ""),
    ],
)  # fmt: skip
def test_a_conversation_is_what_the_budget_counts_over(message, conversation):
    assert gates.conversation(ON, message) == conversation
    assert gates.conversation(AFTER, message) == ""


def test_a_conversation_is_found_by_what_a_message_names():
    message = inbox(message_id="m", in_reply_to="p", references="a b p")
    assert gates.thread(ON, message) == Thread(("m", "p", "b", "a"))
    assert gates.thread(AFTER, message) == gates.thread(ON, inbox()) == Thread()
    long = gates.thread(ON, inbox(message_id="m", references=" ".join(map(str, range(50))))).names
    assert long == ("m", "49", "48", "47", "46", "45", "44", "0")


def test_variables_from_front_matter_are_as_safe_as_any():
    message = Message("sent", {"from": "a\nb", "to": "x\0", "subject": 7, "date": "d", "delivery_status": "failed"})
    assert gates.environment(message, AFTER) == {
        "AIMX_FROM": "a b", "AIMX_TO": "x", "AIMX_SUBJECT": "", "AIMX_MESSAGE_ID": "", "AIMX_DATE": "d",
        "AIMX_SEND_STATUS": "failed",
    }  # fmt: skip
    assert gates.environment(inbox(automated=True), ON)["AIMX_AUTOMATED"] == "1"
    assert "AIMX_AUTOMATED" not in gates.environment(inbox(), ON)
