"""STATUS: how the daemon is. Root is told all of it, others what is public and what concerns their mailboxes."""

import msgspec

from aimx.effects.api import Effects, Health
from aimx.effects.build import build
from aimx.errors import Failed
from aimx.flows import target
from aimx.mime import dates
from aimx.model.config import Config
from aimx.model.status import Jobs, Share
from aimx.policy.authorize import Authorized
from aimx.wire.frames import Response, Status


class Settings(msgspec.Struct, frozen=True):
    """config.toml. `differs`: what is on disk is not in force. `warnings` are for root."""

    path: str
    differs: bool
    warnings: tuple[str, ...] | None


class Smtp(msgspec.Struct, frozen=True):
    """The listener. `sessions` are for root."""

    address: str
    tls: bool
    sessions: Share | None


class Dkim(msgspec.Struct, frozen=True):
    """The key that signs. `record`: what its zone publishes, None: nothing can be signed."""

    selector: str
    record: str | None


class Helpers(msgspec.Struct, frozen=True):
    """The processes that parse and resolve."""

    workers: Share
    resolver: bool


class Spooled(msgspec.Struct, frozen=True):
    """Copies that wait for a mailbox."""

    mailbox: str
    copies: int
    since: str
    reason: str


class Told(msgspec.Struct, frozen=True):
    """The answer. `mailboxes` and `hooks` are those the caller may see, as are `spool` and `hook_runs`.

    `watchers` in all are for root. None: not for this caller.
    """

    version: dict[str, str]
    pid: int
    started_at: str
    uptime_s: int
    privileged: bool
    domain: str
    data_dir: str
    config: Settings
    mailboxes: int
    hooks: int
    smtp: Smtp
    dkim: Dkim
    helpers: Helpers
    index_healthy: bool
    spool: tuple[Spooled, ...]
    hook_runs: Jobs
    cursor: str
    requests: Share
    watchers: Share
    all_watchers: Share | None
    test_variables: tuple[str, ...]
    enable_ipv6: bool = False


async def status(fx: Effects, config: Config, _frame: Status, authorized: Authorized) -> Response:
    """How the daemon is. Raises: StorageFailed."""
    caller = authorized.caller
    health = _health(fx)
    seen = await target.visible(fx, config, caller)
    names = {mailbox.name for mailbox in seen}
    vitals, backlog, use = await health.vitals(), await health.backlog(), health.use(caller)
    told = Told(
        version=build()._asdict(), pid=vitals.pid, started_at=dates.utc(vitals.started_at),
        uptime_s=max(0, int(fx.now() - vitals.started_at)), privileged=vitals.privileged, domain=config.domain,
        data_dir=str(config.data_dir),
        config=Settings(vitals.config_path, vitals.differs, await health.warnings() if caller.is_root else None),
        mailboxes=len(seen), hooks=sum(len(mailbox.hooks) for mailbox in seen),
        smtp=Smtp(
            vitals.smtp_address, vitals.smtp_tls,
            Share(vitals.sessions, vitals.sessions_most) if caller.is_root else None,
        ),
        dkim=Dkim(vitals.dkim_selector, vitals.dkim_record),
        helpers=Helpers(Share(vitals.workers, vitals.workers_wanted), vitals.resolver), index_healthy=vitals.index,
        spool=tuple(
            Spooled(one.mailbox, one.copies, dates.utc(one.since), one.reason)
            for one in backlog.spool
            if caller.is_root or one.mailbox in names
        ),
        hook_runs=sum(
            (jobs for name, jobs in backlog.jobs.items() if caller.is_root or name in names), start=Jobs()
        ),
        cursor=await health.cursor(), requests=use.requests, watchers=use.watchers,
        all_watchers=use.all_watchers if caller.is_root else None, test_variables=vitals.test_variables,
        enable_ipv6=config.enable_ipv6,
    )  # fmt: skip
    return Response("json", body=msgspec.json.encode(told))


def _health(fx: Effects) -> Health:
    if fx.desk is None or fx.desk.health is None:
        raise Failed("only a daemon has a status")
    return fx.desk.health
