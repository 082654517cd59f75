"""A mailbox directory, asked without an index: what a query wants, newest id first, read file by file as it is taken.

For a box that is still being built, and for the day when there is no index. Right, and slow.
"""

from aimx.store import indexquery, indexread, indexwords
from aimx.store.browse import Directory, Name, Place
from aimx.store.indexkey import Key
from aimx.store.indexquery import Asked, Candidate, Stop, Stream


def names(directory: Directory) -> dict[str, Name]:
    """The ids that a directory lists; of a file and a bundle of one name the file is read."""
    found: dict[str, Name] = {}
    for stem, name in directory.names():
        if stem not in found or not name.bundle:
            found[stem] = name
    return found


def stream(place: Place, directory: Directory, asked: Asked) -> Stream:
    """Rows as `indexquery.stream` has them."""
    listed = names(directory)
    for stem in sorted(listed, reverse=True):
        key = Key(stem, place.mailbox, place.folder)
        if asked.after is not None and not asked.after < key:
            continue
        entry = indexread.read(directory, place.folder, stem, listed[stem].bundle)
        row = (0, *entry.values) if entry is not None else None
        if (
            row is not None and entry is not None and indexquery.wanted(asked.query, row)
            and indexwords.match(asked.query.terms, entry.words)
        ):  # fmt: skip
            yield Candidate(key, row)
        elif asked.over():
            yield Stop(key)
            return
