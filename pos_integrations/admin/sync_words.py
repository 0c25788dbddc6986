"""One past sync in words: who asked, what came of it, what was left out."""

from __future__ import annotations

from typing import Any

from pos_integrations.models import MenuSyncHistory

_ASKED = {
    "admin": "staff",
    "api": "the API",
    "command": "a command",
    "schedule": "the clock",
    "webhook": "the POS",
}
_KINDS = {
    "items": ("dish", "dishes"),
    "categories": ("heading", "headings"),
    "variations": ("size", "sizes"),
    "addon_groups": ("add-on group", "add-on groups"),
    "addon_items": ("add-on", "add-ons"),
    "taxes": ("tax", "taxes"),
    "discounts": ("discount", "discounts"),
}
_DONE = {"added": "new", "changed": "changed", "deactivated": "gone"}


def sync_in_words(sync: MenuSyncHistory) -> dict[str, Any]:
    """`result`, `asked`, `took`, and `problems`: where, what was found, what was done."""
    problems = [problem_in_words(error) for error in sync.errors]
    held = any(done.startswith("held") for _, _, done in problems)
    if held:
        result = "Held: it looks like an accident"
    elif sync.status == MenuSyncHistory.Status.FAILED:
        result = "Failed"
    else:
        result = changes_in_words(sync.changes) or "Nothing had changed"
    took = (sync.completed_at - sync.started_at).total_seconds() if sync.completed_at else None
    return {
        "result": result,
        "held": held,
        "asked": _ASKED.get(sync.trigger, sync.trigger),
        "took": f"{took:.1f} s" if took is not None else "",
        "problems": problems,
    }


def changes_in_words(changes: Any) -> str:
    """`2 dishes new, 1 changed; 1 tax gone`; empty: nothing."""
    parts = []
    for kind, counts in (changes or {}).items():
        one, many = _KINDS.get(kind, (kind, kind))
        told = [(counts.get(key, 0), word) for key, word in _DONE.items() if counts.get(key)]
        if told:
            first, *rest = told
            words = [f"{first[0]} {one if first[0] == 1 else many} {first[1]}"]
            parts.append(", ".join(words + [f"{count} {word}" for count, word in rest]))
    return "; ".join(parts)


def for_staff(text: str) -> str:
    """The guard's words, without what only the API and the command can do about it."""
    return text.removesuffix("If that is meant, sync again with force.").rstrip()


def problem_in_words(error: Any) -> tuple[str, str, str]:
    """One error of a sync: where, what, what was done. Rows from elsewhere may hold anything."""
    if not isinstance(error, dict):
        return "", str(error), ""
    where = " ".join(str(error[name]) for name in ("kind", "external_id", "field") if error.get(name))
    return where, for_staff(str(error.get("found", ""))), str(error.get("done", ""))
