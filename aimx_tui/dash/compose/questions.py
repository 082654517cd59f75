"""What is asked before a letter is sent: only what its author may not have meant. Computes only."""

from aimx import limits
from aimx_tui.dash.compose import letter as letters
from aimx_tui.dash.compose.drafts import Kept


def doubts(kept: Kept, now: float) -> list[str]:
    """A line each; mostly none."""
    letter, found = kept.letter, []
    if not letter.subject.strip():
        found.append("It has no subject.")
    if not letter.body.strip() and not letter.files and not letter.taken:
        found.append("It says nothing.")
    many = len(letters.recipients(letter))
    if many > limits.TUI_MANY_RECIPIENTS:
        found.append(f"It goes to {many} recipients.")
    if kept.tried_at is not None and now - kept.tried_at > limits.TUI_KEY_S:
        found.append("It was handed over a day ago, and may have been sent then: the Sent list tells.")
    return found
