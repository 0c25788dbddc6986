"""The collector is put off, and always put on again."""

from __future__ import annotations

import gc

import pytest

from ding.garbage import garbage_later


def test_blocks_may_overlap_and_end_as_they_found_it():
    assert gc.isenabled()
    first, second = garbage_later(), garbage_later()
    first.__enter__()
    second.__enter__()
    assert not gc.isenabled()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert gc.isenabled()


def test_an_error_puts_it_on_again():
    with pytest.raises(ValueError, match="x"), garbage_later():
        int("x")
    assert gc.isenabled()
    gc.disable()
    try:
        with garbage_later():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
