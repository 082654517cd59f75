"""Build metadata: what `aimx --version` prints and VERSION answers."""

import os
from typing import NamedTuple

from aimx import __version__, built


class Build(NamedTuple):
    """Field order is the wire's (reference section 1.3)."""

    tag: str
    git_hash: str
    target: str
    build_date: str


def build() -> Build:
    """The metadata of this build; a source tree has no hash and no date."""
    target = built.TARGET or f"{os.uname().machine}-unknown-linux-{_libc()}"
    return Build(built.TAG or __version__, built.COMMIT or "unknown", target, built.DATE or "unknown")


def about() -> str:
    """Name and version."""
    this = build()
    return f"AIMX (AI Mail Exchange) version {this.tag} ({this.git_hash})"


def banner() -> str:
    """The one line of `aimx --version`."""
    this = build()
    return f"{about()} {this.target} built {this.build_date}"


def _libc() -> str:
    try:
        return "gnu" if os.confstr("CS_GNU_LIBC_VERSION") else "musl"
    except (ValueError, OSError):
        return "musl"
