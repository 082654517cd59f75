"""Build metadata: what `aimx --version` prints and VERSION answers."""

import platform

import msgspec

from aimx import __version__


class Build(msgspec.Struct, frozen=True):
    """Field order is the wire's (reference section 1.3)."""

    tag: str
    git_hash: str
    target: str
    build_date: str


def build() -> Build:
    """The metadata of this build; a source tree has no hash and no date."""
    libc = "gnu" if platform.libc_ver()[0] == "glibc" else "musl"
    return Build(__version__, "unknown", f"{platform.machine()}-unknown-linux-{libc}", "unknown")


def banner() -> str:
    """The one line of `aimx --version`."""
    this = build()
    return f"AIMX (AI Mail Exchange) version {this.tag} ({this.git_hash}) {this.target} built {this.build_date}"
