"""config.toml to a Config snapshot, or a ConfigInvalid that says file, key, what and what to do."""

import hashlib
import tomllib
from pathlib import Path, PurePath
from typing import Any

from aimx.config import naming
from aimx.errors import ConfigInvalid
from aimx.model.config import Config, Hook, Mailbox


def load(path: Path, data_dir: Path | None) -> Config:
    """Read and validate. `data_dir` is the override of flag or environment. Raises: ConfigInvalid."""
    try:
        octets = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigInvalid(f"Config file not found at {path}. Run 'sudo aimx setup' first") from error
    except OSError as error:
        raise ConfigInvalid(f"{path} cannot be read: {error.strerror}. It belongs to root; try sudo.") from error
    return parse(octets, str(path), data_dir)


def parse(octets: bytes, source: str, data_dir: Path | None) -> Config:
    """Validate the octets of a configuration. Raises: ConfigInvalid."""
    try:
        table = tomllib.loads(octets.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{source} is not valid TOML: {error}") from error
    try:
        mailboxes = {name: _mailbox(name, raw, table) for name, raw in table.get("mailboxes", {}).items()}
        return Config(
            domain=table["domain"],
            data_dir=PurePath(data_dir or table.get("data_dir", "/var/lib/aimx")),
            mailboxes=mailboxes,
            dkim_selector=table.get("dkim_selector", "aimx"),
            trust=table.get("trust", "none"),
            trusted_senders=tuple(table.get("trusted_senders", ())),
            max_connections=table.get("max_connections", 512),
            max_connections_per_peer=table.get("max_connections_per_peer", 32),
            source=hashlib.sha256(octets).hexdigest(),
        )
    except KeyError as error:
        raise ConfigInvalid(f"{source}: missing required key {error}") from error


def _mailbox(name: str, raw: dict[str, Any], table: dict[str, Any]) -> Mailbox:
    return Mailbox(
        name=name,
        address=raw["address"],
        owner=raw["owner"],
        trust=raw.get("trust", table.get("trust", "none")),
        trusted_senders=tuple(raw.get("trusted_senders", table.get("trusted_senders", ()))),
        hooks=tuple(_hook(hook) for hook in raw.get("hooks", ())),
        catchall=raw["address"].casefold() == f"*@{table['domain']}".casefold(),
    )


def _hook(raw: dict[str, Any]) -> Hook:
    cmd = tuple(raw["cmd"])
    untrusted = raw.get("fire_on_untrusted", False)
    name = raw.get("name") or naming.derived(raw["event"], cmd, untrusted)
    return Hook(name, raw["event"], cmd, untrusted, raw.get("timeout_secs", 60), raw.get("skip_automated", False))
