"""From facts to changes: what is planned, in which order, and that nothing is when nothing is left."""

from pathlib import Path

import pytest

from aimx.config import load
from aimx.provision.setup import certificate, plan
from aimx.provision.setup.api import Answers
from aimx.provision.setup.plan import Places
from aimx.provision.setup.site import Site
from aimx.provision.setup.survey import Ground

DOMAIN = "agent.example.test"
SITE = Site(Path("/etc/aimx"), None, Path("/run/aimx/aimx.sock"))
PLACES = Places("/etc/systemd/system/aimx.service", "/etc/aimx/dkim")
USERS = frozenset({"aimx-worker", "aimx-catchall"})
FRESH = [
    "user-worker", "user-catchall", "pair", "certificate", "logs", "tree", "config", "mailboxes", "readme", "service",
    "start", "ready",
]  # fmt: skip


def config(catchall=True, owner="aimx-catchall"):
    box = f'[mailboxes.catchall]\naddress = "*@{DOMAIN}"\nowner = "{owner}"\n' if catchall else ""
    return load.parse(f'domain = "{DOMAIN}"\n{box}'.encode(), "config.toml", None)


BARE = Ground(
    None, Path("/var/lib/aimx"), frozenset(), "missing", certificate.Seen("missing"), tree=False, missing=(),
    logs=False, readme=False, service=False, active=False,
)  # fmt: skip
WHOLE = Ground(
    config(), Path("/var/lib/aimx"), USERS, "good", certificate.Seen("good", "", (DOMAIN,)), tree=True, missing=(),
    logs=True, readme=True, service=True, active=True,
)  # fmt: skip
SAME = Answers(DOMAIN)
MOVED = Answers("other.example.test")
RESTART = ["service", "start", "ready"]

CASES = {
    "a bare host": (BARE, SAME, FRESH),
    "without a catchall": (
        BARE, Answers(DOMAIN, catchall=False), [one for one in FRESH if one not in ("user-catchall", "mailboxes")],
    ),
    "nothing left": (WHOLE, SAME, []),
    "upper case is no other domain": (WHOLE, Answers(DOMAIN.upper()), []),
    "another domain": (WHOLE, MOVED, ["stop", "certificate", "domain", *RESTART]),
    "another domain, the service down": (
        WHOLE._replace(active=False), MOVED, ["certificate", "domain", *RESTART],
    ),
    "only stopped": (WHOLE._replace(active=False), SAME, RESTART),
    "a unit of an older version": (WHOLE._replace(service=False), SAME, ["stop", *RESTART]),
    "a certificate that ends soon": (
        WHOLE._replace(certificate=certificate.Seen("ending", "", (DOMAIN,))), SAME, ["stop", "certificate", *RESTART],
    ),
    "a broken certificate of ours": (
        WHOLE._replace(certificate=certificate.Seen("broken")), SAME, ["stop", "certificate", *RESTART],
    ),
    "a certificate for another name": (
        WHOLE._replace(certificate=certificate.Seen("good", "", ("x.test",))), SAME, ["stop", "certificate", *RESTART],
    ),
    "somebody else's certificate stays": (
        WHOLE._replace(certificate=certificate.Seen("foreign", "", ("mx.other.test",))), MOVED,
        ["stop", "domain", *RESTART],
    ),
    "the public key is missing": (WHOLE._replace(pair="public"), SAME, ["pair"]),
    "a mailbox directory is missing": (
        WHOLE._replace(missing=("inbox/ops",)), SAME, ["stop", "mailboxes", *RESTART],
    ),
    "logs and readme": (WHOLE._replace(logs=False, readme=False), SAME, ["logs", "readme"]),
    "a user was removed": (WHOLE._replace(users=frozenset({"aimx-worker"})), SAME, ["user-catchall"]),
    "a configuration without catchall stays without": (
        WHOLE._replace(config=config(catchall=False), users=frozenset({"aimx-worker"})), SAME, [],
    ),
    "a catchall of somebody's needs no user of ours": (
        WHOLE._replace(config=config(owner="alice"), users=frozenset({"aimx-worker"})), SAME, [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_plan(case):
    ground, answers, expected = case
    assert [change.name for change in plan.changes(SITE, PLACES, ground, answers)] == expected


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_change_says_what_it_does(case):
    ground, answers, _ = case
    for change in plan.changes(SITE, PLACES, ground, answers):
        assert change.what[0].isupper()
        assert not change.what.endswith(".")


def test_the_plan_names_policy_and_domains():
    told = {one.name: one.what for one in plan.changes(SITE, PLACES, BARE, Answers(DOMAIN, ("a@b.test",)))}
    assert told["config"].endswith(f'{DOMAIN}, trust = "verified", a catchall mailbox')
    told = {one.name: one.what for one in plan.changes(SITE, PLACES, WHOLE, MOVED)}
    assert told["domain"] == f"Change {DOMAIN} to other.example.test in the configuration"
