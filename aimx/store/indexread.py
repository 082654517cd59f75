"""A message file as the index holds it."""

from aimx import limits
from aimx.mime import frontmatter
from aimx.model.delivery import Folder
from aimx.store import indexrow
from aimx.store.browse import Directory


class Slow(Exception):
    """To read this message would take long, and it is not one that we wrote so."""


def read(
    directory: Directory, folder: Folder, stem: str, bundle: bool | None = None, hurried: bool = False
) -> indexrow.Entry | None:
    """A message file as the index holds it; None when there is none that may be read. Raises: OSError for ours.

    `bundle`: where it lies, if that is known. `hurried`: rather Slow than what takes long.
    """
    if bundle is None:
        message = directory.find(stem, limits.INDEX_READ_OCTETS)
    else:
        message = directory.message(stem, bundle, limits.INDEX_READ_OCTETS)
    if message is None:
        return None
    if hurried and not frontmatter.is_quick(message.octets):
        raise Slow(stem)
    entry = indexrow.entry(folder, stem, message)
    if not entry.readable and message.mark.size > len(message.octets):
        most = limits.FRONTMATTER_OCTETS + limits.INDEX_TEXT_OCTETS
        longer = directory.message(stem, message.bundle, most)
        entry = indexrow.entry(folder, stem, longer) if longer is not None else entry
    return entry
