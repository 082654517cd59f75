"""Derived hook names (guide: sha256 over event, argv and fire_on_untrusted; vectors in the reference, section 12)."""

import hashlib

_SEPARATOR = "\x1f"


def derived(event: str, cmd: tuple[str, ...], fire_on_untrusted: bool) -> str:
    """The stable 12-digit name of a hook without one."""
    text = _SEPARATOR.join((event, *cmd)) + _SEPARATOR
    digest = hashlib.sha256(text.encode() + (b"\x01" if fire_on_untrusted else b"\x00"))
    return digest.hexdigest()[:12]
