"""Doctor's facts and findings as one JSON object; its keys and the ids of findings never change their meaning."""

from typing import Any

from aimx.mime import dates
from aimx.model.config import Config
from aimx.provision.checks import zone
from aimx.provision.checks.finding import Finding
from aimx.provision.facts import Facts
from aimx.provision.records import Record, Verdict

SEVERITIES = ("fail", "warn", "info", "skip")


def report(facts: Facts, findings: tuple[Finding, ...]) -> dict[str, Any]:
    """Everything. `ok` is what the exit code says."""
    counts = {severity: sum(finding.severity == severity for finding in findings) for severity in SEVERITIES}
    return {
        "ok": counts["fail"] == 0,
        "at": dates.utc(facts.now),
        "as_root": facts.root,
        "configuration": _configuration(facts),
        "service": _service(facts),
        "mailboxes": [_mailbox(box) for box in facts.mailboxes] if facts.mailboxes_known else None,
        "ownership": _ownership(facts) if facts.mailboxes_known else None,
        "dns": [verdict(found) for found in zone.verdicts(facts)],
        "checks": [
            {"id": found.id, "severity": found.severity, "text": found.text, "fix": list(found.fix)}
            for found in findings
        ],
        "summary": counts,
    }


def _ownership(facts: Facts) -> list[dict[str, Any]]:
    return [
        {"mailbox": box.name, "owner": box.owner, "uid": _uid(facts, box.owner)}
        for box in facts.mailboxes
        if not box.catchall
    ]


def _configuration(facts: Facts) -> dict[str, Any]:
    config: Config | None = facts.config
    key = facts.key
    return {
        "domain": facts.names.domain if facts.names is not None else None,
        "config_file": facts.config_file.path,
        "config_state": facts.config_file.state,
        "data_dir": facts.data_dir,
        "dkim_selector": key.selector if key is not None else None,
        "dkim_key": key.private.state if key is not None else None,
        "dkim_record": key.record if key is not None else None,
        "trust": config.trust if config is not None else None,
        "trusted_senders": list(config.trusted_senders) if config is not None else None,
    }


def _service(facts: Facts) -> dict[str, Any]:
    probe, smtp = facts.probe, facts.smtp
    server = {"tag": probe.tag, "git_hash": probe.git_hash} if probe.tag else None
    return {
        "socket": probe.socket,
        "state": probe.state,
        "why": probe.why or None,
        "client": {"tag": facts.client.tag, "git_hash": facts.client.git_hash},
        "server": server,
        "smtp": {"address": smtp.address, "state": smtp.state, "starttls": smtp.starttls},
        "certificate_until": dates.utc(facts.certificate.not_after) if facts.certificate is not None else None,
    }


def _mailbox(box: Any) -> dict[str, Any]:
    return {
        "name": box.name, "address": box.address, "owner": box.owner, "total": box.total, "unread": box.unread,
        "trust": box.trust, "trusted_senders": list(box.senders) if box.senders is not None else None,
        "hooks": box.hooks, "catchall": box.catchall,
    }  # fmt: skip


def _uid(facts: Facts, owner: str | None) -> int | None:
    return next((found.uid for found in facts.owners if found.name == owner), None)


def verdict(found: Verdict) -> dict[str, Any]:
    """A line of the DNS section."""
    publish = record(found.record) if found.record is not None else None
    return {"check": found.check, "state": found.state, "text": found.why, "publish": publish}


def record(found: Record) -> dict[str, str]:
    """A record to publish."""
    return {"type": found.rtype, "name": found.name, "value": found.value}
