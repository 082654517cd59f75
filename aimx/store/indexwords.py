"""What a search compares: words without case and accents, scripts without blanks by their single characters.

The index gets its text through `spaced`, so that a phrase of such characters is found anywhere. Computes only.
"""

import re
import unicodedata

from aimx import limits
from aimx.model.query import Term

COLUMNS = ("sender", "recipient", "subject", "body", "more")
BODY = COLUMNS.index("body")
_FIELD = {"from": ("sender",), "to": ("recipient",), "subject": ("subject",), "": COLUMNS}
# Thai, Lao, Burmese, Khmer, kana, bopomofo, Han, Hangul: where a word ends is for dictionaries to say.
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9d\U0001b000-\U0001b16f"
    "\U00020000-\U0003ffff])"
)
_UNQUOTABLE = re.compile('["\\x00\ud800-\udfff]')
_WORD = re.compile(r"[^\W_]+")


def spaced(text: str) -> str:
    """The text with blanks around every character of a script that has none."""
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", unicodedata.normalize("NFC", text))


def words(text: str) -> list[str]:
    """The words of a text as they are compared, nearly as FTS5 does it."""
    if not text.isascii():
        text = "".join(map(_base, spaced(text)))
        text = text.replace("Σ", "σ").replace("ς", "σ")  # one letter, wherever in a word it stands
    return _WORD.findall(text.lower())


def _base(character: str) -> str:
    """A Latin letter without its accents; any other character as it is."""
    if "\u0300" <= character <= "\u036f":
        return ""
    base = unicodedata.normalize("NFD", character)[0]
    return base if base.isascii() else character


def is_prefix(term: Term) -> bool:
    """Whether the last word stands for all that begin with it: `invoi*`, of three characters at least."""
    bare = term.text.rstrip()
    last = words(bare)[-1:]
    return bare.endswith("*") and bool(last) and len(last[0]) >= limits.SEARCH_PREFIX_CHARACTERS


def expression(terms: tuple[Term, ...]) -> str:
    """The terms as one FTS5 query, negations ignored, all of them wanted; empty when they hold no word."""
    return " AND ".join(filter(None, map(_phrase, terms)))


def either(terms: tuple[Term, ...]) -> str:
    """The terms as one FTS5 query of which one is enough."""
    return " OR ".join(filter(None, map(_phrase, terms)))


def _phrase(term: Term) -> str:
    if not words(term.text):
        return ""
    columns = " ".join(_FIELD[term.field])
    phrase = _UNQUOTABLE.sub(" ", spaced(term.text))
    return f'({{{columns}}} : "{phrase}"{" *" if is_prefix(term) else ""})'


def match(terms: tuple[Term, ...], texts: tuple[str, ...]) -> bool:
    """Whether texts in the order of COLUMNS hold what the terms want: what the index does, for one message."""
    prepared: dict[str, str] = {}
    for term in terms:
        wanted = words(term.text)
        if not wanted:
            continue
        needle = f" {' '.join(wanted)}{'' if is_prefix(term) else ' '}"
        found = False
        for column in _FIELD[term.field]:
            if column not in prepared:
                prepared[column] = f" {' '.join(words(texts[COLUMNS.index(column)]))} "
            found = found or needle in prepared[column]
        if found == term.negated:
            return False
    return True
