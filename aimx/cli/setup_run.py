"""One run of `aimx setup`: the story over the host and the Ui that fits, or what it would do."""

import argparse

import trio

from aimx.cli import diagnostics, prompt
from aimx.cli.setup_plain import DOMAIN_NEEDED, Plain
from aimx.cli.setup_teller import Teller
from aimx.cli.setup_unattended import Unattended
from aimx.cli.style import Style
from aimx.errors import AnswerNeeded, Exit, Refused
from aimx.provision.setup import entries, texts
from aimx.provision.setup.api import Answers, Note, Options, SetupCancelled
from aimx.provision.setup.host import Host
from aimx.provision.setup.site import Site
from aimx.provision.setup.story import Setup
from aimx_tui import terminal

_AGAIN = "`sudo aimx setup` goes on from here."


def run(site: Site, options: argparse.Namespace) -> int:
    """Exit codes: 0 done, also with DNS put off; 1 failed or cancelled; 2 an answer is needed; 130 interrupted."""
    host = Host(site)
    if options.dry_run:
        return _dry_run(host, options)
    ui = Unattended(options.yes) if options.yes or prompt.noninteractive() else Plain()
    given = Options(
        options.domain, options.trusted_senders, False if options.no_catchall else None, not options.skip_preflight
    )
    on_screen = isinstance(ui, Plain) and not options.plain and terminal.suitable()
    try:
        if on_screen:
            _on_screen(host, given)
        else:
            _welcome(ui)
            trio.run(Setup(ui, host, given).run)
    except BaseException as error:  # noqa: BLE001  a shell: what stands is told, whatever ended it
        return _ended(diagnostics.leaf(error), host)
    return Exit.OK


def _on_screen(host: Host, given: Options) -> None:
    from aimx_tui.setup import app

    app.run(host, given, lambda: "\n".join(_standing(host)))


def _welcome(ui: Teller) -> None:
    style = Style()
    lead = "🐦 " if style.coloured else ""
    ui.say(f"{lead}{style.paint('head', texts.WELCOME)}\n{style.paint('dim', texts.TAGLINE)}")


def _ended(error: BaseException, host: Host) -> int:
    """Say what stands; what is not ours to tell goes on. Raises: the error."""
    if isinstance(error, KeyboardInterrupt):
        diagnostics.say("\n".join(("\nSetup was interrupted.", *_standing(host))))
        return Exit.INTERRUPTED
    if isinstance(error, SetupCancelled):
        diagnostics.say("\n".join((error.reason, *_standing(host))))
        return Exit.FAILED
    raise error


def _standing(host: Host) -> tuple[str, ...]:
    return (*host.stands, _AGAIN) if host.stands else ("Nothing was changed.",)


def _dry_run(host: Host, options: argparse.Namespace) -> int:
    """Facts and plan."""
    ui = Teller()
    found = trio.run(host.survey)
    if found.problem:
        raise Refused(found.problem)
    domain = options.domain or found.domain
    if domain is None:
        raise AnswerNeeded(DOMAIN_NEEDED)
    ui.tell(Note("title", "What is there"))
    for name, value in host.facts():
        ui.say(f"  {name:<14} {value}")
    catchall = found.catchall if found.catchall is not None else not options.no_catchall
    senders = entries.senders(options.trusted_senders or "")
    changes = host.plan(Answers(domain, senders, found.trust is None, catchall))
    ui.tell(Note("title", "What would be done" if changes else "Nothing is left to do."))
    for number, change in enumerate(changes, 1):
        ui.say(f"  {number:>2}. {change.what}{f' ({change.where})' if change.where else ''}")
    ui.say("\nNothing was changed.")
    return Exit.OK
