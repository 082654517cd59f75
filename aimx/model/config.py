"""The configuration snapshot (guide, "Configuration"): immutable, validated, shared by every task."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Literal

import msgspec

from aimx import limits

Trust = Literal["none", "verified"]
HookEvent = Literal["on_receive", "after_send"]

DEFAULT_SIGNATURE = "Sent from AIMX.  \nhttps://aimx.email"
CATCHALL_NAMES = ("catchall", "aimx-catchall")
VERIFY_HOST = "https://check.aimx.email"  # guide: the public instance


class Hook(msgspec.Struct, frozen=True):
    """One `[[mailboxes.<name>.hooks]]` table. `name` is the effective name, explicit or derived."""

    name: str
    event: HookEvent
    cmd: tuple[str, ...]
    fire_on_untrusted: bool = False
    timeout_secs: int = limits.HOOK_TIMEOUT_DEFAULT_S
    skip_automated: bool = False
    explicit_name: bool = True


class Mailbox(msgspec.Struct, frozen=True):
    """One `[mailboxes.<name>]` table with its effective (inherited or own) trust policy."""

    name: str
    address: str
    owner: str
    trust: Trust = "none"
    trusted_senders: tuple[str, ...] = ()
    hooks: tuple[Hook, ...] = ()
    catchall: bool = False


class Config(msgspec.Struct, frozen=True):
    """All of config.toml after validation; `warnings` are for start-up and doctor.

    `source` is the digest of the octets it was read from. `data_dir` already includes a `--data-dir` override.
    """

    domain: str
    data_dir: PurePath
    mailboxes: Mapping[str, Mailbox]
    dkim_selector: str = "aimx"
    trust: Trust = "none"
    trusted_senders: tuple[str, ...] = ()
    verify_host: str = VERIFY_HOST
    enable_ipv6: bool = False
    signature: str = DEFAULT_SIGNATURE
    release_manifest_url: str | None = None
    postmaster: str | None = None
    max_connections: int = limits.CONNECTIONS
    max_connections_per_peer: int = limits.CONNECTIONS_PER_PEER
    allow_private_mx: bool = False
    hook_memory_max: str = "256M"
    hook_concurrency: int = 0
    hook_thread_budget: int = limits.HOOK_THREAD_BUDGET
    warnings: tuple[str, ...] = ()
    source: str = ""
