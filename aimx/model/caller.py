"""Who asks: the kernel's word for the peer of a local socket (SO_PEERCRED)."""

import msgspec


class Caller(msgspec.Struct, frozen=True):
    """The effective uid and gid at connect(2). The pid is not kept: it may belong to somebody else by now."""

    uid: int
    gid: int
    operator_uid: int = 0  # whose daemon it is: root, or the developer who runs it unprivileged (S1)

    @property
    def is_root(self) -> bool:
        """Root, and whoever runs the daemon, bypass ownership; it is logged."""
        return self.uid in (0, self.operator_uid)
