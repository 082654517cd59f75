"""What the two directions of port 25 mean together, in words. Pure: a verifier that is away is no blocked port."""

from collections.abc import Mapping

from aimx.flows.responding import Responding
from aimx.policy import internet
from aimx.provision.inbound import Inbound
from aimx.provision.occupancy import Occupant
from aimx.provision.outbound import Outbound
from aimx.provision.reaching import Family
from aimx.provision.setup.api import Reach
from aimx.provision.verifyhost import VerifyHost


def situation(occupant: Occupant, port: int, temporary: bool) -> list[str]:
    """How it is tried."""
    if occupant.state == "ours":
        return ["aimx serve is running: it is tried itself."]
    if temporary:
        return [f"Nobody listens on port {port}: a temporary listener answers while it is tried."]
    return []


def out(found: Outbound, answers: Mapping[Family, Inbound], verifier: VerifyHost, port: int) -> Reach:
    """Outbound. Where the verifier does not answer at all nothing is known about the port."""
    if found.ok:
        return Reach(True)
    if found.cause == "name":
        return Reach(False, f"the verifier cannot be asked: {found.why}", unknown=True)
    if answers and not any(answer.reachable is not None or answer.cause == "answer" for answer in answers.values()):
        return Reach(False, f"the verifier does not answer, not even at {verifier}: {found.why}", unknown=True)
    if found.cause == "answer":
        return Reach(False, f"somebody else answers there: {found.why}")
    if found.cause == "refused":
        return Reach(
            False, f"outbound port {port} is blocked on the way, or the verifier's listener is down: {found.why}"
        )
    return Reach(False, f"outbound port {port} is blocked: {found.why}")


def back(
    answers: Mapping[Family, Inbound], occupant: Occupant, responding: Responding | None, refused: str, port: int
) -> Reach:
    """Inbound, by IPv4 if the verifier gave an answer over it."""
    if occupant.state == "foreign":
        return Reach(False, f"port {port} is occupied by {occupant.name}", unknown=True)
    if refused:
        return Reach(False, refused, unknown=True)
    answer = _telling(answers)
    if answer is None:
        why = "; ".join(dict.fromkeys(one.why for one in answers.values() if one.cause != "no-route"))
        why = why or "; ".join(dict.fromkeys(one.why for one in answers.values()))
        return Reach(False, f"the verifier did not answer: {why}", unknown=True)
    if answer.reachable:
        return Reach(True)
    return Reach(False, _closed(answer, occupant, responding, port))


def _telling(answers: Mapping[Family, Inbound]) -> Inbound | None:
    told = [answers[family] for family in (4, 6) if family in answers and answers[family].reachable is not None]
    return told[0] if told else None


def _closed(answer: Inbound, occupant: Occupant, responding: Responding | None, port: int) -> str:
    address = answer.address or ""
    seen = internet.parse(address)
    what = internet.blocked(seen) if seen is not None else None
    if what is not None:
        return f"the verifier sees this machine as {address}, {what}, and does not connect to that"
    if occupant.local_only:
        return f"aimx serve listens on {', '.join(occupant.listens)} only, which nobody from outside reaches"
    lead = f"{address} is not reachable on port {port}"
    if responding is not None and responding.seen:
        return f"{lead}: connections arrive, but the dialog does not get through"
    if occupant.state == "ours":
        return f"{lead}: a firewall or the provider blocks it, or aimx serve does not answer (systemctl status aimx)"
    return f"{lead}: a firewall here or at the provider blocks it (sudo ufw allow {port}/tcp)"


def hints(found: Outbound, answers: Mapping[Family, Inbound], translated: bool) -> list[str]:
    """What is worth knowing beside the verdicts. `translated`: the address that the verifier sees is not ours."""
    told = []
    if found.ok and found.itself:
        told.append("The verifier runs on this machine: the way to the internet has not been tried.")
    answer = _telling(answers)
    if answer is not None and not answer.reachable and translated:
        told.append(f"{answer.address} is no address of this machine (NAT): port 25 has to be forwarded to it.")
    if found.ok and found.family == 6:
        told.append("Mail leaves over IPv6 only: most mail servers are not reached that way.")
    four, six = answers.get(4), answers.get(6)
    if (four is None or four.reachable is None) and six is not None and six.reachable:
        told.append("Port 25 is reachable over IPv6 only: most mail servers do not use that.")
    if four is not None and four.reachable and six is not None and six.reachable is False:
        told.append(f"Over IPv6 ({six.address}) port 25 is not reachable; that matters only with enable_ipv6.")
    return told
