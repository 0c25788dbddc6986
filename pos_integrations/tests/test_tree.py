"""The source tree itself: where a provider's name may stand, and that every setting is explained."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pos_integrations.adapters.registry import ADAPTERS

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("ding", "menus", "orders", "notifications", "pos_integrations")

# Where it is plain that one provider is meant. Everything else is the same for each of them.
MAY_NAME_A_PROVIDER = re.compile(
    r"pos_integrations/(adapters/(petpooja/|registry\.py)|simulator/)|ding/(settings|demo)\.py|.*/(tests|migrations)/"
)


def test_no_provider_is_named_where_all_are_meant():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for app in APPS
        for path in sorted((ROOT / app).rglob("*.py"))
        if not MAY_NAME_A_PROVIDER.match(str(path.relative_to(ROOT)))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for slug in ADAPTERS
        if slug in line.lower()
    ]
    assert found == []


def test_every_variable_that_is_read_is_explained_and_none_else():
    settings = (ROOT / "ding/settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r"\b(?:env(?:\.\w+)?|required|number)\(\s*\"([A-Z][A-Z0-9_]*)\"", settings))
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    explained = re.findall(r"^#?([A-Z][A-Z0-9_]*)=", example, re.MULTILINE)
    assert len(read) > 20
    assert sorted(explained) == sorted(read)


def test_imports_run_downward():
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
