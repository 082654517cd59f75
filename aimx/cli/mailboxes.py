"""`aimx mailboxes`: list."""

import argparse

from aimx.cli import asking, output
from aimx.cli.parsing import Sub, subcommands
from aimx.wire.frames import MailboxList

CRUD = "mailbox CRUD"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands."""
    subcommands(parser, SUBCOMMANDS)


def run(options: argparse.Namespace) -> int:
    """Run the one that was chosen."""
    return int(options.run(options))


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the rows as one JSON array")


def _list(options: argparse.Namespace) -> int:
    asked = asking.ask(options, MailboxList(), CRUD)
    if options.json:
        output.write(asked.response.body.decode())
        return 0
    rows = asked.value()
    if not rows:
        output.write("No mailboxes configured.")
    for row in rows:
        output.write(f"{row['name']:<20} {row['address'] or '':<40} {row['total']:>8} {row['unread']:>8}")
    return 0


SUBCOMMANDS = (Sub("list", "List the mailboxes you own", _list_arguments, _list),)
