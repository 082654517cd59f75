"""Doctor's findings for people: the guide's sections in its order, a line per fact, a fix per finding."""

from collections.abc import Iterator

from aimx.cli import dns_text
from aimx.cli.diagnostics import visible
from aimx.cli.style import Style
from aimx.provision.agreement import asked
from aimx.provision.checks import zone
from aimx.provision.checks.finding import Finding
from aimx.provision.facts import Facts, Listed

_COLUMNS = ("Mailbox", "Address", "Total", "Unread", "Trust", "Senders", "Hooks")
_NUMBERS = {"Total", "Unread", "Hooks"}


def lines(facts: Facts, findings: tuple[Finding, ...], style: Style) -> Iterator[str]:
    """The whole report."""
    sections = (
        ("Configuration", _configuration(facts, style)),
        ("Service", _service(facts, style)),
        ("Mailboxes", _mailboxes(facts)),
        ("Ownership", _ownership(facts, style)),
        ("DNS", _dns(facts, style)),
        (
            "Logs",
            iter((style.paint("dim", "aimx logs shows the daemon's log, aimx logs --follow new lines as they come"),)),
        ),
        ("Checks", _checks(findings, style)),
    )
    for number, (title, body) in enumerate(sections):
        if number:
            yield ""
        yield style.paint("head", title)
        yield from (f"  {line}" for line in body)


def _fact(label: str, text: str) -> str:
    return f"{label + ':':<18}{visible(text)}"


def _unknown(facts: Facts) -> str:
    return "not known" if facts.root else "not known (sudo aimx doctor tells)"


def _configuration(facts: Facts, style: Style) -> Iterator[str]:
    config, key = facts.config, facts.key
    yield _fact("Domain", facts.names.domain if facts.names is not None else _unknown(facts))
    file = facts.config_file
    told = {"missing": " (missing)", "unreadable": " (not readable for you)", "broken": " (invalid)"}
    yield _fact("Config file", file.path + told.get(file.state, ""))
    yield _fact("Data directory", facts.data_dir or _unknown(facts))
    yield _fact("DKIM selector", key.selector if key is not None else _unknown(facts))
    yield _fact("DKIM key", _unknown(facts) if key is None else "") + _key(facts, style)
    yield _fact("Global trust", config.trust if config is not None else _unknown(facts))
    senders = ", ".join(config.trusted_senders) or "(none)" if config is not None else _unknown(facts)
    yield _fact("Trusted senders", senders)


def _key(facts: Facts, style: Style) -> str:
    if facts.key is None:
        return ""
    state = facts.key.private.state
    if state == "missing":
        return style.paint("bad", "MISSING - run `aimx dkim-keygen`")
    return {"read": "present", "unreadable": "present (only root may read it)"}.get(
        state, style.paint("bad", "unusable")
    )


def version(tag: str, git_hash: str) -> str:
    """As the guide shows it: a number has a `v` before it."""
    return f"{'v' * tag[:1].isdigit()}{tag} ({git_hash})"


def _service(facts: Facts, style: Style) -> Iterator[str]:
    probe, smtp = facts.probe, facts.smtp
    running = {"ours": "running", "other": "not running (another server answers)", "closed": "not running"}
    where = f" ({smtp.address})" if smtp.state == "ours" else ""
    yield _fact("SMTP server", running.get(smtp.state, "not checked: no answer in time") + where)
    yield _fact("Client version", version(facts.client.tag, facts.client.git_hash))
    if probe.tag:
        yield _fact("Server version", version(probe.tag, probe.git_hash))
    else:
        why = probe.why or "daemon not running"
        yield _fact("Server version", "") + style.paint("dim", f"({visible(why)})")


def _mailboxes(facts: Facts) -> Iterator[str]:
    if not facts.mailboxes_known:
        yield _fact("Total", _unknown(facts))
        return
    boxes = facts.mailboxes
    total = sum(box.total or 0 for box in boxes)
    unread = (
        "unread not counted" if any(b.unread is None for b in boxes) else f"{sum(b.unread or 0 for b in boxes)} unread"
    )
    own = "" if facts.config is not None or facts.root else "; yours only"
    yield _fact("Total", f"{len(boxes)} ({total} messages, {unread}{own})")
    if boxes:
        yield from _table([_COLUMNS, *(_row(box) for box in boxes)])


def _row(box: Listed) -> tuple[str, ...]:
    def shown(value: object) -> str:
        return "?" if value is None else visible(str(value))

    senders = None if box.senders is None else ", ".join(box.senders) or "(none)"
    return (
        shown(box.name), shown(box.address), shown(box.total), shown(box.unread), shown(box.trust), shown(senders),
        shown(box.hooks),
    )  # fmt: skip


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    frame = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    for number, row in enumerate(rows):
        if number < 2:
            yield frame
        cells = (
            cell.rjust(width) if name in _NUMBERS else cell.ljust(width)
            for cell, width, name in zip(row, widths, _COLUMNS, strict=True)
        )
        yield f"| {' | '.join(cells)} |"
    yield frame


def _ownership(facts: Facts, style: Style) -> Iterator[str]:
    boxes = [box for box in facts.mailboxes if not box.catchall]
    if not facts.mailboxes_known:
        yield style.paint("dim", _unknown(facts))
        return
    if not boxes:
        yield style.paint("dim", "(no non-catchall mailboxes)")
        return
    uids = {owner.name: owner.uid for owner in facts.owners}
    width = max(len(box.name) for box in boxes)
    wide = max(len(box.owner or "?") for box in boxes)
    for box in boxes:
        uid = uids.get(box.owner or "")
        mark = style.mark("ok" if uid is not None else "skip" if box.owner is None else "fail")
        state = f"uid={uid}" if uid is not None else "not known" if box.owner is None else "user not found"
        yield f"{visible(box.name):<{width}}  owner={box.owner or '?':<{wide}}  {mark} {state}"


def _dns(facts: Facts, style: Style) -> Iterator[str]:
    verdicts = zone.verdicts(facts)
    if not verdicts:
        yield style.paint("dim", "skipped - the domain is not known")
    yield from dns_text.verdicts(verdicts, style)
    if facts.names is not None and verdicts:
        yield style.paint("odd" if facts.names.server else "dim", f"(asked {asked(facts.names)})")


def _checks(findings: tuple[Finding, ...], style: Style) -> Iterator[str]:
    for finding in findings:
        yield f"{style.mark(finding.severity)} {style.paint('head', finding.id)} {visible(finding.text)}"
        yield from (f"      {style.mark('arrow')} {visible(fix)}" for fix in finding.fix)
    counts = {severity: sum(f.severity == severity for f in findings) for severity in ("fail", "warn", "info", "skip")}
    if not findings:
        yield style.paint("good", "All checks passed.")
        return
    skipped = f", {counts['skip']} not checked" if counts["skip"] else ""
    yield f"Summary: {counts['fail']} fail, {counts['warn']} warn, {counts['info']} info{skipped}"
