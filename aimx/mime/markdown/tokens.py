"""mistletoe's tokens, made without its parsers, and those that it lacks. Holds no state."""

from typing import Any, TypeVar

from mistletoe.block_token import BlockToken
from mistletoe.span_token import SpanToken
from mistletoe.token import Token

_T = TypeVar("_T", bound=Token)


class FootnoteReference(SpanToken):
    """A mark that leads to a footnote.

    Attributes: number (of the note), mention (1 for the first mark of this note), content (the source).
    """

    number: int
    mention: int
    content: str


class TaskMark(SpanToken):
    """The box of a task list item. Attributes: done."""

    done: bool


class Footnotes(BlockToken):
    """All footnotes of a document; its children are `FootnoteItem`."""


class FootnoteItem(BlockToken):
    """One footnote. Attributes: number, mentions (how many marks lead to it)."""

    number: int
    mentions: int


def token(kind: type[_T], **attributes: Any) -> _T:
    """A token with these attributes. The class's own constructor would parse."""
    made = object.__new__(kind)
    children = attributes.pop("children", None)
    if children is not None:
        made._children = children
    made.__dict__.update(attributes)
    return made
