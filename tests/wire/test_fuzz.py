"""The one invariant of AIMX/1: any octets are a request (an answer) or a WireError, the same one in any pieces.

The dictionary and the frames are derived from the table of verbs.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from aimx import limits
from aimx.errors import WireCode
from aimx.wire import answers, codec, frames
from aimx.wire.frames import Header, Response, Shape
from tests.wire.feed import an_answer_or_an_error, outcome

WORDS = [b"AIMX/1 ", b"\n", b"\r\n", b"\n\n", b":", b": ", b" ", b"0", b"3", b"+2", b"abc", b'{"name": "a"}', b"13"]
WORDS += [b"true", b"false", b"\0", b"\xff", b"X: y\n", b"26214401"]
WORDS += [shape.verb.encode() for shape in frames.SHAPES]
WORDS += [b"AIMX/1 " + shape.verb.encode() + b"\n" for shape in frames.SHAPES]
NAMES = {header.name.encode() for shape in frames.SHAPES for header in shape.headers}
NAMES |= {name.encode() for shape in frames.SHAPES for name, _ in shape.refused}
LINES = [name + b": " + value + b"\n" for name in sorted(NAMES) for value in (b"a", b"2", b"true")]
ANSWERED = [b"AIMX/1 OK", b"AIMX/1 OK ", b"AIMX/1 ERR ", b"Code: ", b"Content-Length: ", b"<a@b>"]
ANSWERED += [code.encode() for code in WireCode]


def pieces(*dictionaries: list[bytes]):
    words = st.sampled_from([word for dictionary in dictionaries for word in dictionary])
    return st.lists(words | st.binary(max_size=12), max_size=14).map(b"".join)


def likely():
    """Octets that are nearly a frame."""
    start = st.sampled_from(frames.SHAPES).map(lambda shape: b"AIMX/1 " + shape.verb.encode() + b"\n")
    headers = st.lists(st.sampled_from(LINES), max_size=5, unique=True).map(b"".join)
    return st.tuples(start, headers, pieces(WORDS)).map(b"".join)


@settings(max_examples=500, deadline=None)
@given(pieces(WORDS, LINES) | likely(), st.integers(1, 40))
def test_octets_are_a_request_or_an_error_the_same_in_any_pieces(octets, step):
    found = outcome(octets, step)
    assert found == outcome(octets, len(octets) + 1)
    kind, value = found
    if kind in frames.BY_FRAME:
        assert outcome(codec.encode_request(value), step) == found


def values_of(header: Header):
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), min_size=1, max_size=20)
    return {
        "text": text.map(str.strip).filter(bool),
        "owner": st.from_regex(r"[a-z_][a-z0-9_-]{0,30}[$]?", fullmatch=True),
        "flag": st.booleans(),
        "choice": st.booleans(),
        "number": st.integers(0, limits.HEADER_NUMBER_MAX),
        "body": st.binary(max_size=50),
    }[header.reading]


def frame(shape: Shape):
    """Any frame of a verb that a client can send."""
    fields = {header.attribute: header for header in shape.headers if header.attribute}
    required = {name: values_of(header) for name, header in fields.items() if header.required}
    optional = {name: values_of(header) for name, header in fields.items() if not header.required}
    values = st.fixed_dictionaries(required, optional=optional)
    if shape.exclusive:
        first, second, _ = shape.exclusive
        values = values.filter(lambda given: not (given.get(first) and second in given))
    return values.map(lambda given: shape.frame(**given))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(frames.SHAPES).flatmap(frame), st.integers(1, 60))
def test_what_is_written_is_what_is_read(request, step):
    assert outcome(codec.encode_request(request), step) == (type(request), request)


@settings(max_examples=300, deadline=None)
@given(pieces(ANSWERED, WORDS) | st.tuples(st.sampled_from(ANSWERED), pieces(ANSWERED, WORDS)).map(b"".join))
def test_octets_are_an_answer_or_an_error(octets):
    an_answer_or_an_error(octets)


ANYTHING = st.tuples(st.text(min_size=1, max_size=8), st.integers(0, 3) | st.integers(1000, 9000)).map(
    lambda it: it[0] * it[1]
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(WireCode)), ANYTHING)
def test_any_error_can_be_told(code, reason):
    told = answers.decode_response(answers.encode_response(Response("error", code=code, reason=reason)))
    assert (told.kind, told.code) == ("error", code)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100))
def test_any_body_can_be_answered(body):
    response = Response("json", body=body)
    assert answers.decode_response(answers.encode_response(response)) == response
