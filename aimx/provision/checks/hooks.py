"""Will hooks run, and did they?"""

from aimx import limits
from aimx.provision.checks.finding import Finding, Findings, restart
from aimx.provision.facts import Facts


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
            yield Finding("HOOK-PROGRAM-MISSING", "warn", text, (f"ls -l {program.path}",))


def backlog(facts: Facts) -> Findings:
    """Runs that should have begun long ago. Without a daemon they wait for its start."""
    books = facts.books
    if books is None or not books.hooks_waiting or books.hooks_oldest is None:
        return
    waited_s = facts.now - books.hooks_oldest
    if waited_s > limits.DOCTOR_HOOK_WAIT_S and facts.probe.state == "running":
        text = f"{books.hooks_waiting} hook runs wait, the oldest for {int(waited_s // 60)} minutes"
        yield Finding("HOOK-BACKLOG", "warn", text, ("aimx logs", *restart(facts)))


def trouble(facts: Facts) -> Findings:
    """Runs that failed of late."""
    for found in facts.books.trouble if facts.books is not None else ():
        runs = f"{found.failed} run{'s' * (found.failed != 1)}"
        text = f"{runs} of the hook {found.hook} failed within a day; the last one: {found.last}"
        yield Finding("HOOK-FAILURES", "warn", text, (f"aimx hooks runs --hook {found.hook}",))


CHECKS = (never, programs, backlog, trouble)
