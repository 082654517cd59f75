"""The colours of the terminal programs, dark and light. Every meaning is also in a sign or a word."""

import os

from textual.theme import Theme

DARK = Theme(
    name="aimx-dark",
    primary="#E0793A",
    secondary="#C9A27E",
    accent="#E0793A",
    foreground="#E6E1DC",
    background="#16181C",
    surface="#1E2126",
    panel="#2A2E35",
    success="#7CC47F",
    warning="#E5B454",
    error="#F0716B",
    dark=True,
    variables={
        "block-cursor-background": "#E0793A",
        "block-cursor-foreground": "#16181C",
        "block-cursor-text-style": "bold",
        "footer-key-foreground": "#E0793A",
        "input-selection-background": "#E0793A 40%",
    },
)
LIGHT = Theme(
    name="aimx-light",
    primary="#A3460F",
    secondary="#7A5230",
    accent="#A3460F",
    foreground="#23211F",
    background="#FAF8F5",
    surface="#F1EDE7",
    panel="#E3DCD2",
    success="#23702A",
    warning="#8A5A00",
    error="#B3261E",
    dark=False,
    variables={
        "block-cursor-background": "#A3460F",
        "block-cursor-foreground": "#FAF8F5",
        "block-cursor-text-style": "bold",
        "footer-key-foreground": "#A3460F",
        "input-selection-background": "#A3460F 30%",
    },
)
# For eyes that need it: whatever is to be read stands at least 10 : 1 against its ground.
CONTRAST = Theme(
    name="aimx-contrast",
    primary="#FFFF00",
    secondary="#FFFFFF",
    accent="#FFFF00",
    foreground="#FFFFFF",
    background="#000000",
    surface="#000000",
    panel="#333333",
    success="#00FF00",
    warning="#FFFF00",
    error="#FFB0B0",
    dark=True,
    variables={
        "block-cursor-background": "#FFFF00",
        "block-cursor-foreground": "#000000",
        "block-cursor-text-style": "bold",
        "footer-key-foreground": "#FFFF00",
        "input-selection-background": "#FFFF00 60%",
    },
)
_LIGHT_GROUNDS = frozenset({"7", "15"})


def preferred() -> Theme:
    """Light where the terminal says by COLORFGBG that its ground is."""
    ground = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT if ground in _LIGHT_GROUNDS else DARK
