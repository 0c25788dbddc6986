from __future__ import annotations

import json
import re

from django.core.management import call_command


def test_the_schema_is_valid_and_nothing_in_it_is_guessed(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))


def test_the_schema_says_who_may_call_and_how_errors_look(client):
    answer = client.get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"})
    assert answer.status_code == 200
    assert client.get("/api/schema/").status_code == 200
    schema = json.loads(answer.content)
    assert schema["openapi"] == "3.1.1"
    menu = schema["paths"]["/api/restaurants/{restaurant_id}/menu/"]["get"]
    assert set(menu["responses"]) == {"200", "304", "400", "401", "403", "404", "503"}
    assert {"apiKey": []} in menu["security"]
    assert {"staffSession": []} in menu["security"]
    error = schema["components"]["schemas"]["ErrorDetail"]
    assert set(error["properties"]) == {"code", "message", "fields", "request_id"}
    assert schema["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"


def test_the_page_to_try_it_needs_no_other_host(client, db):
    for address in ("/api/docs", "/api/docs/"):
        answer = client.get(address)
        assert answer.status_code == 200
        page = answer.content.decode()
        sources = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert len(sources) >= 3
        assert all(source.startswith("/") for source in sources)
        for source in sources:
            found = client.get(source)
            assert found.status_code == 200, source
            found.close()
