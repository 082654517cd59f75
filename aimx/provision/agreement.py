"""One verdict per record out of what every server says: a receiver may ask any of them. Pure."""

from aimx.model.dns import Answer, Question
from aimx.provision import records
from aimx.provision.facts import Names
from aimx.provision.records import State, Verdict, Zone

_REJECTED = (
    "not checked: the resolver rejects the zone, because its DNSSEC signatures are wrong; so does every receiver that"
    " validates. Sign the zone anew, or have its DS record removed"
)
_WORST: tuple[State, ...] = ("wrong", "warn", "ok")


def verdicts(zone: Zone, names: Names) -> tuple[Verdict, ...]:
    """A verdict per record. Where servers differ it is the worst one, and says who says what."""
    here = zone._replace(local=zone.local | frozenset(names.local))
    answers = {answer.question: answer for answer in names.answers}
    if not names.views:
        return records.judge(here, answers, final=True)[0]
    by_server = {view.server: _judged(here, answers, view.answers) for view in names.views}
    checks = dict.fromkeys(check for found in by_server.values() for check in found)
    found = tuple(
        _together({server: found[check] for server, found in by_server.items() if check in found}) for check in checks
    )
    return tuple(map(_unseen, found)) if names.rejected else found


def _unseen(verdict: Verdict) -> Verdict:
    """Reverse names are in another zone."""
    return verdict if verdict.check.startswith("PTR") else Verdict(verdict.check, "unknown", _REJECTED)


def _judged(zone: Zone, answers: dict[Question, Answer], own: tuple[Answer, ...]) -> dict[records.Name, Verdict]:
    known = answers | {answer.question: answer for answer in own}
    return {verdict.check: verdict for verdict in records.judge(zone, known, final=True)[0]}


def _together(said: dict[str, Verdict]) -> Verdict:
    """What is not known of one server is left out where others have spoken."""
    known = {server: verdict for server, verdict in said.items() if verdict.state != "unknown"}
    if not known:
        return next(iter(said.values()))
    worst = min(known.values(), key=lambda verdict: _WORST.index(verdict.state))
    others = [server for server, verdict in known.items() if verdict.state != worst.state]
    if not others:
        return worst
    so = ", ".join(server for server, verdict in known.items() if verdict.state == worst.state)
    why = f"{worst.why} (so says {so}; {', '.join(others)} {_differ(others)}: the change is not on every server yet)"
    return worst._replace(why=why)


def _differ(others: list[str]) -> str:
    return "says otherwise" if len(others) == 1 else "say otherwise"


def asked(names: Names) -> str:
    """Who was asked, in words; with what is odd about them."""
    if names.views:
        told = ", ".join(view.server for view in names.views)
    elif names.server:
        told = f"only {names.server}, as AIMX_TEST_DNS says"
    else:
        told = f"the resolver of this machine: the name servers of {names.domain} could not be asked themselves"
    return "; ".join((told, *names.notes))
