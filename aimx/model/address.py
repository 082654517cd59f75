"""Internet mail addresses (RFC 5321 section 4.1.2, RFC 5322 section 3.4).

Named tuples, as the drafts that `aimx send` makes of them: it starts for one message and does not load msgspec.
"""

from typing import NamedTuple

_FOLD = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def folded(text: str) -> str:
    """For comparing without regard to case. ASCII only: `casefold` would take `ſ` and `ß` for letters of ours."""
    return text.lower() if text.isascii() else text.translate(_FOLD)


class Address(NamedTuple):
    """One mailbox address: `local_part@domain`, octet for octet as received (no case folding)."""

    local_part: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"


class NamedAddress(NamedTuple):
    """An address with its display name (empty when there is none)."""

    display_name: str
    address: Address

    def __str__(self) -> str:
        return f"{self.display_name} <{self.address}>" if self.display_name else str(self.address)
