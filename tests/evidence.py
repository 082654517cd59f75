"""Word of what no second try makes good: mail that was lost, an input that breaks a parser. `.ci/run` looks for it."""

from pathlib import Path

EVIDENCE = Path(".nox/evidence")  # below the project, a file for each session


def forget(path: Path) -> None:
    """What an earlier run left says nothing of this one."""
    path.unlink(missing_ok=True)


def leave(path: Path, text: str) -> None:
    """Whole lines, behind those that are there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(text)
