"""What OpenAPI says beyond what views say themselves: who may call, and the one shape of errors."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

_error = inline_serializer(
    "Error",
    {
        "error": inline_serializer(
            "ErrorDetail",
            {
                "code": serializers.CharField(),
                "message": serializers.CharField(),
                "fields": serializers.DictField(required=False),
                "request_id": serializers.CharField(),
            },
        )
    },
)


class Schema(AutoSchema):
    """Adds the refusals that every operation may answer with."""

    def get_operation_id(self) -> str:
        """Method and whole path, parameters too: no two operations have the same."""
        return "_".join([self.method.lower(), *re.findall(r"\w+", self.path.removeprefix("/api/"))])

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        # Not `get_response_serializers`: what a view says by `extend_schema` replaces that one.
        refusals = ["400", "401", "403", "404", "503"]
        if self.method == "POST":
            refusals += ["409", "413", "415", "422"]
        bodies = super()._get_response_bodies(direction)
        for code in refusals:
            if code not in bodies:
                bodies[code] = self._get_response_for_code(_error, code, direction=direction)
        return dict(sorted(bodies.items()))


class ApiKeyScheme(OpenApiAuthenticationExtension):
    """Documents the API key."""

    target_class = "ding.api.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A bearer token."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "dk_<prefix>_<secret>"}


class StaffSessionScheme(OpenApiAuthenticationExtension):
    """Documents the admin's session."""

    target_class = "ding.api.StaffSession"
    name = "staffSession"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A cookie."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
