"""PetPooja's menu document → `MenuSnapshot`.

Parsed once, leniently; then checked row by row, so that one bad row costs that row and no more. Whatever
is not used as it stands is a `MenuProblem`. PetPooja always sends the whole menu, never a difference.

The strict parser that webhooks go through is not for menus: a key twice or one `NaN` in ten thousand items
would cost the restaurant its menu, and its floats would bend prices.

Source: PetPooja online ordering API v2.1.0 reference, fetch menu and push menu.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import ValidationError

from menus.snapshot import (
    AddOnGroupSnapshot,
    AddOnItemSnapshot,
    AmountKind,
    CategorySnapshot,
    Charges,
    DiscountSnapshot,
    GroupOffer,
    ItemSnapshot,
    Liability,
    MenuProblem,
    MenuSnapshot,
    OrderType,
    TaxSnapshot,
    VariationSnapshot,
)
from pos_integrations.adapters.petpooja import schema, values
from pos_integrations.adapters.petpooja.client import refusal
from pos_integrations.adapters.petpooja.discounts import GIFTS, Unusable, read_discount
from pos_integrations.errors import ConfigurationError, MalformedPayload

# Other numbers occur ("0,1,2") and mean nothing to us.
ORDER_TYPES = {"1": OrderType.DELIVERY, "2": OrderType.PICKUP, "3": OrderType.DINE_IN}
SERVICE_ORDER_TYPES = {"H": OrderType.DELIVERY, "P": OrderType.PICKUP, "D": OrderType.DINE_IN}
# Used where the menu's own `attributes` list does not name the id.
DIETS = {"1": "veg", "2": "non-veg", "5": "other", "24": "egg"}

MAX_DETAIL_DEPTH = 6
MAX_FOUND = 100
MAX_DIET = 20
MAX_PROBLEMS = 1000
NOUGHT = Decimal("0.00")

_ABSENT = object()

R = TypeVar("R", bound=schema.Row)


def read_menu(raw: bytes, *, external_id: str, marketplace: bool = False) -> MenuSnapshot:
    """The menu in `raw`, which must be the restaurant's whose mapping code is `external_id`.

    `marketplace`: a platform sells for the restaurant and owes the tax on what PetPooja calls services.

    Raises:
        MalformedPayload: no menu at all.
        ConfigurationError: the menu of another restaurant, or PetPooja refused us.
        PosError: the document is PetPooja's refusal.
    """
    document = _load(raw)
    reply = schema.Reply.model_validate(document)
    if reply.success is False:
        raise refusal(reply)
    if "items" not in document and "categories" not in document:
        raise MalformedPayload("This is no menu: it has neither items nor categories.", field="items")
    return _Reader(document, external_id, marketplace).snapshot()


def _load(raw: bytes) -> dict[str, Any]:
    try:
        document = _parse(raw.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise MalformedPayload(f"The menu is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise MalformedPayload("The menu must be a JSON object.")
    return document


def _parse(text: str) -> Any:
    return json.loads(text, parse_int=_number, parse_float=_number, parse_constant=str)


def _number(digits: str) -> Decimal | str:
    # What is no plain number stays text, and is reported where a number was wanted.
    try:
        value = Decimal(digits)
    except ArithmeticError:
        return digits
    plain = len(digits) <= values.MAX_DIGITS and abs(value.adjusted()) <= values.MAX_DIGITS
    return value if plain else digits


class _Reader:
    """Reads one document and collects what it could not use."""

    def __init__(self, document: dict[str, Any], external_id: str, marketplace: bool) -> None:
        self.document = document
        self.external_id = external_id
        self.marketplace = marketplace
        self.problems: list[MenuProblem] = []
        self.tax_ids: set[str] = set()
        self.category_ids: set[str] = set()
        self.diets = DIETS
        # How many add-ons a guest can pick of each group.
        self.choices: dict[str, int] = {}

    def snapshot(self) -> MenuSnapshot:
        details = self.details()
        taxes = tuple(self.taxes())
        self.tax_ids = {tax.external_id for tax in taxes}
        self.diets = DIETS | {
            row.attributeid: row.attribute.lower()[:MAX_DIET]
            for row in self.rows(schema.Attribute, self.listed("attributes"))
        }
        groups = tuple(self.addon_groups())
        self.choices = {
            group.external_id: sum(item.active for item in group.items) if group.active else 0
            for group in groups
        }
        categories = tuple(self.categories())
        self.category_ids = {category.external_id for category in categories}
        items = tuple(self.items())
        return MenuSnapshot(
            categories=categories,
            items=items,
            addon_groups=groups,
            taxes=taxes,
            discounts=tuple(self.discounts()),
            charges=self.charges(details),
            problems=tuple(self.reported()),
        )

    # --- the parts of a menu ---

    def details(self) -> schema.Details:
        restaurants = self.listed("restaurants")
        first = restaurants[0] if restaurants and isinstance(restaurants[0], dict) else {}
        raw = first.get("details")
        details = self.row(schema.Details, raw if isinstance(raw, dict) else {}, self.external_id)
        details = details or schema.Details()
        if not details.menusharingcode:
            self.problem(
                "restaurant", self.external_id, "menusharingcode", None, "taken for the one we asked for"
            )
        elif details.menusharingcode != self.external_id:
            raise ConfigurationError(
                f"This is the menu of {details.menusharingcode}, not of {self.external_id or 'any known restaurant'}: "
                "check the mapping code.",
                code="wrong_restaurant",
            )
        return details

    def charges(self, row: schema.Details) -> Charges:
        at, none = ("restaurant", self.external_id), ()
        service_types = _known(row.sc_applicable_on, SERVICE_ORDER_TYPES)
        packing = self.share("packaging_charge", row.packaging_charge, row.packaging_charge_type)
        service = self.share("sc_value", row.sc_value, row.sc_type)
        delivery_taxes = self.refer(*at, "dc_taxes_id", row.dc_taxes_id, self.tax_ids)
        packing_taxes = self.refer(*at, "pc_taxes_id", row.pc_taxes_id, self.tax_ids)
        return Charges(
            delivery=row.deliverycharge or NOUGHT,
            delivery_tax_ids=delivery_taxes if row.calculatetaxondelivery else none,
            packing_mode=row.packaging_applicable_on,
            packing_kind=row.packaging_charge_type,
            packing=packing,
            packing_tax_ids=packing_taxes if row.calculatetaxonpacking else none,
            service_order_types=service_types,
            service_kind=row.sc_type,
            # Applicable on nothing: elsewhere an empty list means "on all".
            service=service if service_types else NOUGHT,
            service_base=row.sc_calculate_on,
            service_taxed=row.tax_on_sc,
            minimum_order=row.minimumorderamount or NOUGHT,
            prep_minutes=row.minimum_prep_time,
            delivery_minutes=row.minimumdeliverytime,
        )

    def share(self, field: str, amount: Decimal | None, kind: AmountKind) -> Decimal:
        if amount and kind is AmountKind.PERCENT and amount > 100:
            self.problem("restaurant", self.external_id, field, amount, "not charged (is over 100 %)")
            return NOUGHT
        return amount or NOUGHT

    def taxes(self) -> Iterable[TaxSnapshot]:
        for row in self.rows(schema.Tax, self.listed("taxes")):
            if row.taxtype is AmountKind.PERCENT and row.tax > 100:
                self.problem("tax", row.taxid, "tax", row.tax, "left out (is over 100 %)")
                continue
            types = self.order_types("tax", row.taxid, "tax_ordertype", row.tax_ordertype)
            yield TaxSnapshot(
                external_id=row.taxid,
                name=row.taxname or "Tax",
                rate=row.tax,
                kind=row.taxtype,
                base=row.tax_coreortotal,
                inclusive=row.tax_taxtype,
                order_types=types or (),
                active=row.active and types is not None,
                rank=row.rank or 0,
            )

    def categories(self) -> Iterable[CategorySnapshot]:
        rows = list(self.rows(schema.Category, self.listed("categories")))
        headings = {row.id: row for row in self.rows(schema.Heading, self.listed("parentcategories"))}
        groups = {row.id: row.name for row in self.rows(schema.Heading, self.listed("group_categories"))}
        ids = {row.categoryid for row in rows}
        # The two lists have ids of their own, and we have one: a heading that clashes cannot be told apart.
        wanted = {row.parent_category_id for row in rows} & (headings.keys() - ids)
        for heading in headings.values():
            if heading.id in wanted:
                yield CategorySnapshot(
                    external_id=heading.id,
                    name=heading.name,
                    active=heading.status,
                    rank=heading.rank or 0,
                    image_url=heading.image_url,
                )
        for row in rows:
            parent = row.parent_category_id if row.parent_category_id != "0" else ""
            if parent and parent not in wanted:
                self.problem(
                    "category",
                    row.categoryid,
                    "parent_category_id",
                    parent,
                    "put at the top (not in the menu)",
                )
                parent = ""
            details = {
                "timings": self.timings(row),
                "group": groups.get(row.group_category_id, ""),
                "tags": list(row.tags),
            }
            yield CategorySnapshot(
                external_id=row.categoryid,
                name=row.categoryname,
                parent_id=parent,
                active=row.active,
                rank=row.categoryrank or 0,
                image_url=row.category_image_url,
                details={key: value for key, value in details.items() if value},
            )

    def timings(self, row: schema.Category) -> list[Any]:
        # "" or JSON inside a string: [{"schedule_name", "schedule_day", "schedule_time_slots": […]}].
        value = row.categorytimings
        if values.is_blank(value):
            return []
        try:
            parsed = _parse(value) if isinstance(value, str) else value
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, list):
            self.problem(
                "category", row.categoryid, "categorytimings", value, "ignored (is not a list in JSON)"
            )
            return []
        return list(_plain(parsed))

    def addon_groups(self) -> Iterable[AddOnGroupSnapshot]:
        seen: set[str] = set()
        for row in self.rows(schema.AddOnGroup, self.listed("addongroups")):
            yield AddOnGroupSnapshot(
                external_id=row.addongroupid,
                name=row.addongroup_name,
                items=tuple(
                    AddOnItemSnapshot(
                        external_id=item.addonitemid,
                        name=item.addonitem_name,
                        price=item.addonitem_price,
                        active=item.active,
                        rank=item.addonitem_rank or 0,
                        diet=self.diets.get(item.attributes, ""),
                    )
                    for item in self.rows(schema.AddOn, row.addongroupitems, seen)
                ),
                active=row.active,
                rank=row.addongroup_rank or 0,
            )

    def items(self) -> Iterable[ItemSnapshot]:
        # With variations the item's own price is "0" or a leftover: not even looked at.
        raw = [
            {**row, "price": None} if isinstance(row, dict) and row.get("variation") else row
            for row in self.listed("items", expected=True)
        ]
        seen: set[str] = set()
        for row in self.rows(schema.Item, raw):
            variations = tuple(self.variations(row, seen))
            if row.variation and not variations:
                self.problem(
                    "item", row.itemid, "variation", row.variation, "left out (no variation can be used)"
                )
                continue
            if not row.variation and row.price is None:
                self.problem("item", row.itemid, "price", None, "left out (is missing)")
                continue
            category = row.item_categoryid
            if category not in self.category_ids:
                self.problem("item", row.itemid, "item_categoryid", category, "kept without a category")
                category = ""
            types = self.order_types("item", row.itemid, "item_ordertype", row.item_ordertype)
            sold_for_vendor = self.marketplace and row.gst_type.lower() == "services"
            yield ItemSnapshot(
                external_id=row.itemid,
                category_id=category,
                name=row.itemname,
                price=row.price or NOUGHT,
                description=row.itemdescription,
                variations=variations,
                addon_groups=self.offers("item", row.itemid, row.addon),
                tax_ids=self.refer("item", row.itemid, "item_tax", row.item_tax, self.tax_ids),
                tax_inclusive=row.tax_inclusive,
                tax_exempt=row.ignore_taxes,
                discount_exempt=row.ignore_discounts,
                liability=Liability.VENDOR if sold_for_vendor else Liability.RESTAURANT,
                packing_charge=row.item_packingcharges,
                order_types=types or (),
                active=row.active and types is not None,
                in_stock=row.in_stock,
                rank=row.itemrank or 0,
                diet=self.diets.get(row.item_attributeid, ""),
                image_url=row.item_image_url,
                prep_minutes=row.minimumpreparationtime,
                details=_item_details(row),
            )

    def variations(self, item: schema.Item, seen: set[str]) -> Iterable[VariationSnapshot]:
        for row in self.rows(schema.Variation, item.variation, seen):
            yield VariationSnapshot(
                external_id=row.id,
                name=row.name,
                price=row.price,
                master_id=row.variationid,
                group_name=row.groupname or item.variation_groupname,
                packing_charge=row.item_packingcharges,
                active=row.active,
                rank=row.variationrank or 0,
                addon_groups=self.offers("variation", row.id, row.addon),
            )

    def offers(self, kind: str, external_id: str, raw: list[Any]) -> tuple[GroupOffer, ...]:
        found: dict[str, GroupOffer] = {}
        for row in raw:
            offer = self.row(schema.Offer, row, external_id, kind)
            if offer is None or offer.addon_group_id in found:
                continue
            group = offer.addon_group_id
            if group not in self.choices:
                self.problem(kind, external_id, "addon", group, "offer dropped (no such add-on group)")
                continue
            minimum, maximum = max(offer.addon_item_selection_min or 0, 0), offer.addon_item_selection_max
            if maximum is not None and maximum <= 0:
                self.problem(
                    kind, external_id, "addon_item_selection_max", maximum, f"{group}: read as no limit"
                )
                maximum = None
            if maximum is not None and minimum > maximum:
                self.problem(
                    kind, external_id, "addon_item_selection_max", maximum, f"{group}: raised to {minimum}"
                )
                maximum = minimum
            if minimum > self.choices[group]:
                fewer = self.choices[group]
                self.problem(
                    kind, external_id, "addon_item_selection_min", minimum, f"{group}: lowered to {fewer}"
                )
                minimum = fewer
            found[group] = GroupOffer(group, minimum, maximum)
        return tuple(found.values())

    def discounts(self) -> Iterable[DiscountSnapshot]:
        raw = [row for row in self.listed("discounts") if not self.is_gift(row)]
        for row in self.rows(schema.Discount, raw):
            types = self.order_types("discount", row.discountid, "discountordertype", row.discountordertype)
            try:
                discount = read_discount(row, types)
            except Unusable as error:
                self.problem("discount", row.discountid, error.field, error.found, f"left out ({error.why})")
                continue
            if row.discountontotal and discount.kind is AmountKind.PERCENT:
                self.problem(
                    "discount", row.discountid, "discountontotal", "1", "taken of the items before tax"
                )
            yield discount

    def is_gift(self, row: Any) -> bool:
        if not isinstance(row, dict) or str(row.get("discounttype")) not in GIFTS:
            return False
        name = GIFTS[str(row["discounttype"])]
        self.problem(
            "discount",
            values.hoped_text(row.get("discountid")),
            "discounttype",
            row["discounttype"],
            f"kept out ({name})",
        )
        return True

    # --- how rows are read ---

    def listed(self, key: str, *, expected: bool = False) -> list[Any]:
        """A list at the top of the document; any may be missing in old payloads."""
        value = self.document.get(key)
        try:
            rows = values.rows(value)
        except ValueError as error:
            self.problem("menu", "", key, value, f"taken as empty ({error})")
            return []
        if expected and value is None:
            self.problem("menu", "", key, value, "taken as empty")
        return rows

    def rows(self, model: type[R], raw: list[Any], seen: set[str] | None = None) -> Iterable[R]:
        """The usable rows, each id once; `seen` holds the ids used elsewhere in the menu."""
        seen = set() if seen is None else seen
        for value in raw:
            external_id = values.hoped_text(value.get(model.id_field)) if isinstance(value, dict) else ""
            row = self.row(model, value, external_id)
            if row is None:
                continue
            if (key := getattr(row, model.id_field)) in seen:
                self.problem(model.kind, key, model.id_field, key, "left out (the id is there already)")
                continue
            seen.add(key)
            yield row

    def row(self, model: type[R], raw: Any, external_id: str, kind: str = "") -> R | None:
        """`raw` as a `model`; None when something essential in it cannot be used."""
        kind = kind or model.kind
        if not isinstance(raw, dict):
            self.problem(kind, external_id, "", raw, "left out (is not an object)")
            return None
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            bad = {str(part["loc"][0]): values.why(part) for part in error.errors(include_url=False)}
        lost = {field for field in bad if field in model.essential or model.model_fields[field].is_required()}
        for field, why in bad.items():
            done = "left out" if field in lost else "ignored"
            self.problem(kind, external_id, field, raw.get(field, _ABSENT), f"{done} ({why})")
        return None if lost else model.model_validate({key: raw[key] for key in raw if key not in bad})

    def refer(
        self, kind: str, external_id: str, field: str, ids: tuple[str, ...], known: Container[str]
    ) -> tuple[str, ...]:
        for missing in ids:
            if missing not in known:
                self.problem(kind, external_id, field, missing, "ignored (not in the menu)")
        return tuple(one for one in ids if one in known)

    def order_types(
        self, kind: str, external_id: str, field: str, ids: tuple[str, ...]
    ) -> tuple[OrderType, ...] | None:
        """Empty: all of them. None: only such as we do not know, which must not become "all"."""
        known = _known(ids, ORDER_TYPES)
        if ids and not known:
            self.problem(kind, external_id, field, ",".join(ids), "switched off (no order type that we know)")
            return None
        return known

    def reported(self) -> list[MenuProblem]:
        """The problems, but not a hundred thousand of them."""
        more = len(self.problems) - MAX_PROBLEMS
        if more <= 0:
            return self.problems
        return [
            *self.problems[:MAX_PROBLEMS],
            MenuProblem("menu", "", "", f"{more} more problems", "not listed"),
        ]

    def problem(self, kind: str, external_id: str, field: str, found: Any, done: str) -> None:
        self.problems.append(MenuProblem(kind, external_id, field, _found(found), done))


def _item_details(row: schema.Item) -> dict[str, Any]:
    """What is for display only. Their misspelt `protien` ends here."""
    nutrition = {("protein" if key == "protien" else key): value for key, value in row.nutrition.items()}
    combo = [schema.ComboPart.model_validate(part) for part in row.combo_items if isinstance(part, dict)]
    details = {
        "tags": list(row.item_tags),
        "cuisine": list(row.cuisine),
        "spice_level": values.hoped_text(row.item_info.get("spice_level")).replace("not-applicable", ""),
        "markup_price": str(row.markup_price) if row.markup_price else "",
        "favorite": row.item_favorite,
        "recommended": row.is_recommend,
        "combo": [
            {
                "item_id": part.item_id,
                "variation_id": part.variation_item_id,
                "name": part.name,
                "quantity": part.quantity,
            }
            for part in combo
        ],
        "nutrition": _plain(nutrition),
    }
    return {key: value for key, value in details.items() if value}


def _plain(value: Any, depth: int = 0) -> Any:
    """`value` as JSON that any database takes; what lies too deep is cut off."""
    if isinstance(value, str):
        return values.clean(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict | list) and depth >= MAX_DETAIL_DEPTH:
        return None
    if isinstance(value, dict):
        return {values.clean(key): _plain(part, depth + 1) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part, depth + 1) for part in value]
    return value


def _known(codes: Iterable[str], meanings: dict[str, OrderType]) -> tuple[OrderType, ...]:
    return tuple(dict.fromkeys(meanings[code] for code in map(str.upper, codes) if code in meanings))


def _found(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return values.clean(str(value))[:MAX_FOUND]
