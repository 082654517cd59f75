"""One member of somebody's JSON5 is changed and nothing else; json5 of PyPI reads what came out."""

import json

import json5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx.errors import Refused
from aimx.integrations.json5 import get, put, remove

ENTRY = {"command": "/usr/local/bin/aimx", "args": ["mcp"]}
PATH = ("mcpServers", "aimx")
ADDED = {
    "blank": ("", '{\n  "mcpServers": {\n    "aimx": 1\n  }\n}\n'),
    "blanks": (" \n\n", '{\n  "mcpServers": {\n    "aimx": 1\n  }\n}\n'),
    "only-a-comment": ("// mine\n", '// mine\n{\n  "mcpServers": {\n    "aimx": 1\n  }\n}\n'),
    "empty": ("{}", '{\n  "mcpServers": {\n    "aimx": 1\n  }\n}'),
    "no-servers": ('{\n\t"a": [1, 2]\n}\n', '{\n\t"a": [1, 2],\n\t"mcpServers": {\n\t\t"aimx": 1\n\t}\n}\n'),
    "one-line": ('{"mcpServers": {"x": {}}}', '{"mcpServers": {"x": {}, "aimx": 1}}'),
    "one-line-comma": ("{mcpServers: {x: {}, }}", '{mcpServers: {x: {}, "aimx": 1 }}'),
    "one-line-comment": ("{mcpServers: {x: 1 /* one */ }}", '{mcpServers: {x: 1, /* one */ "aimx": 1 }}'),
    "empty-servers": ('{\n  "mcpServers": {}\n}', '{\n  "mcpServers": {\n    "aimx": 1\n  }\n}'),
    "comment-at-the-end": (
        "{\n  mcpServers: {\n    x: 1 // last, no comma\n    // more\n  }, // end\n}\n",
        '{\n  mcpServers: {\n    x: 1, // last, no comma\n    // more\n    "aimx": 1\n  }, // end\n}\n',
    ),
    "trailing-comma": (
        "{\n    'mcpServers': {\n        x: 1,\n    },\n}",
        "{\n    'mcpServers': {\n        x: 1,\n        \"aimx\": 1\n    },\n}",
    ),
    "crlf": ('{\r\n  "mcpServers": {\r\n    "x": 1\r\n  }\r\n}', None),
    "replaced": ('{"mcpServers": {/* a */ "aimx": {"old": true} /* b */, "z": 1}}', None),
    "escaped-key": ("{\"mcp\\u0053ervers\": {'aim\\x78': 5}}", "{\"mcp\\u0053ervers\": {'aim\\x78': 1}}"),
    "numbers": ("{a: [+1, .5, 5., 0xfF, -Infinity, NaN, 1e3], b: null}", None),
    "a-byte-order-mark": ('\ufeff{"a": 1}', None),
    "carriage-returns": ("{a: 1, // x\r mcpServers: {b: 1 // y\r}}", None),
}


@pytest.mark.parametrize("name", ADDED)
def test_put(name):
    text, expected = ADDED[name]
    found = put(text, PATH, 1)
    if expected is not None:
        assert found == expected
    wanted = json5.loads(text.lstrip("\ufeff")) if name not in ("blank", "blanks", "only-a-comment") else {}
    wanted.setdefault("mcpServers", {})["aimx"] = 1
    assert repr(json5.loads(found.lstrip("\ufeff"))) == repr(wanted)
    assert get(found, PATH) == "1"


def test_ends_of_lines_are_those_of_the_text():
    for text in ('{\r\n  "mcpServers": {\r\n  }\r\n}\r\n', '{\r\n  "mcpServers": {\r\n    "aimx": 1\r\n  }\r\n}'):
        found = put(text, PATH, ENTRY)
        assert found.count("\n") == found.count("\r\n") > text.count("\n")


def test_a_string_that_goes_on_after_a_line_of_windows():
    assert get("{mcpServers: {x: 'a\\\r\nb', aimx: 1}}", PATH) == "1"


REMOVED = {
    "only-one": ('{\n  "mcpServers": {\n    "aimx": 1\n  }\n}', '{\n  "mcpServers": {\n  }\n}'),
    "last": ('{"mcpServers": {"x": 2, "aimx": 1}}', '{"mcpServers": {"x": 2 }}'),
    "first": ('{"mcpServers": {"aimx": 1, "x": 2}}', '{"mcpServers": { "x": 2}}'),
    "after-a-comment": ('{a: 1, mcpServers: {// c\n"aimx":null}}', "{a: 1, mcpServers: {// c\n}}"),
    "its-own-line": (
        '{\n  "mcpServers": {\n    "x": 1,\n    "aimx": 1\n  }\n}\n',
        '{\n  "mcpServers": {\n    "x": 1\n  }\n}\n',
    ),
    "comments-stay": (
        "{mcpServers: {\n  x: 1, // x\n  aimx: 1,\n  // after\n}}",
        "{mcpServers: {\n  x: 1, // x\n  // after\n}}",
    ),
    "absent": ('{"a": 1}', '{"a": 1}'),
    "no-servers": ("", ""),
}


@pytest.mark.parametrize("name", REMOVED)
def test_remove(name):
    text, expected = REMOVED[name]
    assert remove(text, PATH) == expected


REFUSED = {
    "array": ("[]", "the whole is no object (line 1)"),
    "servers-no-object": ('{\n"mcpServers": []}', "mcpServers is no object (line 2)"),
    "twice": ('{"mcpServers": {}, mcpServers: {}}', "mcpServers stands there twice (line 1)"),
    "garbage": ("{]", 'line 1: "]" is not expected'),
    "cut-off": ('{"a": {', "line 1: it ends too early"),
    "string": ('{"a": "b\n"}', "line 1: a string does not end"),
    "word": ("{a: yes}", 'line 1: "y" is not expected'),
    "more": ("{}{}", 'line 1: "{" is not expected'),
    "deep": ("{a:" + "[" * 100, "line 1: nested deeper than 60 levels"),
    "comment": ("{/* ", 'line 1: "/" is not expected'),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    text, reason = REFUSED[name]
    with pytest.raises(Refused) as caught:
        put(text, PATH, ENTRY)
    assert caught.value.reason == reason


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
gaps = st.sampled_from(["", " ", "\n", "\n  ", "// c\n", "/* c, } */", "\r\n\t", " /**/ // x\n"])


@st.composite
def written(draw, value):
    """JSON5 that says this."""
    gap = draw(gaps)
    if isinstance(value, dict):
        parts = [f"{draw(gaps)}{_key(draw, key)}{draw(gaps)}:{draw(written(one))}" for key, one in value.items()]
        return f"{gap}{{{','.join(parts)}{_comma(draw, parts)}{draw(gaps)}}}{draw(gaps)}"
    if isinstance(value, list):
        parts = [draw(written(one)) for one in value]
        return f"{gap}[{','.join(parts)}{_comma(draw, parts)}{draw(gaps)}]{draw(gaps)}"
    return f"{gap}{json.dumps(value, ensure_ascii=False)}{draw(gaps)}"


def _key(draw, key):
    if key.isascii() and key.isalpha() and draw(st.booleans()):
        return key
    return json.dumps(key, ensure_ascii=False)


def _comma(draw, parts):
    return "," if parts and draw(st.booleans()) else ""


documents = st.dictionaries(st.text(max_size=5), values, max_size=3).flatmap(
    lambda others: (
        st.none().map(lambda _: others)
        | st.dictionaries(st.text(max_size=5) | st.just("aimx"), values, max_size=3).map(
            lambda servers: {**others, "mcpServers": servers}
        )
    )
)


@given(st.data())
def test_whatever_is_there_stays_and_ours_is_added_and_goes(data):
    document = data.draw(documents)
    text = data.draw(written(document))
    found = put(text, PATH, ENTRY)
    servers = {**document.get("mcpServers", {}), "aimx": ENTRY}
    assert json5.loads(found) == {**document, "mcpServers": servers}
    assert put(found, PATH, ENTRY) == found
    gone = remove(found, PATH)
    del servers["aimx"]
    assert json5.loads(gone) == {**document, "mcpServers": servers}


@given(st.data())
def test_strict_json_stays_strict(data):
    document = data.draw(documents)
    text = json.dumps(document, indent=data.draw(st.sampled_from([None, 2, 4, "\t"])))
    found = put(text, PATH, ENTRY)
    assert json.loads(found)["mcpServers"]["aimx"] == ENTRY
    json.loads(remove(found, PATH))


@given(st.text(alphabet="{}[]:,'\"/*a \n\\", max_size=40))
def test_anything_is_edited_or_refused(text):
    try:
        found = put(text, PATH, ENTRY)
    except Refused:
        return
    assert json5.loads(found)["mcpServers"]["aimx"] == ENTRY
