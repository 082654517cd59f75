"""What an intent row holds: enough to finish or drop a commit after a crash."""

import msgspec

from aimx.model.delivery import Folder, HookJob, Skip


class Staged(msgspec.Struct, frozen=True, array_like=True):
    """One copy, written and synced below staging/ as `entry`, to be published as `stem`.

    `inode` identifies it wherever it was renamed to. `sizes`: (name, octets) of every file of it.
    """

    entry: str
    inode: int
    mailbox: str
    folder: Folder
    owner: str
    stem: str
    bundle: bool
    sizes: tuple[tuple[str, int], ...]
    jobs: tuple[HookJob, ...]
    skips: tuple[Skip, ...]
    summary: dict[str, str]

    @property
    def name(self) -> str:
        """The directory entry it is published as."""
        return self.stem if self.bundle else f"{self.stem}.md"


class Intent(msgspec.Struct, frozen=True, array_like=True):
    """All copies of one message."""

    copies: tuple[Staged, ...]
    received_at: float
    repeat_key: bytes | None


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Intent).decode
decode_staged = msgspec.msgpack.Decoder(Staged).decode
