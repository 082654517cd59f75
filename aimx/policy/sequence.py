"""In which order the messages of a conversation are told. Computes only."""

from collections.abc import Iterable, Iterator

from aimx.model.query import Row


def oldest_first(rows: Iterable[Row]) -> tuple[Row, ...]:
    """By time; of one second, which is all that times tell, an answer after what it answers."""
    ordered = sorted(rows, key=lambda row: (row.received_at, row.id, row.mailbox, row.folder))
    first = {(row.received_at, _bare(row.message_id)): number for number, row in reversed([*enumerate(ordered)])}
    told: set[int] = set()
    return tuple(ordered[number] for start in range(len(ordered)) for number in _upwards(ordered, first, told, start))


def _upwards(rows: list[Row], first: dict[tuple[float, str], int], told: set[int], number: int) -> Iterator[int]:
    """What a message of that second answers, and then itself, of which nothing was told yet."""
    chain: list[int] = []
    at: int | None = number
    while at is not None and at not in told:
        told.add(at)
        chain.append(at)
        parent = _bare(rows[at].in_reply_to)
        at = first.get((rows[at].received_at, parent)) if parent else None
    return reversed(chain)


def _bare(message_id: str) -> str:
    return message_id.strip().removeprefix("<").removesuffix(">")
