"""Doctor's facts and findings as rows of a table, the worst first, and what is well after them. Pure."""

from collections.abc import Iterator

from aimx.mime import dates
from aimx.provision.checks import zone
from aimx.provision.checks.finding import Finding
from aimx.provision.facts import Facts
from aimx_tui.dash.health.lines import Line


def lines(facts: Facts, findings: tuple[Finding, ...]) -> tuple[Line, ...]:
    """Findings in doctor's order, then what was looked at and is well."""
    return (*(Line(*finding) for finding in findings), *_service(facts), *_dns(facts))


def _service(facts: Facts) -> Iterator[Line]:
    if facts.smtp.state == "ours":
        tls = "with STARTTLS" if facts.smtp.starttls else "without STARTTLS"
        yield Line("SMTP", "ok", f"The SMTP server answers on {facts.smtp.address}, {tls}")
    if facts.certificate is not None and facts.certificate.not_after > facts.now:
        yield Line("TLS", "ok", f"The certificate is good until {dates.utc(facts.certificate.not_after)}")
    if facts.config is not None:
        yield Line("CONFIG", "ok", f"{facts.config_file.path} is valid")
    if facts.key is not None and facts.key.private.state == "read":
        yield Line("DKIM-KEY", "ok", f"The key of selector {facts.key.selector} is there")


def _dns(facts: Facts) -> Iterator[Line]:
    for verdict in zone.verdicts(facts):
        if verdict.state == "ok":
            yield Line(f"DNS-{verdict.check}", "ok", verdict.why or "The record is as it should be")
