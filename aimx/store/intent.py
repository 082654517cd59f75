"""What an intent row and a spool row hold: enough to finish or drop a copy after a crash."""

import msgspec

from aimx.model.delivery import Folder, HookJob, Mark, Skip
from aimx.model.hook import Thread
from aimx.model.outbound import Claim


class Staged(msgspec.Struct, frozen=True, array_like=True):
    """One copy, written and synced below staging/ or spool/ as `entry`, to be published as `stem`.

    `inode` identifies the entry wherever it was renamed to. `sizes`: (name, octets) of every file of it, the message
    file first. `mark` is the message file's.
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
    mark: Mark
    thread: Thread = Thread()

    @property
    def name(self) -> str:
        """The directory entry it is published as."""
        return self.stem if self.bundle else f"{self.stem}.md"


class Intent(msgspec.Struct, frozen=True, array_like=True):
    """All copies of one message."""

    copies: tuple[Staged, ...]
    received_at: float
    repeat_key: bytes | None
    claim: Claim | None = None


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Intent).decode
decode_staged = msgspec.msgpack.Decoder(Staged).decode
