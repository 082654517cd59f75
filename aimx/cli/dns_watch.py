"""Look at the DNS once, or again and again until it is right; tell what was seen, later only what has changed."""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import trio

from aimx import limits
from aimx.cli import diagnostics, dns_text, output
from aimx.cli.style import Style
from aimx.mime import dates
from aimx.provision import report
from aimx.provision.records import Verdict, Zone
from aimx.provision.setup import texts
from aimx.provision.setup.api import Seen, Watch

# The verdicts that are new or other than before, and all that was seen.
Tell = Callable[[tuple[Verdict, ...], Seen], None]


async def follow(watch: Watch, tell: Tell, again: bool) -> Seen:
    """The last look. With `again` that is the first one at which all is right."""
    before: tuple[Verdict, ...] = ()
    while True:
        seen = await _look(watch)
        changed = tuple(verdict for verdict in seen.verdicts if verdict not in before)
        if changed or not before:
            tell(changed, seen)
        if seen.verified or not again:
            return seen
        before = seen.verdicts
        await trio.sleep(limits.DNS_WATCH_S)


async def _look(watch: Watch) -> Seen:
    """A line says so on a terminal when it takes over a second."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_progress, watch.zone.domain)
        seen = await watch.look()
        nursery.cancel_scope.cancel()
    return seen


async def _progress(domain: str) -> None:
    if sys.stderr is None or not sys.stderr.isatty():
        return
    began, shown = trio.current_time(), ""
    try:
        while True:
            await trio.sleep(1)
            shown = diagnostics.visible(f"Asking the name servers of {domain} … {trio.current_time() - began:.0f} s")
            sys.stderr.write(f"\r{shown}")
            sys.stderr.flush()
    finally:
        if shown:
            sys.stderr.write(f"\r{' ' * len(shown)}\r")
            sys.stderr.flush()


def text_teller(notes: tuple[str, ...]) -> Tell:
    """For people."""
    style, first = Style(), [True]

    def tell(changed: tuple[Verdict, ...], seen: Seen) -> None:
        lines = list(dns_text.verdicts(changed, style))
        if first:
            first.clear()
            lines.append(style.paint("dim", f"(asked {diagnostics.visible(seen.servers)})"))
            lines += [style.paint("odd", f"Note: {note}") for note in notes]
        else:
            lines.insert(0, style.paint("dim", time.strftime("%H:%M:%S")))
        output.write("\n".join([*lines, *_summary(seen)]))

    return tell


def _summary(seen: Seen) -> list[str]:
    if seen.verified:
        return [texts.VERIFIED]
    if any(verdict.state == "wrong" for verdict in seen.verdicts):
        return [f"{texts.NOT_YET} {texts.PROPAGATION}"]
    return ["Nothing is wrong, but not everything could be checked."]


def json_teller(zone: Zone, notes: tuple[str, ...]) -> Tell:
    """One object, on one line, each time."""

    def tell(_changed: tuple[Verdict, ...], seen: Seen) -> None:
        told = {
            "at": dates.utc(datetime.now(UTC).timestamp()),
            "domain": zone.domain,
            "selector": zone.selector,
            "ok": all(verdict.state != "wrong" for verdict in seen.verdicts),
            "verified": seen.verified,
            "asked": seen.servers,
            "dns": [report.verdict(verdict) for verdict in seen.verdicts],
            "notes": list(notes),
        }
        output.write_json(json.dumps(told, ensure_ascii=False).encode())

    return tell
