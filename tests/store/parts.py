"""A store on real files, without a daemon around it."""

import os
import pwd
from pathlib import Path

from aimx.config.load import load
from aimx.daemon.storage import StorageParts, open_storage
from aimx.model.delivery import CommitPlan, Copy, File
from aimx.store.spool import Spool
from tests.harness import DOMAIN, owner

AT = 1_741_964_966.0  # 2025-03-14 15:09:26 UTC


def opened(tree: Path, *mailboxes: str) -> StorageParts:
    """The storage of a configuration with `ops` and further mailboxes, all owned by ourselves."""
    tree.mkdir(exist_ok=True)
    names = ("ops", *mailboxes)
    tables = [f'[mailboxes.{name}]\naddress = "{name}@{DOMAIN}"\nowner = "{owner()}"\n' for name in names]
    (tree / "config.toml").write_text(f'domain = "{DOMAIN}"\n' + "\n".join(tables))
    return open_storage(load(tree / "config.toml", tree / "data"))


def copy(stem: str = "2025-03-14-150926-hello", mailbox: str = "ops", files: tuple[File, ...] = (), **more) -> Copy:
    """One copy of a small document."""
    summary = {"from": "a@sender.test", "subject": "Hello", "trusted": "none", "thread_id": "t"}
    document = (
        f'+++\nid = ""\nsubject = "Hello"\nreceived_at = "2025-03-14T15:09:26Z"\nmailbox = "{mailbox}"\n+++\n\nHi.\n'
    )
    return Copy(
        mailbox, "inbox", pwd.getpwuid(os.getuid()).pw_name, stem, document.encode(), files, summary=summary, **more
    )


def plan(*copies: Copy, key: bytes | None = None) -> CommitPlan:
    """A plan for these copies."""
    return CommitPlan(copies or (copy(),), AT, key)


def retry(parts: StorageParts, owners: dict[str, str] | None = None):
    """One round of the spool with every mailbox owned by ourselves."""
    return Spool(parts.committer).retry({"ops": owner(), "dev": owner()} if owners is None else owners)


def rows(parts: StorageParts, table: str) -> int:
    """How many rows a table of state.db has."""
    return parts.state.run(lambda db: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def tree_of(directory: Path) -> list[str]:
    """Every path below a directory, relative."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))
