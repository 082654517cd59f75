"""Every run of these tests draws the same screens, whatever the terminal of who runs them."""

import pytest


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch, tmp_path):
    """No animation, the dark theme, colours; what a test wants else it sets itself, before the app is made."""
    for name in ("NO_COLOR", "COLORFGBG", "TEXTUAL_THEME", "TEXTUAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
