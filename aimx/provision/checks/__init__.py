"""Every check of doctor, in the order in which findings are shown; each is a function of the facts."""

from aimx.provision.checks import configuration, hooks, keys, machine, mailboxes, service, zone
from aimx.provision.checks.finding import Check, Finding
from aimx.provision.facts import Facts

CHECKS: tuple[Check, ...] = (
    *configuration.CHECKS,
    *service.CHECKS,
    *keys.CHECKS,
    *mailboxes.CHECKS,
    *hooks.CHECKS,
    *zone.CHECKS,
    *machine.CHECKS,
)
_ORDER = ("fail", "warn", "info", "skip")


def findings(facts: Facts) -> tuple[Finding, ...]:
    """All findings, the worst first."""
    found = [finding for check in CHECKS for finding in check(facts)]
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity)))
