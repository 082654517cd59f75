"""Will hooks run, and did they?"""

import json
import shlex

from aimx import limits
from aimx.provision.checks.finding import Finding, Findings, ours
from aimx.provision.facts import Facts, Program


def never(facts: Facts) -> Findings:
    """A hook on received mail that nothing can fire: its mailbox trusts nobody."""
    for box in facts.config.mailboxes.values() if facts.config is not None else ():
        for hook in box.hooks:
            if (
                hook.event != "on_receive"
                or hook.fire_on_untrusted
                or (box.trust == "verified" and box.trusted_senders)
            ):
                continue
            why = "trust is none" if box.trust == "none" else "trusted_senders is empty"
            text = f"The hook {hook.name} of {box.name} never runs: {why}, so that no mail is trusted"
            fix = f'trust = "verified" and trusted_senders = ["you@example.com"] below [mailboxes.{box.name}]'
            yield Finding("HOOK-NEVER-FIRES", "warn", text, (fix,))


def programs(facts: Facts) -> Findings:
    """A program that is not there."""
    for program in facts.programs:
        if program.state in ("missing", "not-executable"):
            what = "does not exist" if program.state == "missing" else "is not a program that may be executed"
            text = f"{program.path}, which the hook {program.hook} of {program.mailbox} starts, {what}"
            again = _again(facts, program) if program.state == "missing" else ()
            yield Finding("HOOK-PROGRAM-MISSING", "warn", text, again or (shlex.join(["ls", "-l", program.path]),))


def _again(facts: Facts, program: Program) -> tuple[str, ...]:
    """The hook once more, as it was but for the path, which only a person knows (guide)."""
    box = facts.config.mailboxes.get(program.mailbox) if facts.config is not None else None
    hook = next((hook for hook in box.hooks if hook.name == program.hook), None) if box is not None else None
    if hook is None:
        return ()
    cmd = json.dumps([f"/correct/path/to/{program.path.rpartition('/')[2]}", *hook.cmd[1:]], ensure_ascii=False)
    words = ["--mailbox", program.mailbox, "--event", hook.event, "--cmd", cmd, "--name", hook.name]
    words += ["--timeout-secs", str(hook.timeout_secs)] * (hook.timeout_secs != limits.HOOK_TIMEOUT_DEFAULT_S)
    words += ["--fire-on-untrusted"] * hook.fire_on_untrusted + ["--skip-automated"] * hook.skip_automated
    return ours(facts, "hooks", "delete", hook.name, "--yes"), ours(facts, "hooks", "create", *words)


def backlog(facts: Facts) -> Findings:
    """Runs that should have begun long ago. Without a daemon they wait for its start."""
    books = facts.books
    if books is None or not books.hooks_waiting or books.hooks_oldest is None:
        return
    waited_s = facts.now - books.hooks_oldest
    if waited_s > limits.DOCTOR_HOOK_WAIT_S and facts.probe.state == "running":
        text = (
            f"{books.hooks_waiting} hook runs wait, the oldest for {int(waited_s // 60)} minutes, most of them for the"
            f" hook {books.hooks_most}; a run ends by itself or at timeout_secs, then the next one begins"
        )
        yield Finding("HOOK-BACKLOG", "warn", text, (f"aimx hooks runs --hook {books.hooks_most}", "aimx logs"))


def trouble(facts: Facts) -> Findings:
    """Runs that failed of late."""
    for found in facts.books.trouble if facts.books is not None else ():
        runs = f"{found.failed} run{'s' * (found.failed != 1)}"
        text = f"{runs} of the hook {found.hook} failed within a day; the last one: {found.last}"
        yield Finding("HOOK-FAILURES", "warn", text, (f"aimx hooks runs --hook {found.hook}",))


CHECKS = (never, programs, backlog, trouble)
