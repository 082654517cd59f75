"""Octets of a declared charset to text: only codecs of an allow-list, never an exception.

Must never hand a name from a message to Python's codec registry: `rot13`, `zlib`, `idna` and
`unicode_escape` are codecs too.
"""

import re

# Labels that differ from Python's names, or whose superset is what senders mean (WHATWG Encoding, "names and labels").
_ALIASES = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "ansi-x3.4-1968": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "l1": "cp1252",
    "utf8": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "utf16": "utf-16",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "gb2312": "gb18030",
    "gb-2312-80": "gb18030",
    "hz-gb-2312": "hz",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "cn-big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "x-sjis": "cp932",
    "shift-jis": "cp932",
    "shiftjis": "cp932",
    "sjis": "cp932",
    "ms-kanji": "cp932",
    "windows-31j": "cp932",
    "eucjp": "euc-jp",
    "x-euc-jp": "euc-jp",
    "iso-2022-jp": "iso2022-jp-ext",
    "iso-2022-jp-1": "iso2022-jp-ext",
    "iso-2022-jp-2": "iso2022-jp-2",
    "iso-2022-jp-3": "iso2022-jp-3",
    "iso-2022-kr": "iso2022-kr",
    "ks-c-5601-1987": "cp949",
    "ks-c-5601": "cp949",
    "ksc5601": "cp949",
    "euckr": "cp949",
    "euc-kr": "cp949",
    "uhc": "cp949",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "macintosh": "mac-roman",
    "x-mac-roman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "ibm866": "cp866",
    "cp-1252": "cp1252",
}
_PYTHON = frozenset(
    ["utf-8", "utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be", "koi8-r", "koi8-u", "koi8-t", "hz"]
    + ["euc-jp", "johab", "mac-roman", "mac-cyrillic", "ptcp154", "cp866", "cp437", "cp850", "cp852", "cp855", "cp858"]
    + ["cp874", "cp932", "cp949", "cp1006", "tis620"]
    + [f"cp125{digit}" for digit in range(9)]
    + [f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)]
)
CODECS = _PYTHON | frozenset(_ALIASES.values())
_LABEL_CHARACTERS = 40
_SEPARATORS = re.compile(r"[\s_:]+")


def codec(label: str) -> str | None:
    """The Python codec for a charset label; None when it is unknown or not a text charset."""
    if len(label) > _LABEL_CHARACTERS:
        return None
    name = _SEPARATORS.sub("-", label.strip(" '\"\t").lower())
    if name in _ALIASES:
        return _ALIASES[name]
    for prefix, stem in (("windows-", "cp"), ("x-cp", "cp"), ("ibm", "cp"), ("iso-8859-", "iso8859-")):
        if name.startswith(prefix):
            name = stem + name[len(prefix) :]
            break
    return name if name in _PYTHON else None


def warm_up() -> None:
    """Load every codec now: a worker that gave up its rights may not be able to read the library's files later."""
    for name in CODECS:
        b"\x1b$B\xa4\xa2a".decode(name, "replace")


def decode(octets: bytes, label: str | None) -> str:
    """The text of these octets. Without a usable charset: UTF-8 if they are that, else windows-1252."""
    if octets.isascii() and (label is None or label.lower() in ("us-ascii", "utf-8", "iso-8859-1")):
        return octets.decode("ascii")
    name = codec(label) if label else None
    if name is None or name == "cp1252":
        # A message that says us-ascii or Latin-1 and holds valid multi-byte UTF-8 is UTF-8 (it cannot be by accident).
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            return octets.decode("cp1252", "replace")
    return octets.decode(name, "replace")
