"""Blocks to mistletoe's block tokens, with the spans of their text. Holds no state between documents."""

import re
from collections.abc import Iterator
from itertools import chain

from mistletoe import block_token, span_token
from mistletoe.block_token import BlockToken

from aimx.mime.markdown import blocks, characters, spans, tables
from aimx.mime.markdown.budget import Budget
from aimx.mime.markdown.references import Note, References
from aimx.mime.markdown.tokens import FootnoteItem, Footnotes, TaskMark, token
from aimx.mime.markdown.tree import Block, Code, Heading, List, Table

_TASK = re.compile(r"\[([ xX])\](?=[ \t\n])")
_ALIGN = {"": None, "left": "left", "center": "center", "right": "right"}


def parse(source: str) -> block_token.Document:
    """The document's tokens, its footnotes last.

    Children are made when they are asked for, once: a large document is never in memory as tokens.
    """
    references: References[Block] = References(Budget(len(source)))
    root = blocks.parse(source, references)
    return token(block_token.Document, children=_Maker(references).document(root), footnotes={})


class _Maker:
    """Makes tokens out of the blocks of one document."""

    def __init__(self, references: References[Block]) -> None:
        self.references = references
        self.budget = references.budget

    def document(self, root: Block) -> Iterator[BlockToken]:
        """The blocks, then the footnotes that they mention."""
        yield from self.children(root)
        if self.references.order:
            yield token(Footnotes, children=self._footnotes())

    def children(self, container: Block) -> Iterator[BlockToken]:
        """The tokens of what a container holds; definitions leave none."""
        return (self._token(block) for block in container.children if block.kind not in ("definition", "note"))

    def _token(self, block: Block) -> BlockToken:
        if block.kind == "paragraph":
            return token(block_token.Paragraph, children=self._spans("\n".join(block.lines)))
        if isinstance(block, List):
            return self._list(block)
        if isinstance(block, Heading):
            return token(block_token.Heading, children=self._spans(block.lines[0]), level=block.level)
        if isinstance(block, Code):
            return _code(block)
        if isinstance(block, Table):
            return self._table(block)
        if block.kind == "quote":
            return token(block_token.Quote, children=self.children(block))
        if block.kind == "html":
            text = "\n".join(block.lines).rstrip("\n")
            return token(block_token.HtmlBlock, children=(span_token.RawText(text),))
        return token(block_token.ThematicBreak)

    def _spans(self, text: str) -> list[span_token.SpanToken]:
        return spans.parse(text.strip(" \t\n"), self.references)

    def _list(self, block: List) -> BlockToken:
        loose = block.loose()
        items = (token(block_token.ListItem, children=self._item(item), loose=loose) for item in block.children)
        return token(block_token.List, children=items, loose=loose, start=block.start)

    def _item(self, item: Block) -> Iterator[BlockToken]:
        first = item.children[0] if item.children else None
        if first is not None and first.kind == "paragraph":
            match = _TASK.match(first.lines[0] + "\n" * (len(first.lines) > 1))
            if match is not None:
                first.lines[0] = first.lines[0][match.end() :]
                children = self.children(item)
                paragraph = next(children)
                mark = token(TaskMark, done=match[1] != " ")
                paragraph._children = [mark, span_token.RawText(" "), *(paragraph.children or ())]
                return chain((paragraph,), children)
        return self.children(item)

    def _table(self, block: Table) -> BlockToken:
        header, *lines = block.lines
        return token(
            block_token.Table,
            header=self._row(tables.cells(header), block.alignments),
            children=(self._row(tables.cells(line), block.alignments) for line in lines),
        )

    def _row(self, row: list[str], alignments: list[str]) -> block_token.TableRow:
        """A row with as many cells as the header; missing ones are added as far as the bound goes."""
        row = [*row, *[""] * self.budget.pad(len(alignments) - len(row))]
        self.budget.block(len(row))
        cells = [
            token(block_token.TableCell, children=self._spans(cell), align=_ALIGN[alignment])
            for cell, alignment in zip(row, alignments, strict=False)
        ]
        return token(block_token.TableRow, children=cells)

    def _footnotes(self) -> Iterator[BlockToken]:
        """The notes that were mentioned; a note that another one mentions comes behind it.

        How often a note is mentioned is known when all of them are read: their tokens are kept.
        """
        contents: list[tuple[Note[Block], list[BlockToken]]] = []
        while len(contents) < len(self.references.order):
            note = self.references.order[len(contents)]
            contents.append((note, [_kept(child) for child in self.children(note.body)]))
        for note, children in contents:
            yield token(FootnoteItem, children=children, number=note.number, mentions=note.mentions)


def _kept(made: BlockToken) -> BlockToken:
    """A token all of whose children are made."""
    if isinstance(made.children, Iterator):
        made._children = [_kept(child) for child in made.children]
    return made


def _code(block: Code) -> BlockToken:
    text = "".join(f"{line}\n" for line in block.lines)
    children = (span_token.RawText(text),)
    if not block.fence:
        return token(block_token.BlockCode, children=children, language="")
    language = characters.plain(block.info).split(maxsplit=1)
    return token(block_token.CodeFence, children=children, language=language[0] if language else "")
