"""Can outgoing mail be signed, and only by us?"""

from aimx.provision.checks.finding import Finding, Findings, look_again, ours, reload, sudo
from aimx.provision.facts import Facts


def private_key(facts: Facts) -> Findings:
    """Missing, unusable, exposed."""
    if facts.key is None:
        if facts.config is not None or facts.config_file.state == "unreadable":
            yield Finding("DKIM-KEY-NOT-CHECKED", "skip", "Which DKIM key signs is not known", look_again(facts))
        return
    found = facts.key.private
    if found.state == "missing":
        text = f"There is no DKIM key at {found.path}: nothing can be sent"
        yield Finding("DKIM-KEY-MISSING", "fail", text, (ours(facts, "dkim-keygen"),))
    elif found.state == "unreadable":
        # Only root may read it; that it is there is what others can know.
        if facts.root:
            yield Finding("DKIM-KEY-UNREADABLE", "fail", f"{found.path} cannot be read: {found.why}")
    elif found.state == "broken":
        text = f"{found.path} is of no use: {found.why}"
        yield Finding("DKIM-KEY-BROKEN", "fail", text, (ours(facts, "dkim-keygen", "--force"),))
    if found.mode is not None and found.mode & 0o077:
        text = f"{found.path} can be read by others (mode {found.mode:04o}): they can sign as your domain"
        yield Finding("DKIM-KEY-MODE", "fail", text, (sudo(facts, "chmod", "600", found.path),))
    if facts.as_root and found.uid:
        text = f"{found.path} belongs to uid {found.uid}, who can sign as your domain"
        yield Finding("DKIM-KEY-OWNER", "fail", text, (sudo(facts, "chown", "root:root", found.path),))


def public_key(facts: Facts) -> Findings:
    """The public one is for people, who would publish the wrong record."""
    if facts.key is not None and facts.key.public_differs:
        text = "public.key does not belong to the private key beside it: whoever publishes it breaks every signature"
        yield Finding("DKIM-PUBLIC-KEY-DIFFERS", "warn", text, (ours(facts, "dkim-keygen"),))


def loaded(facts: Facts) -> Findings:
    """The daemon signs with what it has loaded, whatever is on disk now (P3)."""
    status, key = facts.probe.status, facts.key
    if status is None or key is None or key.record is None or status.dkim.record == key.record:
        return
    if status.dkim.record is None:
        text = "The daemon has not loaded the DKIM key: nothing can be sent"
        yield Finding("DKIM-KEY-NOT-LOADED", "fail", text, reload(facts))
        return
    text = f"The daemon signs with another DKIM key (selector {status.dkim.selector}) than the one on disk"
    yield Finding("DKIM-KEY-NOT-LOADED", "warn", text, reload(facts))


CHECKS = (private_key, public_key, loaded)
