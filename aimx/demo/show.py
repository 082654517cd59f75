"""The demo's result as text: what was stored, what fired, what did not and why, and what comes next."""

import textwrap

from aimx import limits
from aimx.demo.letters import AUTHOR, AUTHOR_MX, DOMAIN, FORGER_DOMAIN, RECIPIENT
from aimx.demo.play import Performance, Reply, Seen
from aimx.demo.tree import HOOK

_WIDTH = 160
_NEXT = """A real install needs a host whose port 25 is reachable, a domain, and root:
  - DNS: an MX record of the domain that names the host, and TXT records for SPF, DKIM and DMARC.
  - the system user aimx-worker, which parses mail and holds nothing.
  - /etc/aimx/config.toml as in book/configuration.md: the domain, a mailbox for each Linux user, hooks.
  - aimx serve as root. It listens on 0.0.0.0:25; mail lies below /var/lib/aimx; hooks run as their mailbox's owner."""


def text(performance: Performance, bold: bool) -> str:
    """The whole report. `bold`: with terminal attributes for headings."""
    signed, forged = performance.signed, performance.forged
    parts = [
        _heading(f"A signed mail: From {AUTHOR}, to {RECIPIENT}", bold),
        _indent(f"SMTP said  {signed.reply}\nstored as  {signed.path}\n"),
        _indent(_bounded(signed.document)),
        _heading(f"The hook {HOOK!r} fired for it", bold),
        _indent(f"{_log(signed)}\n\nand wrote reports/{_name(signed)}.txt:\n"),
        _indent(_indent(_bounded(signed.report or ""))),
        _heading(f"Its answer arrived at the mail server of the author, {AUTHOR_MX}", bold),
        _indent(_answer(performance.answer)),
        _heading(f"A forged mail: From {AUTHOR} too, but signed by {FORGER_DOMAIN}", bold),
        _indent(_verdict(forged)),
        _heading(f"The hook {HOOK!r} did not fire for it", bold),
        _indent(_log(forged)),
        _heading(f"The tree {performance.tree}", bold),
        _indent("\n".join(performance.listing)),
        _heading("Next", bold),
        _indent(_kept(performance) if performance.kept else _removed(performance)),
    ]
    return "\n".join(parts)


def _heading(words: str, bold: bool) -> str:
    return f"\n\033[1m{words}\033[0m\n" if bold else f"\n{words}\n"


def _indent(block: str) -> str:
    return textwrap.indent(block, "  ")


def _bounded(block: str) -> str:
    """The first lines, each bounded; says when something is left out."""
    lines = block.rstrip("\n").split("\n")
    shown = [line if len(line) <= _WIDTH else line[:_WIDTH] + " ..." for line in lines[: limits.DEMO_DOCUMENT_LINES]]
    if len(lines) > len(shown):
        shown.append(f"... {len(lines) - len(shown)} more lines")
    return "\n".join(shown)


def _log(seen: Seen) -> str:
    return f"daemon.log  {seen.log}"


def _name(seen: Seen) -> str:
    return seen.fields["id"]


def _verdict(seen: Seen) -> str:
    """Stored like any mail, with the results that explain why it is not trusted."""
    wanted = ("from", "dkim", "spf", "dmarc", "trusted", "trust_reason")
    lines = [f"SMTP said  {seen.reply}", f"stored as  {seen.path}", ""]
    lines += [f'{key} = "{seen.fields[key]}"' for key in wanted if key in seen.fields]
    return "\n".join([
        *lines, "", "Its DKIM signature is genuine, and of another domain than its From:", "that is not enough here.",
    ])  # fmt: skip


def _answer(answer: Reply) -> str:
    """Fields of the wire message that say who wrote it, to what it belongs, and that a program did."""
    wanted = ("From", "To", "Subject", "In-Reply-To", "Auto-Submitted", "Content-Type", "DKIM-Signature")
    lines = [f"{name}: {' '.join(answer.fields[name].split())}" for name in wanted if name in answer.fields]
    return "\n".join([
        _bounded("\n".join(lines)), "",
        f"DKIM there: {answer.dkim}, as dkimpy sees it with the key that the DNS has of {DOMAIN}",
        f"recorded as {answer.sent}: delivery_status = \"{answer.status}\"",
    ])  # fmt: skip


def _removed(performance: Performance) -> str:
    return (
        f"Daemon and tree are gone again ({performance.seconds} s as uid {performance.uid});"
        f" 'aimx demo --keep' leaves them.\n\n{_NEXT}"
    )


def _kept(performance: Performance) -> str:
    host, _, port = performance.smtp.partition(":")
    send = (
        f"python3 -c \"import smtplib; smtplib.SMTP('{host}', {port}).sendmail('{AUTHOR}', '{RECIPIENT}',"
        f" open('{performance.tree}/mail/signed.eml', 'rb').read())\""
    )
    return f"""The daemon goes on (pid {performance.daemon_pid}, uid {performance.uid}, domain {DOMAIN}).
  stop it, and remove the tree:  kill {performance.stage_pid}
  send the signed mail again:    {send}
  look:                          ls {performance.tree}/*/*/agent {performance.tree}/reports {performance.tree}/answers
  log:                           tail -f {performance.tree}/daemon.log

{_NEXT}"""
