"""Words for the cockpit's pages."""

from __future__ import annotations

import re

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString

from pos_integrations.readable import answer

register = template.Library()


@register.filter
def readable(text: str) -> SafeString:
    """What was sent or received, masked, as a tree."""
    return answer(text)


@register.filter
def telephone(number: str) -> str:
    """For a `tel:` link."""
    return re.sub(r"[^0-9+]", "", number)


@register.filter
def in_words(word: str) -> str:
    """DINE_IN → Dine in; what is short enough to be an abbreviation stays."""
    return word if len(word) <= 4 else word.replace("_", " ").capitalize()


@register.simple_tag
def admin_page(name: str, pk: int) -> str:
    """The address of a page of the admin."""
    return reverse(f"admin:{name}", args=[pk])
