"""The world, built once for a test."""

from __future__ import annotations

import pytest

from ding.tests.security.world import build


@pytest.fixture
def world(db):
    return build()
