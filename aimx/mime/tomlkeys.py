"""Dotted keys of TOML that no file needs. tomllib reads one in time quadratic to its parts. Must itself be linear."""

import re

from aimx import limits

# As in tables, inline tables and arrays.
_PART = r"""(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+"""
_LONG = re.compile(rf"(?:^|[\[{{,])[ \t]*+(?:{_PART}\.[ \t]*+){{{limits.TOML_KEY_PARTS}}}", re.MULTILINE)


def too_long(text: str) -> bool:
    """Whether a key has more parts than limits.TOML_KEY_PARTS."""
    return _LONG.search(text) is not None
