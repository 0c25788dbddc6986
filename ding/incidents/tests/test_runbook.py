from __future__ import annotations

import re

import pytest
from django.conf import settings

from ding.incidents.kinds import KINDS
from ding.incidents.wording import RUNBOOK


@pytest.fixture(scope="module")
def sections():
    text = (settings.BASE_DIR / RUNBOOK).read_text()
    return {m[1]: m[2] for m in re.finditer(r"^### ([a-z-]+)\n(.*?)(?=^##|\Z)", text, re.M | re.S)}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_has_a_section_in_the_runbook(kind, sections):
    assert len(sections[kind].split()) >= 12


def test_every_link_inside_the_runbook_leads_somewhere():
    text = (settings.BASE_DIR / RUNBOOK).read_text()
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-")
        for head in re.findall(r"^#+ (.*)$", text, re.M)
    }
    assert [link for link in re.findall(r"\]\(#([^)]+)\)", text) if link not in anchors] == []


def test_a_kind_is_told_in_whole_sentences():
    for kind in KINDS.values():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+", kind.slug)
        for words in (kind.guests, kind.todo):
            assert words[0].isupper(), kind.slug
            assert words.endswith("."), kind.slug
        assert not kind.button.endswith(".")
