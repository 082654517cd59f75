"""Did you mean …? Edit distance over short names."""

from collections.abc import Iterable


def distance(left: str, right: str) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours between two words."""
    rows = [list(range(len(right) + 1))]
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def nearest(word: str, known: Iterable[str], within: int = 2) -> str | None:
    """The known word that is closest and at most `within` edits away (upper case does not count); None: none is."""
    folded = word.casefold()
    near = [
        (distance(folded, candidate.casefold()), candidate)
        for candidate in known
        if abs(len(folded) - len(candidate)) <= within
    ]
    near = [(edits, candidate) for edits, candidate in near if edits <= min(within, len(candidate) - 1)]
    return min(near)[1] if near else None
