"""config.toml to a Config snapshot, or a ConfigInvalid that says file, key, what and what to do.

The first error in a fixed order is reported; what is odd but harmless becomes `Config.warnings`. Asks no account
database, no DNS, no clock: the same octets always give the same answer.
"""

import hashlib
import os
import tomllib
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any

from aimx import limits
from aimx.config import fields, legacy, mailboxes, schema
from aimx.config.fields import Place, quoted
from aimx.errors import ConfigInvalid, ConfigUnreadable
from aimx.mime import tomlkeys
from aimx.model.config import Config, Mailbox

DATA_DIR = "/var/lib/aimx"


def load(path: Path, data_dir: Path | None) -> Config:
    """Read and validate. `data_dir` is the override of flag or environment. Raises: ConfigInvalid."""
    return parse(read(path), str(path), data_dir)


def read(path: Path) -> bytes:
    """The octets of the file, bounded. Raises: ConfigInvalid."""
    try:
        with open(path, "rb", opener=_open) as file:
            octets = file.read(limits.CONFIG_OCTETS + 1) or b""
    except FileNotFoundError as error:
        raise ConfigInvalid(f"Config file not found at {path}; book/configuration.md shows one") from error
    except PermissionError as error:
        raise ConfigUnreadable(f"{path} cannot be read by this user: it belongs to root; try sudo") from error
    except OSError as error:
        raise ConfigInvalid(f"{path} cannot be read: {error.strerror}") from error
    return octets


def _open(path: str, flags: int) -> int:
    """Not blocking: a FIFO in its place would hold the whole daemon at its next reload."""
    return os.open(path, flags | os.O_NONBLOCK)


def parse(octets: bytes, source: str, data_dir: Path | None) -> Config:
    """Validate the octets of a configuration. Raises: ConfigInvalid."""
    place = Place(source)
    table = _toml(place, octets)
    legacy.refuse_top_level(place, table)
    warnings = schema.unknown(place, table, schema.TOP)
    values = schema.read(place, table, schema.TOP)
    if "domain" not in values:
        raise place.refuse('missing required key `domain`; add e.g. domain = "agent.example.com" at the top')
    upgrade = values.pop("upgrade", {})
    warnings += schema.unknown(place.key("upgrade"), upgrade, schema.UPGRADE)
    warnings += mailboxes.pattern_warnings(place, values.get("trusted_senders", ()))
    raw = values.pop("mailboxes", {})
    inherited = mailboxes.Inherited(values["domain"], values.get("trust", "none"), values.get("trusted_senders", ()))
    found, more = mailboxes.read_all(place.key("mailboxes"), raw, inherited)
    _postmaster(place, values, found)
    values["data_dir"] = PurePath(data_dir or values.get("data_dir", DATA_DIR))
    return Config(
        mailboxes=MappingProxyType(found),
        warnings=(*warnings, *more),
        source=digest(octets),
        **values,
        **schema.read(place.key("upgrade"), upgrade, schema.UPGRADE),
    )


def digest(octets: bytes) -> str:
    """What `Config.source` holds for these octets."""
    return hashlib.sha256(octets).hexdigest()


def _toml(place: Place, octets: bytes) -> dict[str, Any]:
    if len(octets) > limits.CONFIG_OCTETS:
        raise place.refuse(f"is larger than {limits.CONFIG_OCTETS} bytes; that is no configuration")
    try:
        text = octets.decode()
        if tomlkeys.too_long(text):
            raise place.refuse(f"has a key of more than {limits.TOML_KEY_PARTS} parts; that is no configuration")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise place.refuse(f"is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except RecursionError as error:
        raise place.refuse("is not valid TOML: nested too deeply") from error
    except ValueError as error:
        raise place.refuse(f"is not valid TOML: {fields.one_line(str(error))}") from error


def _postmaster(place: Place, values: dict[str, Any], found: dict[str, Mailbox]) -> None:
    name = values.get("postmaster")
    if name is not None and name not in found:
        raise place.key("postmaster").refuse(
            f"{quoted(name)} is no mailbox of this file; name one of [mailboxes.<name>]"
        )
