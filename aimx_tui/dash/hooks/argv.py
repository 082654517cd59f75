"""A command line as it is typed → the words that a hook runs with. Pure; nothing is expanded and no shell is asked."""

import json
import shlex

from aimx.errors import Refused


def words(typed: str) -> list[str]:
    """By spaces and quotes as a shell does, or a JSON array as it stands. Raises: Refused."""
    text = typed.strip()
    if not text:
        raise Refused("a program by its absolute path, then its arguments")
    if text.startswith("["):
        return _json(text)
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Refused(f"not a command line: {str(error).lower()}") from error


def _json(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"not a JSON array of strings: {error}") from error
    if not isinstance(found, list) or not found or not all(isinstance(word, str) for word in found):
        raise Refused("not a JSON array of strings")
    return found
