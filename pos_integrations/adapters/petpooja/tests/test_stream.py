"""A document read a piece at a time says what it says when it is read whole, wherever the pieces end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pos_integrations.adapters.petpooja.menu import stream
from pos_integrations.adapters.petpooja.menu.document import load
from pos_integrations.adapters.petpooja.menu.stream import members
from pos_integrations.adapters.petpooja.schema.lenient import Spoilt

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def read(raw: bytes, piece: int, **rows: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "PIECE", piece)
        return members(raw, json.JSONDecoder(), rows)


@settings(max_examples=150, deadline=None)
@given(
    document=st.dictionaries(st.text(max_size=5), VALUES, max_size=5),
    piece=st.integers(1, 40),
    indent=st.sampled_from([None, 1]),
    escaped=st.booleans(),
)
def test_pieces_make_no_difference(document, piece, indent, escaped):
    text = json.dumps(document, indent=indent, ensure_ascii=escaped)
    assert read(text.encode(), piece) == document


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1000])
def test_numbers_and_words_may_be_cut_anywhere(piece):
    text = '\ufeff {"a" : 12345, "b":-1.5e+3 ,"c":[true,false, null],"d":"₹ 🍕 \\ud83c\\udf55", "a": 7 } \n'
    assert read(text.encode(), piece) == {"a": 7, "b": -1500.0, "c": [True, False, None], "d": "₹ 🍕 🍕"}


@pytest.mark.parametrize("piece", [1, 7, 1000])
@pytest.mark.parametrize(
    "text",
    ['{"a":1,}', '{"a" 1}', '{"a":1} x', '{"a":[1 2]}', '{"a":[1,]}', '{"a":', "{1:2}", '{"a":1 "b":2}']
    + ["", "{", '{"a":tru}', '{"a":"x', '{"rows":[{"a":1}', '{"rows":[{"a":1}}', '{"a":1}}', "{'a':1}"],
)
def test_what_is_no_json_is_refused(text, piece):
    with pytest.raises(ValueError, match="was expected where there is"):
        read(text.encode(), piece, rows=dict)


def test_rows_are_made_as_they_come_and_other_values_left_as_they_are():
    made = []
    found = read(b'{"rows": [1, [2], {"a": 3}], "others": [4]}', 4, rows=made.append, others=str)
    assert made == [1, [2], {"a": 3}]
    assert found == {"rows": [None, None, None], "others": ["4"]}
    assert read(b'{"rows": {"0": 1}}', 4, rows=str) == {"rows": {"0": 1}}
    assert read(b"[1, 2]", 4) is None


def test_a_row_is_read_and_what_is_wrong_in_it_kept_for_the_report():
    content = load(b'{"items": [{"itemid": 1, "itemname": "Rice", "itemrank": "x"}, {"itemname": "Dal"}, 5]}')
    rank, nameless, number = content["items"]
    assert isinstance(rank, Spoilt)
    assert (rank.row.itemid, rank.row.itemrank) == ("1", None)
    assert rank.lines == [("itemrank", "x", "ignored (is not a number)")]
    assert (nameless.row, nameless.lines) == (None, [("itemid", "nothing", "left out (is missing)")])
    assert (number.row, number.lines) == (None, [("", "5", "left out (is not an object)")])
