"""What a log line never holds: tokens in addresses, however mistyped, and what would be a second line (S13, S29)."""

from __future__ import annotations

import time

import pytest

from ding.logs import on_one_line, without_tokens

PUBLIC, TOKEN = "f" * 32, "CANARY0123456789abcdef0123456789"
OWN = f"/api/webhooks/petpooja/{PUBLIC}/stock"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (f"{OWN}/{TOKEN}", f"{OWN}/•••"),
        (f"{OWN}/{TOKEN}/", f"{OWN}/•••"),
        (f"{OWN}/{TOKEN}/more/{TOKEN}", f"{OWN}/•••"),
        (f"{OWN}?token={TOKEN}", f"{OWN}/•••"),
        (f"/{OWN}/{TOKEN}", f"/{OWN}/•••"),
        (f"https://ding.example.com{OWN}/{TOKEN}", f"https://ding.example.com{OWN}/•••"),
        ("/api/webhooks/petpooja/order-status", "/api/webhooks/petpooja/order-status"),
        (f"/api/webhooks//petpooja/{PUBLIC}/stock/{TOKEN}", "/api/webhooks/•••"),
        (f"/api/webhook/petpooja/{PUBLIC}/stock/{TOKEN}", "/api/webhook/•••"),
        (f"/API/Webhooks/petpooja/{PUBLIC}/stock/{TOKEN}", "/API/Webhooks/•••"),
        (f"/webhooks/petpooja/{PUBLIC}/{TOKEN}", "/webhooks/•••"),
        (f"/api/webhooks/{TOKEN}", "/api/webhooks/•••"),
        (f"/api/webhooks?{TOKEN}", "/api/webhooks/•••"),
        (f"/hooks/{TOKEN}", "/hooks/•••"),
        (f"/{TOKEN}/{TOKEN}", "/•••/•••"),
        ("/api/orders/DABC1234", "/api/orders/DABC1234"),
    ],
)
def test_addresses_of_requests(address, told):
    event = without_tokens(None, "", {"event": f"Not Found: {address}", "request": object()})
    assert event == {"event": f"Not Found: {told}"}


def test_names_of_files_stay_readable():
    text = 'File "/srv/ding/pos_integrations/views/webhooks.py", line 12, in a_function_with_a_very_long_name'
    assert without_tokens(None, "", {"exception": text}) == {"exception": text}


def test_one_event_is_one_line_for_people_too():
    hostile = 'x\n{"event": "forged"}\r\x1b[2J\x9b\u2028\u202e\x00'
    event = on_one_line(None, "", {"event": hostile, "who": hostile, "n": 7, "exception": "a\nb\x1b"})
    for name in ("event", "who"):
        assert event[name].isprintable()
        assert "\\n" in event[name]
    assert (event["n"], event["exception"]) == (7, "a\nb\\x1b")


@pytest.mark.parametrize("word", ["/webhook", "webhook", "/webhooks/", "/", "/webhooks/a"])
def test_a_long_address_costs_no_more_than_its_length(word):
    def cost(times):
        best = 9.0
        for _ in range(3):
            started = time.process_time()
            without_tokens(None, "", {"event": "Not Found: /" + word * times, "request": object()})
            best = min(best, time.process_time() - started)
        return best

    assert cost(16_000) < 80 * max(cost(1_000), 0.00005)
