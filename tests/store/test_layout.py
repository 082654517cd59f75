"""Names of messages (guide, "Email ID format"; reference section 12)."""

from pathlib import PurePath

import pytest

from aimx.store import document, layout


@pytest.mark.parametrize(
    ("subject", "slug"),
    [
        ("Hello World", "hello-world"),
        ("!!!", "no-subject"),
        ("", "no-subject"),
        ("This is a very long subject indeed", "this-is-a-very-long"),
        ("Héllo Wörld!", "héllo-wörld"),
        ("He\u0301llo", "héllo"),
        ("a_b__c", "a-b-c"),
        ("../../etc/passwd", "etc-passwd"),
        ("日本語のメール", "日本語のメール"),
        ("x" * 19 + " y", "x" * 19),
        ("  --lead and trail--  ", "lead-and-trail"),
    ],
)
def test_slug(subject, slug):
    assert layout.slug(subject) == slug


def test_stem_is_utc():
    assert layout.stem(1_741_964_966.9, "Hello World") == "2025-03-14-150926-hello-world"


@pytest.mark.parametrize(("attempt", "stem"), [(1, "s"), (2, "s-2"), (3, "s-3"), (1000, "s-1000")])
def test_numbered(attempt, stem):
    assert layout.numbered("s", attempt) == stem


@pytest.mark.parametrize(("bundle", "path"), [(False, "/d/inbox/ops/s.md"), (True, "/d/inbox/ops/s/s.md")])
def test_message_path(bundle, path):
    assert layout.message_path(PurePath("/d"), "inbox", "ops", "s", bundle) == path


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc", "a\0b", "../x"])
def test_not_a_component(name):
    assert not layout.is_component(name)


@pytest.mark.parametrize("name", ["a", ".a", "...", "a b", "héllo", "-rf"])
def test_component(name):
    assert layout.is_component(name)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('+++\nid = ""\nsubject = "x"\n+++\n', '+++\nid = "s-2"\nsubject = "x"\n+++\n'),
        ('+++\nid = "old"\n+++\n\n+++\nid = ""\n', '+++\nid = "s-2"\n+++\n\n+++\nid = ""\n'),
        ('body\n+++\nid = ""\n', 'body\n+++\nid = ""\n'),
    ],
    ids=["empty", "only the first", "only at the start"],
)
def test_with_id(before, after):
    assert document.with_id(before.encode(), "s-2").decode() == after
