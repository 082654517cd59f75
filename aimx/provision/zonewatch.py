"""The DNS step of setup and of `aimx dns`: what to publish, and how to look whether it is there."""

from aimx.provision import agreement, nameservice, records, zonefile
from aimx.provision.records import Record, Verdict
from aimx.provision.setup import api


def watch(zone: records.Zone) -> api.Watch:
    """The records of the zone, and a look at them that asks the servers that answer for the domain, past all caches."""

    if zone.ipv4 is None:
        zone = zone._replace(only_ipv6=nameservice.only_ipv6())

    async def look() -> api.Seen:
        names = await nameservice.look(zone)
        found = agreement.verdicts(zone, names)
        return api.Seen(found, verified(zone, found), agreement.asked(names))

    wanted = to_publish(zone)
    return api.Watch(api.Zone(zone.domain, wanted, zonefile.text(wanted)), look)


def verified(zone: records.Zone, verdicts: tuple[Verdict, ...]) -> bool:
    """Nothing is wrong, and all was seen that can be seen: behind NAT, with no address given, that is not all."""
    optional = {"PTR"} if zone.ipv4 is not None else {"PTR", "A", "MX", "SPF"}
    return all(
        verdict.state in ("ok", "warn") or (verdict.state == "unknown" and verdict.check in optional)
        for verdict in verdicts
    )


def to_publish(zone: records.Zone) -> tuple[Record, ...]:
    """Each record once, in the order in which they are shown."""
    return tuple(dict.fromkeys(records.wanted(zone).values()))
