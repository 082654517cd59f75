"""A host that is well, as doctor sees it: the tables of tests change one thing at a time."""

from pathlib import PurePath
from types import MappingProxyType
from typing import Any

import msgspec

from aimx.effects.build import Build
from aimx.flows.status import Dkim, Helpers, Settings, Told
from aimx.flows.status import Smtp as ListenerTold
from aimx.model.config import Config, Hook, Mailbox
from aimx.model.dns import Answer, Question
from aimx.model.status import Jobs, Share
from aimx.provision import facts
from aimx.provision.facts import Certificate, Directory, Facts, File, Key, Listed, Names, Owner, Probe, Smtp, Space
from aimx.provision.initsystem import Init
from aimx.store.survey import Books

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
DAY = 86_400
DOMAIN = "agent.example.com"
KEY = "v=DKIM1; k=rsa; p=MIIBIjAN"
DATA = "/var/lib/aimx"
CONFIG_FILE = File("/etc/aimx/config.toml", "read", "", 0o640, 0)
KEY_FILE = File("/etc/aimx/dkim/private.key", "read", "", 0o600, 0)
HOOK = Hook("triage", "on_receive", ("/usr/bin/true",))
SUPPORT = Mailbox("support", f"support@{DOMAIN}", "alice", "verified", ("*@example.org",), (HOOK,))
CATCHALL = Mailbox("catchall", f"*@{DOMAIN}", "aimx-catchall", catchall=True)


def config(*boxes: Mailbox, **changed: Any) -> Config:
    """A configuration with these mailboxes."""
    found = {box.name: box for box in boxes or (SUPPORT, CATCHALL)}
    plain = Config(
        DOMAIN, PurePath(DATA), MappingProxyType(found), trust="verified", trusted_senders=("*@example.org",)
    )
    return msgspec.structs.replace(plain, source="digest", **changed)


def directory(folder: Any, mailbox: str, **changed: Any) -> Directory:
    """A mailbox directory as it should be."""
    uid = {"support": 1001}.get(mailbox, 997)
    path = f"{DATA}/{folder}/{mailbox}"
    return msgspec.structs.replace(Directory(path, folder, mailbox, "present", uid, uid, 0o700), **changed)


def zone(**changed: list[str] | None) -> tuple[Answer, ...]:
    """The DNS of a healthy domain; None: no answer."""
    records: dict[tuple[str, str], list[str] | None] = {
        (DOMAIN, "A"): ["198.51.100.7"],
        (DOMAIN, "MX"): [f"10 {DOMAIN}"],
        (DOMAIN, "TXT"): ["v=spf1 ip4:198.51.100.7 -all"],
        (f"aimx._domainkey.{DOMAIN}", "TXT"): [KEY],
        (f"_dmarc.{DOMAIN}", "TXT"): ["v=DMARC1; p=reject"],
        ("_dmarc.example.com", "TXT"): [],
        ("7.100.51.198.in-addr.arpa", "PTR"): [DOMAIN],
    }
    keys = dict(zip(("a", "mx", "spf", "dkim", "dmarc", "organization", "ptr"), records, strict=True))
    for name, texts in changed.items():
        records[keys[name]] = texts
    return tuple(_answer(name, rtype, texts) for (name, rtype), texts in records.items())


def _answer(name: str, rtype: Any, texts: list[str] | None) -> Answer:
    status = "temperror" if texts is None else "ok" if texts else "nxdomain"
    return Answer(Question(name, rtype), status, tuple(texts or ()))  # type: ignore[arg-type]


def names(**changed: list[str] | None) -> Names:
    """What the DNS says, seen from a machine with the address that it publishes."""
    return Names(DOMAIN, zone(**changed), ("198.51.100.7",), None, None)


STATUS = Told(
    version={}, pid=42, started_at="2027-01-01T00:00:00Z", uptime_s=9, privileged=True, domain=DOMAIN, data_dir=DATA,
    config=Settings("/etc/aimx/config.toml", False, ()), mailboxes=2, hooks=1,
    smtp=ListenerTold("0.0.0.0:25", True, None), dkim=Dkim("aimx", KEY), helpers=Helpers(Share(2, 2), True),
    index_healthy=True, spool=(), hook_runs=Jobs(), cursor="",
    requests=Share(1, 64), watchers=Share(0, 16), all_watchers=None, test_variables=(),
)  # fmt: skip
ROOT = Facts(
    now=NOW,
    root=True,
    as_root=True,
    client=Build("1.2.4", "a1b2c3d4", "x86_64-unknown-linux-gnu", "2027-01-01"),
    init=Init("systemd", True),
    config_file=CONFIG_FILE,
    config=config(),
    probe=Probe("/run/aimx/aimx.sock", "running", "", "1.2.4", "a1b2c3d4", 42, 0, STATUS),
    smtp=Smtp("127.0.0.1:25", "ours", f"220 {DOMAIN} ESMTP aimx", starttls=True),
    certificate=Certificate("STARTTLS on 127.0.0.1:25", NOW - DAY, NOW + 300 * DAY),
    data_dir=DATA,
    data_dir_file=File(DATA, "read", "", 0o755, 0),
    space=Space(DATA, 100 * 2**30, 50 * 2**30, 6_000_000, 5_000_000),
    mailboxes=(
        Listed("support", SUPPORT.address, "alice", 10, 3, "verified", SUPPORT.trusted_senders, 1, False),
        Listed("catchall", CATCHALL.address, "aimx-catchall", 2, 0, "none", (), 0, True),
    ),
    owners=(Owner("alice", 1001, 1001), Owner("aimx-catchall", 997, 997)),
    directories=(directory("inbox", "support"), directory("sent", "support"), directory("inbox", "catchall")),
    strays=(),
    programs=(facts.Program("triage", "support", "/usr/bin/true", "runnable"),),
    books=Books("read", index="read"),
    key=Key("aimx", KEY_FILE, KEY),
    names=names(),
    users={"aimx-worker": True, "aimx-catchall": True, "aimx-hook": False},
    clock_synchronised=True,
)
# What alice sees of it: neither configuration nor private key nor databases, and only her own mailbox.
ALICE = msgspec.structs.replace(
    ROOT,
    root=False,
    config_file=File("/etc/aimx/config.toml", "unreadable", "it belongs to root", 0o640, 0),
    config=None,
    probe=Probe("/run/aimx/aimx.sock", "running", "", "1.2.4", "a1b2c3d4", 42, 0, STATUS),
    mailboxes=(Listed("support", SUPPORT.address, "alice", 10, 3, "verified", SUPPORT.trusted_senders, 1, False),),
    owners=(Owner("alice", 1001, 1001),),
    directories=(directory("inbox", "support"), directory("sent", "support")),
    programs=(),
    books=Books("unreadable", "Permission denied", index="unreadable"),
    key=Key("aimx", File("/etc/aimx/dkim/private.key", "unreadable", "Permission denied", 0o600, 0), KEY),
)


def but(base: Facts = ROOT, **changed: Any) -> Facts:
    """The host with a difference."""
    return msgspec.structs.replace(base, **changed)
