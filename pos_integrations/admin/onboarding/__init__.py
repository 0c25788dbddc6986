"""Connecting a restaurant in one guided flow: steps that can be left and resumed, their state read from the rows."""

from pos_integrations.admin.onboarding.pages import urls

__all__ = ["urls"]
