"""Configuring an integration: read it, write it, test it, rotate its webhook secret."""

from __future__ import annotations

import datetime as dt

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ding import audit
from ding.errors import NotFound
from menus.models import Restaurant
from pos_integrations import configuration, health
from pos_integrations.models import RestaurantPosIntegration
from pos_integrations.serializers import (
    IntegrationInput,
    IntegrationOutput,
    NewSecretOutput,
    RotateInput,
    TestOutput,
)


def visible_restaurant(view: APIView, request: Request, restaurant_id: int) -> Restaurant:
    """The restaurant, if the caller sees it; a foreign one is as missing as none."""
    restaurant = Restaurant.objects.filter(pk=restaurant_id).first()
    if restaurant is None:
        raise NotFound
    view.check_object_permissions(request, restaurant)
    return restaurant


def visible_integration(
    view: APIView, request: Request, restaurant_id: int, provider_name: str | None = None
) -> RestaurantPosIntegration:
    """The integration of a restaurant that the caller sees."""
    visible_restaurant(view, request, restaurant_id)
    return configuration.integration_of(restaurant_id, provider_name)


def _output(integration: RestaurantPosIntegration) -> dict[str, object]:
    return IntegrationOutput(
        {
            "restaurant_id": integration.restaurant_id,
            "provider_name": integration.pos_provider.provider_name,
            "pos_restaurant_id": integration.pos_restaurant_id,
            "base_url": integration.endpoint or integration.pos_provider.base_api_url,
            "active": integration.active,
            "problem": integration.problem,
            "settings": configuration.describe(integration),
            "webhook_urls": configuration.webhook_urls(integration),
            "webhook_modes": configuration.webhook_modes(integration),
        }
    ).data


class PosConfigView(APIView):
    """The merged configuration of one restaurant at one provider."""

    scopes = {"GET": "integrations:read"}

    @extend_schema(responses=IntegrationOutput)
    def get(self, request: Request, restaurant_id: int, provider_name: str) -> Response:
        """Each value with where it comes from; secrets masked."""
        return Response(_output(visible_integration(self, request, restaurant_id, provider_name)))


class IntegrationView(APIView):
    """Create or update a restaurant's integration."""

    scopes = {"POST": "integrations:write"}

    @extend_schema(request=IntegrationInput, responses={200: IntegrationOutput, 201: IntegrationOutput})
    def post(self, request: Request, restaurant_id: int) -> Response:
        """201 when it is new. Errors name the field and its rule; then nothing is saved."""
        restaurant = visible_restaurant(self, request, restaurant_id)
        given = IntegrationInput(data=request.data)
        given.is_valid(raise_exception=True)
        integration, created = configuration.save_integration(restaurant=restaurant, **given.validated_data)
        return Response(_output(integration), 201 if created else 200)


class TestIntegrationView(APIView):
    """Call the POS and say what works."""

    costly = True
    scopes = {"POST": "integrations:write"}

    @extend_schema(request=None, responses=TestOutput)
    def post(self, request: Request, restaurant_id: int) -> Response:
        """Each check in words, with what to do where it fails."""
        integration = visible_integration(self, request, restaurant_id)
        findings = health.check_connection(integration)
        return Response(TestOutput({"ok": all(f.ok for f in findings), "findings": findings}).data)


class RotateSecretView(APIView):
    """A new webhook secret beside the old one."""

    scopes = {"POST": "integrations:write"}

    @extend_schema(request=RotateInput, responses={201: NewSecretOutput})
    def post(self, request: Request, restaurant_id: int, provider_name: str) -> Response:
        """The secret is in this answer and never shown again; the old ones end after the overlap."""
        integration = visible_integration(self, request, restaurant_id, provider_name)
        given = RotateInput(data=request.data)
        given.is_valid(raise_exception=True)
        overlap = dt.timedelta(hours=given.validated_data["overlap_hours"])
        new = configuration.rotate_secret(integration, overlap=overlap)
        audit.record("rotated the webhook secret", integration)
        response = Response(NewSecretOutput(new).data, 201)
        response["Cache-Control"] = "no-store"
        return response
