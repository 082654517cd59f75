"""The text of HTML that html2text has trouble with: words stay, scripts go."""

import html2text
import pytest

from aimx.mime import text

BEFORE = "<style>gone</style><script>gone</script><title>gone</title><p>kept &amp; more</p>"


@pytest.mark.parametrize(
    ("start", "first"),
    [("start=", "1."), ('start=""', "1."), ("start", "1."), ("start=x", "1."), ("start=--5", "1."), ("start=4", "4.")],
)
def test_a_list_begins_somewhere(start, first):
    assert text.from_html(f"{BEFORE}<ol {start}><li>one</ol>").split() == ["kept", "&", "more", first, "one"]


@pytest.mark.parametrize("error", [ValueError, TypeError, AssertionError, AttributeError])
def test_what_html2text_cannot_render_is_told_without_markup(monkeypatch, error):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr(html2text.HTML2Text, "handle_tag", broken)
    assert text.from_html(f"{BEFORE}<b>bold</b>").split() == ["kept", "&", "more", "bold"]
