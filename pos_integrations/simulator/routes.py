"""Routes: which address means what, and what PetPooja's gateway answers when it means nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pos_integrations.simulator.control import Control
from pos_integrations.simulator.pages import page
from pos_integrations.simulator.wire import Answer, Reply, Request

if TYPE_CHECKING:
    from pos_integrations.simulator.pos import SimulatedPos

FORBIDDEN = Answer.json({"message": "Forbidden"}, 403)
NOT_FOUND = Answer.json({"message": "Not Found"}, 404)
NOT_ALLOWED = Answer.json({"message": "Method Not Allowed"}, 405, (("Allow", "POST"),))
UNSUPPORTED = Answer.json({"message": "Unsupported Media Type"}, 415)


class Routes:
    """Callable: a request in, a reply out."""

    def __init__(self, pos: SimulatedPos) -> None:
        self._base = pos.base_path
        self._control = Control(pos)
        self._calls = {
            "/mapped_restaurant_menus": pos.fetch_menu,
            "/save_order": pos.save_order,
            "/update_order_status": pos.update_order_status,
            "/rider_status_update": pos.rider_status_update,
        }

    def __call__(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path.startswith("/_sim/"):
            return self._control(request)
        if request.method == "GET" and (answer := page(request.path)):
            return Reply(answer)
        path = request.path
        if not path.startswith(f"{self._base}/"):
            # The gateway minds the case of its stage: /v1/ is forbidden, not unknown.
            return Reply(
                FORBIDDEN if path.lower().startswith((f"{self._base.lower()}/", "/v1/")) else NOT_FOUND
            )
        path = path.removeprefix(self._base)
        if path.startswith("/v1/"):
            return Reply(FORBIDDEN, "the stage is /V1, not /v1")
        call = self._calls.get(path.removeprefix("/V1"))
        if call is None:
            return Reply(NOT_FOUND)
        if request.method != "POST":
            return Reply(NOT_ALLOWED)
        if request.headers.get_content_type() != "application/json":
            return Reply(UNSUPPORTED)
        try:
            body: Any = json.loads(request.body)
        except (ValueError, RecursionError):
            return Reply(UNSUPPORTED, "not JSON")
        return call(request, body)
