"""The one owner of stdout: data and nothing else."""

import os
import sys


def write(text: str = "") -> None:
    """Print one piece of data."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def colour() -> bool:
    """Whether stdout shows colours: a terminal, and NO_COLOR unset."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ
