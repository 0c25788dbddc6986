"""The flow's forms: the restaurant's facts, the POS, and the account's fields as the adapter declares them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms

from menus.admin import RestaurantForm
from pos_integrations import configuration
from pos_integrations.adapters import registry
from pos_integrations.adapters.base import Level, PosAdapter
from pos_integrations.admin.config_form import CLEAR, PREFIX, secret_in_words, with_fields, words
from pos_integrations.admin.integration_form import IntegrationForm
from pos_integrations.configuration import CORE_NAMES
from pos_integrations.models import PosProvider, RestaurantPosIntegration


class FactsForm(RestaurantForm):
    """The restaurant's facts. Whether it takes orders is the last step's business."""

    class Meta(RestaurantForm.Meta):
        fields = ("name", "address", "phone", "email", "timezone", "currency")  # type: ignore[assignment]
        help_texts = {
            **RestaurantForm.Meta.help_texts,
            "name": "As guests and the POS's bills know it.",
            "email": "Alerts about this restaurant go here.",
        }


class ProviderForm(forms.ModelForm):
    """A POS that no restaurant here uses yet."""

    class Meta:
        model = PosProvider
        fields = ("provider_name", "display_name", "base_api_url")
        labels = {"provider_name": "POS", "display_name": "Name here", "base_api_url": "API address"}
        help_texts = {
            "display_name": "How your staff call it.",
            "base_api_url": "For all restaurants that have none of their own: https://host/path.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taken = set(PosProvider.objects.values_list("provider_name", flat=True))
        self.choices = [(slug, label) for slug, label in registry.choices() if slug not in taken]
        self.fields["provider_name"] = forms.ChoiceField(label="POS", choices=self.choices)
        if self.choices:
            adapter = registry.adapter_for(self.choices[0][0])
            self.fields["display_name"].initial = self.choices[0][1]
            if adapter is not None and adapter.endpoint_help:
                self.fields["base_api_url"].help_text = adapter.endpoint_help

    def clean_base_api_url(self) -> str:
        """The same rule as everywhere."""
        url: str = self.cleaned_data["base_api_url"].strip()
        if url and (problem := configuration.check_url(url, "API address")):
            raise forms.ValidationError(problem[1], problem[0])
        return url


class NotShownAgain(forms.Textarea):
    """There may be secrets in it, so no page brings it back."""

    def format_value(self, value: Any) -> str:
        """Nothing."""
        return ""


class AccountForm(IntegrationForm):
    """An account, not live yet. Who has its settings as JSON may paste them; nobody must."""

    as_json = forms.JSONField(required=False, label="Settings as JSON", widget=NotShownAgain)

    class Meta(IntegrationForm.Meta):
        fields = ("pos_restaurant_id", "endpoint")  # type: ignore[assignment]

    def clean_as_json(self) -> Any:
        """One object of fields and values."""
        value = self.cleaned_data["as_json"]
        if value is not None and not isinstance(value, dict):
            raise forms.ValidationError('Give one object: {"field": "value"}.', "object")
        return value

    def given(self) -> dict[str, Any]:
        """What was typed into its field goes before what was pasted."""
        typed = super().given()
        pasted = self.cleaned_data.get("as_json") or {}
        return typed | {name: value for name, value in pasted.items() if typed.get(name) is None}

    def arguments(self) -> dict[str, Any]:
        """A new one is off until it goes live; an old one stays as it is."""
        self.cleaned_data["active"] = None if self.instance.pk else False
        return super().arguments()


@dataclass(frozen=True, slots=True)
class Row:
    """One field ready to be shown: `inherited` beside it, and of a secret how it stands instead of its value."""

    field: forms.BoundField
    help: str
    required: bool = False
    inherited: str = ""
    secret: str = ""
    clear: forms.BoundField | None = None


def account_form(integration: RestaurantPosIntegration, adapter: PosAdapter, data: Any = None) -> AccountForm:
    """The form of an account at this POS; `integration` may be unsaved."""
    own = {**(integration.restaurant_specific_config or {})}
    if integration.api_key:
        own[adapter.api_key_field] = integration.api_key
    made = with_fields(
        AccountForm,
        adapter,
        Level.RESTAURANT,
        own=own,
        context=integration.sealing_context(),
        inherited=configuration.inherited(integration.pos_provider),
    )
    form: Any = made(data, instance=integration)
    form.fields["pos_restaurant_id"].help_text = adapter.external_id_help
    if adapter.endpoint_help:
        form.fields["endpoint"].help_text = f"Only if it is not the provider's own. {adapter.endpoint_help}"
    account: AccountForm = form
    return account


def rows_of(form: AccountForm, integration: RestaurantPosIntegration) -> dict[str, list[Row]]:
    """Its fields in three groups: who the restaurant is there, what the POS needs, how ding deals with it."""
    provider = integration.pos_provider
    inherited = configuration.inherited(provider)
    own = integration.restaurant_specific_config or {}
    context = integration.sealing_context()
    groups: dict[str, list[Row]] = {
        "identity": [
            Row(form["pos_restaurant_id"], str(form.fields["pos_restaurant_id"].help_text), required=True),
            Row(
                form["endpoint"],
                str(form.fields["endpoint"].help_text),
                inherited=provider.base_api_url or "not set",
            ),
        ],
        "needed": [],
        "dealing": [],
    }
    adapter = configuration.adapter_of(provider)
    for declared in form.config_fields:
        name = PREFIX + declared.name
        set_here = own.get(declared.name)
        if declared.name == adapter.api_key_field:
            set_here = integration.api_key or set_here
        from_above = inherited.get(declared.name)
        groups["dealing" if declared.name in CORE_NAMES else "needed"].append(
            Row(
                form[name],
                declared.help,
                required=declared.required and from_above is None,
                inherited=""
                if from_above is None
                else secret_in_words(from_above)
                if declared.secret
                else words(from_above),
                secret=secret_in_words(configuration.masked(set_here, context))
                if declared.secret and set_here
                else "",
                clear=form[name + CLEAR] if name + CLEAR in form.fields else None,
            )
        )
    return groups
