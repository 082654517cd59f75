"""Whatever the octets, reading a configuration gives a Config or ConfigInvalid with one printable line."""

from hypothesis import given, settings
from hypothesis import strategies as st

from aimx.config import load, schema, suggest
from aimx.errors import ConfigInvalid
from aimx.model.config import Config

KEYS = st.sampled_from([*schema.TOP, *schema.MAILBOX, *schema.HOOK, "stdin", "origin", "mailbox", "x", '"a b"', "a.b"])
VALUES = st.recursive(
    st.sampled_from(
        ['"a"', '"/bin/true"', '"agent.test"', '"on_receive"', '"after_send"', "1", "0", "-1", "true", "1.5", "nan",
         "1979-05-27", "1979-05-27T07:32:00Z", "07:32:00", "'''x'''", '"\\u0000"', '"\\n"', "9" * 30, '"*@agent.test"']
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
    | st.lists(st.tuples(KEYS, inner), max_size=3).map(
        lambda pairs: "{" + ", ".join(f"{key} = {value}" for key, value in pairs) + "}"
    ),
    max_leaves=6,
)  # fmt: skip
HEADERS = st.sampled_from(
    ["[mailboxes.ops]", "[mailboxes.b]", "[[mailboxes.ops.hooks]]", "[upgrade]", "[mailboxes]", "[[mailboxes]]", "["]
)
LINES = st.one_of(
    st.tuples(KEYS, VALUES).map(lambda pair: f"{pair[0]} = {pair[1]}"),
    HEADERS,
    st.text(max_size=20),
    st.sampled_from(['domain = "agent.test"', 'address = "ops@agent.test"', 'owner = "ops"']),
)


def _total(octets: bytes) -> None:
    try:
        assert isinstance(load.parse(octets, "config.toml", None), Config)
    except ConfigInvalid as error:
        assert error.reason.isprintable(), error.reason
        assert error.reason.startswith("config.toml: ")


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES, max_size=12))
def test_toml_like_text_loads_or_is_refused(lines):
    _total("\n".join(['domain = "agent.test"', *lines]).encode())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_load_or_are_refused(octets):
    _total(octets)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=12), st.text(max_size=12))
def test_edit_distance_is_symmetric_and_bounded(left, right):
    edits = suggest.distance(left, right)
    assert edits == suggest.distance(right, left)
    assert abs(len(left) - len(right)) <= edits <= max(len(left), len(right))
    assert (edits == 0) == (left == right)
