"""What the beginning of a line says: marks that open a block (CommonMark section 4 and 5)."""

import re

ATX = re.compile(r"(#{1,6})(?:[ \t]++|\Z)")
ATX_END = re.compile(r"(?:^|[ \t])#+\Z")
FENCE = re.compile(r"(`{3,})(?=[^`]*+\Z)|(~{3,})")
SETEXT = re.compile(r"(?:=+|-+)[ \t]*+\Z")
BREAK = re.compile(r"(?:(?:\*[ \t]*+){3,}|(?:-[ \t]*+){3,}|(?:_[ \t]*+){3,})\Z")
BULLET = re.compile(r"[-+*](?=[ \t]|\Z)")
NUMBER = re.compile(r"([0-9]{1,9})([.)])(?=[ \t]|\Z)")
FOOTNOTE = re.compile(r"\[\^([^\]\[\s]{1,999})\]:")
_RAW = re.compile(r"<(script|pre|style|textarea)(?=[ \t>]|\Z)", re.IGNORECASE)
_MARKUP = (("<!--", "-->"), ("<?", "?>"), ("<![CDATA[", "]]>"))
_DECLARATION = re.compile(r"<![A-Za-z]")
_BLOCK_TAG = re.compile(
    r"</?(?:address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd|details|dialog|dir|div"
    r"|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link"
    r"|main|menu|menuitem|nav|noframes|ol|optgroup|option|p|param|search|section|summary|table|tbody|td|tfoot|th|thead"
    r"|title|tr|track|ul)(?=[ \t]|/?>|\Z)",
    re.IGNORECASE,
)
_WHOLE_TAG = re.compile(
    r"(?:<[A-Za-z][A-Za-z0-9\-]*+"
    r"(?:[ \t]++[A-Za-z_:][A-Za-z0-9_.:\-]*+(?:[ \t]*+=[ \t]*+(?:[^ \t\"'=<>`]++|'[^']*+'|\"[^\"]*+\"))?+)*+"
    r"[ \t]*+/?>|</[A-Za-z][A-Za-z0-9\-]*+[ \t]*+>)[ \t]*+\Z"
)


def html_end(line: str, start: int, *, in_paragraph: bool) -> str | None:
    """What ends the raw HTML that starts here ("" for a blank line); None when none starts."""
    match = _RAW.match(line, start)
    if match is not None:
        return "</"
    for opening, closing in _MARKUP:
        if line.startswith(opening, start):
            return closing
    if _DECLARATION.match(line, start):
        return ">"
    if _BLOCK_TAG.match(line, start):
        return ""
    return "" if not in_paragraph and _WHOLE_TAG.match(line, start) else None


_RAW_END = re.compile(r"</(?:script|pre|style|textarea)>", re.IGNORECASE)


def html_ends(line: str, end: str) -> bool:
    """Whether this line is the last of raw HTML that a mark ends."""
    return _RAW_END.search(line) is not None if end == "</" else end in line
