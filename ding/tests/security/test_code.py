"""What may not stand in the code, wherever it is written (S10, S24, S26, S27, S38, S45, S46)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = settings.BASE_DIR
APPS = ("ding", "menus", "orders", "notifications", "pos_integrations")
SOURCES = [
    path
    for app in APPS
    for path in sorted((ROOT / app).rglob("*.py"))
    if "tests" not in path.parts and "migrations" not in path.parts
]
# Where something is compared that strangers send.
PROOFS = [
    path
    for path in SOURCES
    if "signatures" in path.parts
    or path.name in ("signed.py", "door.py", "quickly.py", "keys.py", "operations.py")
]
_SECRET = re.compile(r"signature|token|secret|digest|expected|given|mac\b|proof|hash", re.IGNORECASE)


def calls_in(path: Path) -> set[str]:
    """Dotted names of everything that a file calls."""
    return {
        ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
    }


def test_proofs_are_compared_by_compare_digest_alone():
    assert len(PROOFS) >= 8
    compared = 0
    for path in PROOFS:
        text = path.read_text()
        compared += text.count("compare_digest")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Compare) or not isinstance(
                node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn
            ):
                continue
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Constant) for side in sides):
                continue
            words = [
                side.id
                if isinstance(side, ast.Name)
                else side.attr
                if isinstance(side, ast.Attribute)
                else ""
                for side in sides
            ]
            assert not any(_SECRET.search(word) for word in words), f"{path.name}:{node.lineno}"
    assert compared >= 6


FORBIDDEN = re.compile(
    r"^(?:eval|exec|compile|__import__|mark_safe|SafeString|format_html_lazy|os\.system|os\.popen|subprocess\.\w+|"
    r"(?:c?pickle|marshal|shelve|dill|yaml)\.\w+|.*\.(?:raw|extra)|RawSQL|.*\.mark_safe)$"
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_runs_opens_or_trusts_a_text(path):
    assert {name for name in calls_in(path) if FORBIDDEN.match(name)} == set()


def test_no_template_trusts_a_text():
    templates = [path for app in APPS for path in (ROOT / app).rglob("*.html")]
    assert len(templates) > 20
    for path in templates:
        text = path.read_text()
        assert not re.search(r"\|\s*safe\b|autoescape\s+off|\|\s*safeseq", text), path.name
        # A script of its own on a page would need a hole in the policy; data for scripts stands in attributes.
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", text), path.name
        assert not re.search(r"<[^>]*\son[a-z]+=", re.sub(r"{[%{].*?[%}]}", "", text)), path.name
        # Nor in an expression of the page's library, where escaping for HTML is no help.
        for expression in re.findall(r"""\s(?:x-[\w:.-]+|@[\w.-]+|:[\w-]+)=("[^"]*"|'[^']*')""", text):
            assert "{{" not in expression, (path.name, expression)


def test_messages_sessions_and_bodies_are_json():
    assert settings.CELERY_ACCEPT_CONTENT == ["json"]
    assert settings.CELERY_TASK_SERIALIZER == "json"
    assert settings.SESSION_SERIALIZER == "django.contrib.sessions.serializers.JSONSerializer"
    assert settings.REST_FRAMEWORK["DEFAULT_PARSER_CLASSES"] == ["ding.api.StrictJsonParser"]
    assert settings.CELERY_TASK_IGNORE_RESULT


@pytest.mark.parametrize("name", ["requirements.txt", "requirements/base.txt", "requirements/dev.txt"])
def test_every_dependency_has_one_version_and_its_hashes(name):
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(lines) > 20
    for line in lines:
        assert re.match(r"[A-Za-z0-9._-]+(\[[\w,]+\])?==\S+", line), line[:80]
        assert "--hash=sha256:" in line, line[:80]
    assert not re.search(r"https?://|git\+|--index-url|--trusted-host", text)


def test_nothing_that_is_started_writes_addresses_or_takes_secrets_as_arguments():
    """An access log of the server's own would hold the tokens in addresses; arguments are seen by everybody."""
    for name in ("docker-compose.yml", "Dockerfile", "Makefile"):
        text = (ROOT / name).read_text()
        assert "access-log" not in text
        for line in text.splitlines():
            if re.match(r"\s*(command:|CMD|@?\$\(BIN\))", line):
                assert not re.search(r"PASSWORD|SECRET|TOKEN|_KEY", line.replace("$$REDIS_PASSWORD", "")), (
                    line
                )
