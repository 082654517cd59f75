"""May a new mailbox have this name? The name becomes the local part of an address and a directory."""

from aimx import limits
from aimx.errors import Refused
from aimx.model.config import CATCHALL_NAMES

# An address that certification authorities and other operators trust to speak for the whole domain (U1, RFC 2142).
ROLES = frozenset(
    {"postmaster", "abuse", "hostmaster", "webmaster", "admin", "administrator", "security", "root", "mailer-daemon"}
)
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")


def check(name: str) -> None:
    """Raises: Refused, in the words of the reference (section 1.6)."""
    if not name:
        raise Refused("Mailbox name cannot be empty")
    if ".." in name:
        raise Refused("Mailbox name cannot contain '..'")
    if name.startswith(".") or name.endswith("."):
        raise Refused("Mailbox name cannot start or end with '.'")
    if name in CATCHALL_NAMES:
        raise Refused(f"Mailbox name '{name}' is reserved for the wildcard catchall slot")
    for character in name:
        if character not in _ALLOWED:
            raise Refused(f"Mailbox name contains invalid character {_shown(character)}; allowed: [a-z0-9._-]")
    if len(name) > limits.LOCAL_PART_OCTETS:
        raise Refused(f"Mailbox name is longer than {limits.LOCAL_PART_OCTETS} characters")


def check_role(name: str) -> None:
    """Only root makes these. Raises: Refused."""
    if name in ROLES:
        raise Refused(f"Mailbox name '{name}' is reserved; only root can create it")


def _shown(character: str) -> str:
    return f"'{character}'" if character.isprintable() and character != "'" else repr(character)
