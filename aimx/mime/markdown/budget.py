"""What one document may cost: counts, so that the same source always gives the same HTML. Never looks at a clock."""

from aimx import limits
from aimx.errors import BodyTooLarge

TOO_MANY = "markdown body has too many elements; use --text-only or --attachment for sending the document as a file"
TOO_LARGE = "rendered HTML exceeds 25 MiB; use --text-only or --attachment for sending the document as a file"


class Budget:
    """What is left of each allowance."""

    def __init__(self, source_characters: int) -> None:
        self._blocks = limits.MARKDOWN_BLOCKS
        self._spans = limits.MARKDOWN_SPANS
        self._expansion = max(source_characters, limits.MARKDOWN_EXPANSION_FLOOR)
        self._padding = limits.MARKDOWN_PADDING_CELLS

    def block(self, count: int = 1) -> None:
        """Take blocks or cells. Raises: BodyTooLarge, when there are too many."""
        self._blocks -= count
        if self._blocks < 0:
            raise BodyTooLarge(TOO_MANY)

    def span(self) -> bool:
        """Take one mark of a span; False: what follows stays text."""
        self._spans -= 1
        return self._spans >= 0

    def expand(self, characters: int) -> bool:
        """Take the characters of a target that a reference puts in; False: there is no room for them."""
        if characters > self._expansion:
            return False
        self._expansion -= characters
        return True

    def pad(self, cells: int) -> int:
        """How many of these cells may be added to a short row."""
        granted = max(0, min(cells, self._padding))
        self._padding -= granted
        return granted
