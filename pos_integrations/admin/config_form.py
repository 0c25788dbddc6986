"""Form fields made from an adapter's declared configuration. Secrets go in and never come out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import INPUT_CLASSES, SELECT_CLASSES, SWITCH_CLASSES

from pos_integrations.adapters.base import ConfigField, FieldType, Level, PosAdapter
from pos_integrations.configuration import CORE_NAMES, fields_of, key_field_of, masked
from pos_integrations.http import MASK

_LOOKS = {
    forms.CheckboxInput: SWITCH_CLASSES,
    forms.Select: SELECT_CLASSES,
    forms.widgets.Input: INPUT_CLASSES,
}
PREFIX = "config_"
CLEAR = "_clear"


class ConfigForm(forms.ModelForm):
    """A form with declared fields beside the columns; `with_fields` makes one for an adapter."""

    config_fields: tuple[ConfigField, ...] = ()

    def given(self) -> dict[str, Any]:
        """What was entered, by the field's name. None takes a value away; a secret left blank is not in here."""
        values: dict[str, Any] = {}
        for field in self.config_fields:
            name = PREFIX + field.name
            value = self.cleaned_data.get(name)
            if not field.secret:
                values[field.name] = None if value in (None, "") else value
            elif value:
                values[field.name] = value
            elif self.cleaned_data.get(name + CLEAR):
                values[field.name] = None
        return values

    def clean(self) -> dict[str, Any] | None:
        """A secret is either replaced or cleared."""
        cleaned = super().clean()
        for field in self.config_fields:
            name = PREFIX + field.name
            if field.secret and self.cleaned_data.get(name) and self.cleaned_data.get(name + CLEAR):
                self.add_error(name, "Give a new value or clear it, not both.")
        return cleaned

    def add_errors(self, errors: Mapping[str, list[dict[str, Any]]]) -> None:
        """Each at its field; `errors` as the configuration reports them."""
        for name, problems in errors.items():
            place = next((n for n in (PREFIX + name.split(".")[-1], name) if n in self.fields), None)
            for problem in problems:
                self.add_error(place, problem["message"])


def with_fields(
    form: type[ConfigForm],
    adapter: PosAdapter,
    level: Level,
    *,
    own: Mapping[str, Any],
    context: str,
    inherited: Mapping[str, Any],
) -> type[ConfigForm]:
    """`form` with a field for all that may be set at `level`.

    `own`: what is set here, its secrets bound to `context`. `inherited`: what holds where nothing is set.
    """
    declared = fields_of(adapter)
    if level is Level.RESTAURANT and key_field_of(adapter) not in declared:
        declared = (key_field_of(adapter), *declared)
    fields = tuple(field for field in declared if field.level in (level, Level.BOTH))
    attributes: dict[str, Any] = {"config_fields": fields}
    for field in fields:
        name, value = PREFIX + field.name, own.get(field.name)
        attributes[name] = _form_field(field, level, value, context, inherited.get(field.name))
        if field.secret and value not in (None, ""):
            attributes[name + CLEAR] = forms.BooleanField(required=False, label=f"Clear {field.label}")
    return type(form.__name__, (form,), attributes)


def dressed(form: type[ConfigForm]) -> type[ConfigForm]:
    """`form` with its declared fields in the looks of the admin's own."""
    for name, field in form.base_fields.items():
        if name.startswith(PREFIX):
            kind = type(field.widget)
            looks = next((classes for base, classes in _LOOKS.items() if issubclass(kind, base)), ())
            field.widget.attrs["class"] = " ".join(looks)
            field.widget.attrs.pop("size", None)
    return form


def fieldsets(form: type[ConfigForm]) -> list[tuple[str, dict[str, Any]]]:
    """Two groups: what the POS needs, and what ding does with it."""
    groups: dict[str, list[Any]] = {"What the POS needs": [], "How ding deals with it": []}
    for field in form.config_fields:
        name = PREFIX + field.name
        rows = [row for row in (name, name + CLEAR) if row in form.base_fields]
        groups["How ding deals with it" if field.name in CORE_NAMES else "What the POS needs"] += rows
    return [(title, {"fields": rows}) for title, rows in groups.items() if rows]


def _form_field(field: ConfigField, level: Level, value: Any, context: str, inherited: Any) -> forms.Field:
    common: dict[str, Any] = {
        "label": field.label,
        "required": False,
        "help_text": " ".join(filter(None, (field.help, _inherited(field, level, inherited)))),
    }
    if field.secret:
        attributes = {
            "placeholder": _secret_state(value, context),
            "autocomplete": "new-password",
            "size": 50,
        }
        return forms.CharField(**common, widget=forms.PasswordInput(attributes, render_value=False))
    common["initial"] = value
    if field.type is FieldType.INTEGER:
        limits = {"min": field.minimum, "max": field.maximum}
        limits = {name: limit for name, limit in limits.items() if limit is not None}
        return forms.IntegerField(**common, widget=forms.NumberInput(limits))
    if field.type is FieldType.BOOLEAN:
        common["initial"] = "" if value in (None, "") else str(value).lower() in ("true", "1")
        return forms.TypedChoiceField(
            **common,
            choices=[("", f"not set here ({words(inherited)})"), (True, "yes"), (False, "no")],
            coerce=lambda text: text == "True",
            empty_value=None,
        )
    if field.type is FieldType.CHOICE:
        blank = ("", f"not set here ({words(inherited)})")
        return forms.ChoiceField(**common, choices=[blank, *((choice, choice) for choice in field.choices)])
    return forms.CharField(**common, max_length=500, widget=forms.TextInput({"size": 50}))


def _inherited(field: ConfigField, level: Level, inherited: Any) -> str:
    if inherited is None and field.required:
        return "Required." if level is Level.RESTAURANT else "Required here, or at each restaurant."
    if inherited is None:
        return ""
    return f"Inherited: {secret_in_words(inherited) if field.secret else words(inherited)}."


def _secret_state(value: Any, context: str) -> str:
    return secret_in_words(masked(value, context))


def secret_in_words(shown: Any) -> str:
    """What may be told of a secret, from its mask."""
    if shown is None:
        return "not set"
    rest = str(shown).removeprefix(MASK).strip()
    if rest.startswith("("):
        return "set, but no key opens it: give it again"
    return f"set, ends in …{rest}" if rest else "set"


def words(value: Any) -> str:
    """A value for people."""
    if value in (None, ""):
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> SafeString:
    """A small table, everything in it escaped."""
    cells = format_html_join("", "<th>{}</th>", ((cell,) for cell in head))
    body = [format_html_join("", "<td>{}</td>", ((cell,) for cell in row)) for row in rows]
    lines = format_html_join("", "<tr>{}</tr>", ((row,) for row in body))
    style = "border-collapse:separate;border-spacing:12px 4px;text-align:left;overflow-wrap:anywhere"
    whole = '<table style="{}"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>'
    return format_html(whole, style, cells, lines)
