"""`aimx setup`: from a bare host to a working mail domain (guide, "Setup").

Chooses who talks to the operator; what happens is the story's (aimx.provision.setup.story).
"""

import argparse
import os

from aimx.cli import diagnostics
from aimx.config import paths
from aimx.errors import Refused

ROOT_NEEDED = (
    "setup requires root: it makes system users, installs a service and writes below /etc. Run `sudo aimx setup`."
    "\nIf you only want to wire an agent to a mailbox of yours, run `aimx agents setup` instead, without sudo."
)
_USAGE = "aimx setup [OPTIONS] [domain]"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The guide's, and those that answer questions beforehand."""
    parser.add_argument("domain", nargs="?", help="domain to set up, e.g. agent.example.com (asked for if omitted)")
    parser.add_argument("--verify-host", metavar="URL", help="verifier service to use this time")
    parser.add_argument("-y", "--yes", action="store_true", help="ask nothing; agree to a change of the domain")
    parser.add_argument("--no-catchall", action="store_true", help="no catchall mailbox, and no user for it")
    parser.add_argument(
        "--trusted-senders", metavar="LIST", help='addresses or globs, separated by commas; "" trusts nobody'
    )
    parser.add_argument("--skip-preflight", action="store_true", help="do not try port 25")
    parser.add_argument("--plain", action="store_true", help="plain questions instead of the screen")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and change nothing")


def run(options: argparse.Namespace) -> int:
    """Check who and where, then tell the story."""
    if os.geteuid() != 0:
        raise Refused(ROOT_NEEDED)
    from aimx.cli import setup_run
    from aimx.provision.setup.site import Site

    _check(options)
    config_dir, data_dir = paths.config_dir(), paths.data_dir_override(options.data_dir)
    site = Site(config_dir.absolute(), data_dir, paths.socket_file(), verify_host=options.verify_host)
    return setup_run.run(site, options)


def _check(options: argparse.Namespace) -> None:
    """What is wrong on the command line is told before anything is looked at."""
    from aimx.provision import verifyhost
    from aimx.provision.setup import entries

    if options.verify_host is not None:
        verifyhost.parse(options.verify_host, "--verify-host")
    refusals = (
        entries.domain_refusal(options.domain) if options.domain is not None else None,
        entries.senders_refusal(options.trusted_senders) if options.trusted_senders is not None else None,
    )
    for refusal in filter(None, refusals):
        raise diagnostics.wrong_usage(refusal, _USAGE)
