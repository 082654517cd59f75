"""Does the daemon run, answer, listen, and is it one for production?"""

import shlex

from aimx import limits
from aimx.provision.checks.finding import Finding, Findings, look_again, reload, restart, start, sudo
from aimx.provision.facts import Facts

_DAY_S = 86_400
_SETUP = "sudo aimx setup"
_CERTIFICATE = "/etc/ssl/aimx/cert.pem"


def daemon(facts: Facts) -> Findings:
    """The socket."""
    if facts.probe.state == "absent":
        text = f"aimx serve is not running: nothing answers on {facts.probe.socket}"
        yield Finding("DAEMON-DOWN", "fail", text, start(facts))
    elif facts.probe.state == "failed":
        text = f"aimx serve does not answer: {facts.probe.why}"
        yield Finding("DAEMON-SILENT", "fail", text, ("aimx logs", *restart(facts)))
    elif facts.probe.why:
        yield Finding("DAEMON-SLOW", "warn", f"aimx serve answers slowly: {facts.probe.why}", ("aimx logs",))


def listener(facts: Facts) -> Findings:
    """Port 25: only meaningful while the daemon runs, but for a stranger who holds its port."""
    smtp, running = facts.smtp, facts.probe.state == "running"
    if smtp.state == "other":
        text = f"Another mail server answers on {smtp.address}: {smtp.banner[:80]}"
        fix = f"{'sudo ' * (not facts.root)}ss -ltnp 'sport = :{smtp.address.rpartition(':')[2]}'"
        yield Finding("SMTP-OTHER-SERVER", "fail", text, (fix,))
    elif running and smtp.state == "closed":
        text = f"The daemon runs, but nothing listens on {smtp.address}: no mail can arrive"
        yield Finding("SMTP-CLOSED", "fail", text, ("aimx logs", *restart(facts)))
    elif running and smtp.state == "unknown":
        yield Finding("SMTP-NOT-CHECKED", "skip", f"The listener on {smtp.address} gave no answer in time")


def helpers(facts: Facts) -> Findings:
    """The processes that parse and that resolve: the daemon keeps them alive, for a moment one may be missing."""
    status = facts.probe.status
    if status is None:
        return
    workers = status.helpers.workers
    if not workers.now:
        yield Finding("WORKERS-MISSING", "fail", "No worker is ready: mail that arrives waits", ("aimx logs",))
    elif workers.now < workers.most:
        text = f"{workers.now} of {workers.most} workers are ready; the others are being replaced"
        yield Finding("WORKERS-MISSING", "info", text, ("aimx logs",))
    if not status.helpers.resolver:
        text = "The resolver is not ready: nothing can be verified and nothing delivered"
        yield Finding("RESOLVER-MISSING", "fail", text, ("aimx logs",))


def test_seams(facts: Facts) -> Findings:
    """Variables that are for tests change whom we trust and where mail goes."""
    for name in facts.probe.status.test_variables if facts.probe.status is not None else ():
        effect = {
            "AIMX_TEST_DNS": "whoever answers there decides what is trusted",
            "AIMX_TEST_MAIL_DROP": "no mail leaves this machine",
            "AIMX_TEST_MX_PORT": "mail goes to another port than other mail servers listen on",
        }.get(name, "it is for tests")
        text = f"The daemon runs with {name}: {effect}"
        yield Finding("TEST-VARIABLE", "warn", text, (*facts.init.environment(), *restart(facts)))


def certificate(facts: Facts) -> Findings:
    """STARTTLS is opportunistic: without it mail comes in clear, with an expired one most senders do not mind."""
    found = facts.certificate
    if found is None:
        if facts.smtp.state == "ours" and not facts.smtp.starttls:
            text = "No certificate: other servers deliver in clear text (STARTTLS is not offered)"
            # Only root sees for certain that there is none: what is there must not be written over.
            made = (_SETUP,) if facts.init.service else (*_self_signed(facts), *reload(facts))
            fix = made if facts.root else look_again(facts)
            yield Finding("TLS-MISSING", "warn", text, fix)
        return
    left_s = found.not_after - facts.now
    if left_s < limits.CERTIFICATE_SOON_S:
        when = "has expired" if left_s < 0 else f"expires in {int(left_s // _DAY_S)} days"
        text = f"The certificate of {found.source} {when}"
        fix = (f"openssl x509 -noout -issuer -dates -in {_CERTIFICATE}", *reload(facts))
        if found.self_signed and facts.init.service:  # one of setup's, which makes it anew
            fix = (_SETUP,)
        yield Finding("TLS-EXPIRED" if left_s < 0 else "TLS-EXPIRES", "warn", text, fix)
    elif found.not_before > facts.now:
        text = f"The certificate of {found.source} is not valid yet: is the clock right?"
        yield Finding("TLS-NOT-YET-VALID", "warn", text, ("date -u",))


def _self_signed(facts: Facts) -> tuple[str, ...]:
    """What others want for STARTTLS is any certificate: hardly anybody verifies one (RFC 7435)."""
    name = facts.names.domain if facts.names is not None else "localhost"
    directory, _, file = _CERTIFICATE.rpartition("/")
    request = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", f"/CN={name}")
    files = ("-addext", f"subjectAltName=DNS:{name}", "-keyout", f"{directory}/key.pem", "-out", f"{directory}/{file}")
    return f"sudo install -d -m 755 {directory}", f"sudo {shlex.join((*request, *files))}"


def accounts(facts: Facts) -> Findings:
    """The system users that a daemon of root needs; ours of an older generation."""
    if facts.as_root and facts.users.get("aimx-worker") is False:
        text = "The system user aimx-worker does not exist: the daemon does not start without it"
        fix = "sudo useradd --system --no-create-home --shell /usr/sbin/nologin aimx-worker"
        yield Finding("WORKER-USER-MISSING", "fail", text, (fix,))
    if facts.users.get("aimx-hook"):
        text = "The system user aimx-hook is a leftover of an old version; nothing uses it"
        yield Finding("LEGACY-AIMX-HOOK-USER", "info", text, ("sudo userdel aimx-hook",))
    if facts.old_socket:
        old = facts.probe.socket.rpartition("/")[0] + "/send.sock"
        yield Finding("LEGACY-SOCKET", "info", f"{old} is a leftover of an old version", (sudo(facts, "rm", old),))


CHECKS = (daemon, listener, helpers, test_seams, certificate, accounts)
