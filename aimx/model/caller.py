"""Who asks: the kernel's word for the peer of a local socket (SO_PEERCRED)."""

import msgspec


class Caller(msgspec.Struct, frozen=True):
    """The effective uid and gid at connect(2). The pid is not kept: it may belong to somebody else by now."""

    uid: int
    gid: int

    @property
    def is_root(self) -> bool:
        """Root bypasses ownership and is logged."""
        return self.uid == 0
