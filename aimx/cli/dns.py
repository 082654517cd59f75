"""`aimx dns`: the records that our domain needs, and whether the DNS has them. Changes nothing."""

import argparse
import json
from typing import TYPE_CHECKING

from aimx.cli import diagnostics, output
from aimx.cli.parsing import Sub, subcommands
from aimx.errors import Exit

if TYPE_CHECKING:
    from aimx.provision.ownzone import Own


def arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands."""
    subcommands(parser, SUBCOMMANDS)


def run(options: argparse.Namespace) -> int:
    """Run the one that was chosen."""
    return int(options.run(options))


def _zone_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--domain", metavar="NAME", help="the domain (default: the configured one)")
    parser.add_argument("--selector", metavar="NAME", help="DKIM selector (default: the configured one, else aimx)")
    parser.add_argument(
        "--ipv4", metavar="ADDR", help="public IPv4 address of this server (default: its own, if public)"
    )
    parser.add_argument("--ipv6", metavar="ADDR", help="public IPv6 address; with it, IPv6 records too")


def _own(options: argparse.Namespace) -> "Own":
    from aimx.config import paths
    from aimx.provision import ownzone
    from aimx.provision.gather import Where

    where = Where(paths.config_file(), paths.data_dir_override(options.data_dir), paths.socket_file())
    given = ownzone.Given(options.domain, options.selector, options.ipv4, options.ipv6)
    return ownzone.find(where, given)


# records


def _records_arguments(parser: argparse.ArgumentParser) -> None:
    _zone_arguments(parser)
    parser.add_argument(
        "--format", choices=("table", "zone", "json"), default="table", help="for people, for a zone file, or JSON"
    )
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")


def _records(options: argparse.Namespace) -> int:
    import trio

    from aimx.cli import dns_text
    from aimx.provision import ownzone, report, zonefile, zonewatch

    own = _own(options)
    known = trio.run(ownzone.published, own.zone)
    zone, notes = known.zone, (*own.notes, *known.notes)
    records = zonewatch.to_publish(zone)
    if options.format == "json":
        told = {
            "domain": zone.domain, "selector": zone.selector, "ipv4": zone.ipv4, "ipv6": zone.ipv6,
            "records": [{**report.record(one), "zone": zonefile.line(one)} for one in records], "notes": list(notes),
        }  # fmt: skip
        output.write(json.dumps(told, ensure_ascii=False))
        return Exit.OK
    if options.format == "zone":
        output.write(zonefile.text(records).rstrip("\n"))
    else:
        output.write("\n".join(dns_text.records(records)))
    for note in notes:
        diagnostics.say(f"Note: {note}")
    return Exit.OK


# check


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    _zone_arguments(parser)
    parser.add_argument(
        "--json", action="store_true", help="print what was found as JSON; with --watch a line a change"
    )
    parser.add_argument("--watch", action="store_true", help="look again until all is right, and show what changes")


def _check(options: argparse.Namespace) -> int:
    import trio

    from aimx.cli import dns_watch
    from aimx.provision import zonewatch

    own = _own(options)
    if options.json:
        tell = dns_watch.json_teller(own.zone, own.notes)
    else:
        tell = dns_watch.text_teller(own.notes)
    seen = None
    try:
        seen = trio.run(dns_watch.follow, zonewatch.watch(own.zone), tell, options.watch)
    except* KeyboardInterrupt:
        pass
    if seen is None:
        return Exit.INTERRUPTED
    return Exit.FAILED if any(verdict.state == "wrong" for verdict in seen.verdicts) else Exit.OK


SUBCOMMANDS = (
    Sub("records", "Show the records to publish", _records_arguments, _records),
    Sub("check", "Look whether they are published, and right", _check_arguments, _check),
)
