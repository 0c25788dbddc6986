"""Every adapter that ding knows: a written list, one line each."""

from __future__ import annotations

from pos_integrations.adapters.base import PosAdapter
from pos_integrations.adapters.petpooja.adapter import PetPoojaAdapter

ADAPTERS: dict[str, PosAdapter] = {adapter.slug: adapter for adapter in (PetPoojaAdapter(),)}


def adapter_for(slug: str) -> PosAdapter | None:
    """The adapter of that name, if there is one."""
    return ADAPTERS.get(slug)


def choices() -> list[tuple[str, str]]:
    """For forms: a new adapter makes no migration, for Django stores this function's name."""
    return [(adapter.slug, adapter.label) for adapter in ADAPTERS.values()]


def heavy_topics() -> frozenset[str]:
    """Names of the webhooks whose work takes seconds."""
    return frozenset(topic.name for adapter in ADAPTERS.values() for topic in adapter.topics if topic.heavy)
