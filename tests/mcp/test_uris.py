"""Addresses of resources: what can be asked for comes back, everything else is the address of nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx.mcp import uris

TEXT = st.text(min_size=1).filter(
    lambda text: text == text.strip() and not any(c in "/\x7f" or c < " " or "\ud800" <= c <= "\udfff" for c in text)
)


@given(TEXT, st.sampled_from(uris.FOLDERS), TEXT)
def test_any_name_and_id_come_back(name, folder, email_id):
    assert uris.read(uris.mailbox(name)) == uris.Mailbox(name)
    written = uris.email(name, folder, email_id)
    assert written.isascii() and " " not in written and written.count("/") == 5
    assert uris.read(written) == uris.Email(name, folder, email_id)


@given(st.text())
def test_reading_is_total(text):
    for uri in (text, f"aimx://{text}", f"aimx://mailbox/{text}", f"aimx://mailbox/ops/inbox/{text}"):
        uris.read(uri)


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("aimx://guide", uris.Guide()),
        ("aimx://mailbox/ops", uris.Mailbox("ops")),
        ("aimx://mailbox/%6Fps", uris.Mailbox("ops")),
        ("aimx://mailbox/a.b_c-d", uris.Mailbox("a.b_c-d")),
        ("aimx://mailbox/ops/sent/2026-01-31-093000-x", uris.Email("ops", "sent", "2026-01-31-093000-x")),
        ("aimx://mailbox/ops/inbox/%C3%A4%20b%25", uris.Email("ops", "inbox", "ä b%")),
        ("aimx://mailbox/ops/inbox/..", uris.Email("ops", "inbox", "..")),
    ],
)
def test_an_address(uri, found):
    assert uris.read(uri) == found


@pytest.mark.parametrize(
    "uri",
    [
        "", "guide", "aimx:guide", "AIMX://guide", "aimx://guide/", "aimx://guide?x", "aimx://mailbox", "aimx://mailbox/",
        "aimx://mailbox//inbox/x", "aimx://mailbox/ops/", "aimx://mailbox/ops/inbox", "aimx://mailbox/ops/inbox/",
        "aimx://mailbox/ops/all/x", "aimx://mailbox/ops/INBOX/x", "aimx://mailbox/ops/inbox/x/y",
        "aimx://mailbox/ops/inbox/x%2Fy", "aimx://mailbox/ops/inbox/%00", "aimx://mailbox/ops/inbox/x%0Ay",
        "aimx://mailbox/ops/inbox/%0D%0AFolder:sent", "aimx://mailbox/ops/inbox/%", "aimx://mailbox/ops/inbox/%zz",
        "aimx://mailbox/ops/inbox/%ff", "aimx://mailbox/ops/inbox/%C3", "aimx://mailbox/ops/inbox/a b",
        "aimx://mailbox/ops/inbox/ä", "aimx://mailbox/ops?x=1", "aimx://mailbox/ops#x", "aimx://mailbox/%20ops",
        "file:///etc/passwd", "aimx://mailbox/../../etc/passwd", "aimx://mailbox/ops/inbox/x\n",
    ],
    ids=repr,
)  # fmt: skip
def test_an_address_of_nothing(uri):
    assert uris.read(uri) is None
