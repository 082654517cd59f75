"""Parts of a file do not depend on how the daemon cut it."""

import pytest

from aimx.mcp.cutting import Cut, Wanted

HEAD = "+++\nid = 1\n+++\n\n"
FILES = {
    "ordinary": (HEAD, "body\n\n+++\n"),
    "no blank line": ("+++\nid = 1\n+++\n", "body\n"),
    "blank lines in the body": (HEAD, "\n\nbody"),
    "what looks like the end": ("+++\nid = 1\n+++x\n+++\n\n", "body\n"),
    "nothing in it": ("+++\n+++\n", "x"),
    "nothing after it": ("+++\nid = 1\n+++", ""),
    "none": ("", "body\n+++\n"),
    "no end": ("", "+++\nid = 1\n"),
}


def parts(text, size, which):
    cut = Cut(Wanted(which))
    for at in range(0, len(text), size):
        cut.feed(text[at : at + size], at + size >= len(text))
        if cut.done:
            break
    return cut.text


@pytest.mark.parametrize("size", range(1, 40))
@pytest.mark.parametrize(("head", "body"), FILES.values(), ids=FILES)
def test_head_and_body_are_the_same_in_any_pieces(head, body, size):
    assert parts(head + body, size, "headers") == head
    assert parts(head + body, size, "body") == body
    assert parts(head + body, size, "full") == head + body
