"""The DKIM pair of the configured selector as found on disk, and the record that belongs to it. Writes nothing."""

from pathlib import Path

import msgspec

from aimx.effects import keyfiles
from aimx.errors import SignFailed
from aimx.mailauth.sign import SigningKey
from aimx.provision import disk
from aimx.provision.facts import Key

_PEM = "-----"


def look(config_dir: Path, selector: str) -> Key:
    """The pair. Where only root may read the private key, the record comes from the public one beside it."""
    directory = keyfiles.place(config_dir, selector)
    private = disk.look(directory / keyfiles.PRIVATE)
    public = keyfiles.public(directory)
    published = _record(public) if public is not None else None
    if private.state != "read":
        return Key(selector, private, published)
    try:
        found = keyfiles.read(directory)
    except PermissionError as error:
        return Key(selector, msgspec.structs.replace(private, state="unreadable", why=error.strerror or ""), published)
    except OSError as error:
        return Key(selector, msgspec.structs.replace(private, state="broken", why=error.strerror or ""), published)
    try:
        key = SigningKey(found.pem)
    except SignFailed as error:
        return Key(selector, msgspec.structs.replace(private, state="broken", why=error.reason), None)
    return Key(selector, private, key.record, public is not None and public.split() != key.public_pem.split())


def _record(pem: bytes) -> str | None:
    """The record of a public key in PEM, whose base64 is the record's."""
    text = pem.decode("ascii", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) < 3 or not (lines[0].startswith(_PEM) and lines[-1].startswith(_PEM)):
        return None
    return f"v=DKIM1; k=rsa; p={''.join(lines[1:-1])}"
