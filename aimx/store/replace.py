"""Replace or remove one file that we published: built and synced in staging, exchanged through descriptors (S2).

The owner of the directory may have put anything under that name meanwhile: what is not our file stays as it is.
"""

import os

from aimx.effects import files
from aimx.model.delivery import Conclusion
from aimx.store.tree import Tree


def settle_file(tree: Tree, done: Conclusion) -> None:
    """The record on disk says how the send ended, or is gone. Raises: OSError, Unwritable."""
    directory, _ = tree.folders.open_for_writing("sent", done.mailbox, done.owner)
    try:
        name = f"{done.id}.md"
        if done.document is None:
            os.unlink(name, dir_fd=directory)
        else:
            entry = f"{os.getpid()}-{done.id}-{id(done)}"
            files.write_new(tree.staging, entry, done.document, 0o644, done.body)
            os.rename(entry, name, src_dir_fd=tree.staging, dst_dir_fd=directory)
        os.fsync(directory)
    finally:
        os.close(directory)
