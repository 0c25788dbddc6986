"""A simulated POS, as the POS side's tests have it."""

from pos_integrations.tests.conftest import pos, start_pos

__all__ = ["pos", "start_pos"]
