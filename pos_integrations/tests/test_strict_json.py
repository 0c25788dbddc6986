"""Bytes from a stranger: a JSON value that every database takes, or one named error."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pos_integrations import strict_json
from pos_integrations.errors import MalformedPayload

NESTED_20 = b"[" * 20 + b"]" * 20
BIG = "1" * 40


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a":[1,2.5,"x",true,false,null]}', {"a": [1, 2.5, "x", True, False, None]}),
        (b' \t\r\n{"a" : 1 } \n', {"a": 1}),
        (b'{"":{"":""}}', {"": {"": ""}}),
        (b'"\\u00e9\\ud83d\\ude00\\/\\\\\\""', 'é😀/\\"'),
        ('{"a":"é😀"}'.encode(), {"a": "é😀"}),
        (b'"\\\\ud800"', "\\ud800"),
        (b"-0", 0),
        (b"1E3", 1000.0),
        (b"1e-9", 1e-9),
        (BIG.encode(), int(BIG)),
        (NESTED_20, None),
        (b'"' + b"[" * 1000 + b'"', "[" * 1000),
        (b'"\\"' + b"[" * 1000 + b'"', '"' + "[" * 1000),
        (b"[" + b"[]," * 1000 + b"[]]", [[]] * 1001),
    ],
)
def test_json_is_read(raw, value):
    assert strict_json.parse(raw) == (json.loads(raw) if value is None else value)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not valid JSON"),
        (b" ", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"{'a':1}", "not valid JSON"),
        (b'{"a":1,}', "not valid JSON"),
        (b'{"a":1}x', "not valid JSON"),
        (b'{"a":1}{"a":1}', "not valid JSON"),
        (b'{"a":NaN}', "NaN is not JSON"),
        (b"Infinity", "Infinity is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"1e400", "a number is too large"),
        (b"-1e400", "a number is too large"),
        (b'{"a":1,"a":2}', "the key 'a' is there twice"),
        (b'{"a":1,"\\u0061":2}', "the key 'a' is there twice"),
        (b'{"x":{"a":1,"b":2,"b":3}}', "the key 'b' is there twice"),
        (b"[" * 21 + b"]" * 21, "deeper than 20"),
        (b'{"a":' * 21 + b"1" + b"}" * 21, "deeper than 20"),
        (b"[" * 100_000, "deeper than 20"),
        (b'{"a":"' + b'\\"' * 50_000 + b'"}' + b"[" * 50_000, "deeper than 20"),
        ((BIG + "1").encode(), "more than 40 characters"),
        (b"9" * 5000, "more than 40 characters"),
        (b"0." + b"1" * 5000, "more than 40 characters"),
        (b'"\\ud800"', "lone surrogate"),
        (b'{"\\udfff":1}', "lone surrogate"),
        (b'["\\ude00\\ud83d"]', "lone surrogate"),
        (b"\xff\xfe", "not UTF-8"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        (b"\xed\xa0\x80", "not UTF-8"),
        (b'\xef\xbb\xbf{"a":1}', "not valid JSON"),
        (b'"a\x00"', "not valid JSON"),
        (b'"\n"', "not valid JSON"),
        ('{"a":\u0661}'.encode(), "not valid JSON"),
        (b"01", "not valid JSON"),
        (b"+1", "not valid JSON"),
        (b"0x10", "not valid JSON"),
    ],
)
def test_what_is_not_json_is_named(raw, words):
    with pytest.raises(MalformedPayload) as caught:
        strict_json.parse(raw)
    assert words in caught.value.message
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("raw", [b"[]", b"null", b'"x"', b"7", b"true"])
def test_a_body_that_is_no_object_is_refused(raw):
    with pytest.raises(MalformedPayload, match="must be a JSON object"):
        strict_json.parse_object(raw)


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\u0d8NaInfity1e.- ', max_size=200).map(str.encode))
def test_nothing_else_is_ever_raised(raw):
    try:
        value = strict_json.parse(raw)
    except MalformedPayload:
        return
    assert json.loads(json.dumps(value, allow_nan=False).encode()) == value


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**38), 10**38)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), inner)
    ),
    max_leaves=15,
)


@given(_values, st.booleans())
def test_every_plain_value_comes_back(value, ascii_only):
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert strict_json.parse(raw) == value


def test_a_key_that_is_there_twice_is_found_in_one_pass_over_many():
    # Each comparison with each would take minutes, for a stranger's body.
    names = ",".join(f'"{n}":1' for n in range(300_000))
    with pytest.raises(MalformedPayload, match="'299999' is there twice"):
        strict_json.parse(f'{{{names},"299999":1}}'.encode())


# Each of these was, or would be, tried from every one of its characters by a careless expression.
ENDLESS = (
    (b"[" * 21, b'\\"'),
    (b"[" * 21, b'"\\"'),
    (b"[" * 21 + b'"', b"\\\\"),
    (b"[" * 21 + b'"', b'\\"'),
    (b"[" * 21, b'""'),
    (b"[" * 21, b"\\"),
    (b"", b"[]"),
    (b"", b'{"'),
    (b'{"a":"', b"\\ud800"),
    (b"", b" \n"),
    (b"1", b"0"),
    (b"-", b"-"),
)


@pytest.mark.parametrize(
    ("begin", "again"), ENDLESS, ids=[f"{begin[-3:]!r} {again!r}" for begin, again in ENDLESS]
)
def test_the_work_grows_with_the_body_and_not_with_its_square(begin, again):
    def cost(size):
        best = 9.0
        for _ in range(3):
            started = time.process_time()
            for _ in range(3):
                with contextlib.suppress(MalformedPayload):
                    strict_json.parse(begin + again * (size // len(again)))
            best = min(best, time.process_time() - started)
        return best

    # Sixteen times as much takes sixteen times as long; were it the square, 256 times.
    assert cost(64_000) < 80 * max(cost(4_000), 0.00005)
