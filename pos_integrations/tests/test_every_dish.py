"""Whole menus, every dish of them sold in every way, and each bill compared with PetPooja's document itself.

What the kitchen is sent is computed here a second time, from the raw document and API rules alone: nothing of
the adapter, the menu tables or the pricing is asked. One wrong id or one wrong paisa fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from menus.models import Menu, Restaurant
from menus.rendering import rendered_menu
from orders.models import Order
from orders.order_request import AddOnRequest, LineRequest, OrderRequest
from orders.services.placing import place_order
from orders.snapshot import Customer
from pos_integrations import inbound, outbound
from pos_integrations.adapters import petpooja
from pos_integrations.models import MenuSyncHistory, OrderPush
from pos_integrations.simulator import make_menu
from pos_integrations.tests.factories import SECRET, connect

FIXTURES = Path(petpooja.__file__).parent / "fixtures"
ORDER_TYPES = {"DELIVERY": ("1", "H"), "PICKUP": ("2", "P"), "DINE_IN": ("3", "D")}
LINES_PER_ORDER = 90


def published() -> Any:
    return json.loads((FIXTURES / "fetch_menu__published.json").read_bytes())


def with_details(document: Any, **details: Any) -> Any:
    document["restaurants"][0]["details"].update(details)
    return document


def mixed() -> Any:
    """Some dishes with their tax inside and some without, packed dish by dish."""
    document = make_menu(40, seed=7, code="abcd1234")
    for n, item in enumerate(document["items"]):
        item["tax_inclusive"] = n % 2 == 0
        item["item_packingcharges"] = ["", "0", "7.5"][n % 3]
        item["ignore_taxes"] = "1" if n % 7 == 0 else "0"
    return with_details(
        document, packaging_applicable_on="ITEM", calculatetaxonpacking=1, pc_taxes_id="900001"
    )


MENUS = {
    "published": published,
    "published, service on core": lambda: with_details(published(), sc_calculate_on="1", tax_on_sc="0"),
    "published, service as an amount": lambda: with_details(published(), sc_type="1", sc_value="12.35"),
    "published, packing in percent": lambda: with_details(
        published(), packaging_charge="3.3", packaging_charge_type="PERCENTAGE"
    ),
    "published in 2024": lambda: json.loads((FIXTURES / "menu__published_2024.json").read_bytes()),
    "a real one, tax inside": lambda: json.loads((FIXTURES / "menu__tax_inclusive.json").read_bytes()),
    "300 kB, tax on top": lambda: make_menu(260, seed=3, code="abcd1234"),
    "300 kB, tax inside": lambda: make_menu(260, seed=4, code="abcd1234", tax_inclusive=True),
    "mixed": mixed,
}


# --- a bill, by hand -------------------------------------------------------------------------------------


def paisa(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def number(text: Any) -> Decimal:
    return Decimal(str(text or 0))


@dataclass
class Dish:
    """One way to order an item: in one of its variations, with one add-on of each group."""

    item: Any
    variation: Any
    addons: list[tuple[Any, Any]]
    quantity: int


@dataclass
class Bill:
    """What PetPooja must be sent. `carried`: net of the lines by forward tax."""

    document: Any
    order_type: str
    lines: list[dict[str, Any]] = field(default_factory=list)
    taxes: dict[str, Decimal] = field(default_factory=dict)
    net: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)
    forward: Decimal = Decimal(0)
    packed: Decimal = Decimal(0)
    carried: dict[str, Decimal] = field(default_factory=dict)

    @property
    def details(self) -> Any:
        return self.document["restaurants"][0]["details"]

    def owed(self, ids: str) -> list[Any]:
        """The taxes with these ids that count for this order type."""
        kind = ORDER_TYPES[self.order_type][0]
        known = {tax["taxid"]: tax for tax in self.document["taxes"]}
        rows = [known[tax_id] for tax_id in ids.split(",") if tax_id]
        return [tax for tax in rows if not tax["tax_ordertype"] or kind in tax["tax_ordertype"].split(",")]

    def discount(self, dish: Dish, price: Decimal) -> Decimal:
        """Only the published menu has one: ten percent off some ids."""
        ids = {dish.item["itemid"], dish.variation["id"] if dish.variation else ""}
        for row in self.document["discounts"]:
            if (
                ids & set(row["discountcategoryitemids"].split(","))
                and dish.item.get("ignore_discounts") != "1"
            ):
                return paisa(price * number(row["discount"]) / 100)
        return Decimal(0)

    def add(self, dish: Dish) -> None:
        item, variation = dish.item, dish.variation
        base = variation or item
        price = number(base["price"]) + sum(number(addon["addonitem_price"]) for _, addon in dish.addons)
        off = self.discount(dish, price)
        net = (price - off) * dish.quantity
        taxes = [] if item.get("ignore_taxes") == "1" else self.owed(item["item_tax"])
        inside = [tax for tax in taxes if item.get("tax_inclusive") or tax["tax_taxtype"] == "2"]
        rates = sum(number(tax["tax"]) for tax in inside)
        amounts = {}
        for tax in taxes:
            if tax in inside:
                amounts[tax["taxid"]] = paisa(net * number(tax["tax"]) / (100 + rates))
            else:
                amounts[tax["taxid"]] = paisa(net * number(tax["tax"]) / 100)
                self.forward += amounts[tax["taxid"]]
                self.carried[tax["taxid"]] = self.carried.get(tax["taxid"], Decimal(0)) + net
            self.taxes[tax["taxid"]] = self.taxes.get(tax["taxid"], Decimal(0)) + amounts[tax["taxid"]]
        own_packing = number(item.get("item_packingcharges"))
        if variation and variation.get("item_packingcharges") not in ("", None):
            own_packing = number(variation["item_packingcharges"])
        self.packed += own_packing * dish.quantity
        self.net += net
        self.gross += price * dish.quantity
        self.lines.append(
            {
                "id": base["id"] if variation else item["itemid"],
                "variation_id": variation["variationid"] if variation else "",
                "name": item["itemname"] + (f" ({variation['name']})" if variation else ""),
                "price": price,
                "final_price": price - off,
                "item_discount": off,
                "quantity": dish.quantity,
                "tax_inclusive": bool(item.get("tax_inclusive")),
                "item_tax": [
                    (tax["taxid"], number(tax["tax"]), amounts[tax["taxid"]])
                    for tax in taxes
                    if tax not in inside
                ],
                "addons": [
                    (addon["addonitemid"], int(group["addongroupid"]), number(addon["addonitem_price"]))
                    for group, addon in dish.addons
                ],
            }
        )

    def charge(self, amount: Decimal, ids: str) -> tuple[Decimal, Decimal]:
        amount = paisa(amount)
        taxes = (paisa(amount * number(tax["tax"]) / 100) for tax in self.owed(ids))
        return amount, sum(taxes, Decimal(0)) if amount else Decimal(0)

    def packing(self) -> tuple[Decimal, Decimal]:
        facts = self.details
        ids = facts["pc_taxes_id"] if int(facts["calculatetaxonpacking"]) else ""
        if self.order_type == "DINE_IN" or facts["packaging_applicable_on"] == "NONE":
            return self.charge(Decimal(0), "")
        if facts["packaging_applicable_on"] == "ITEM":
            return self.charge(self.packed, ids)
        charge = number(facts["packaging_charge"])
        return self.charge(
            self.net * charge / 100 if facts["packaging_charge_type"] == "PERCENTAGE" else charge, ids
        )

    def delivery(self) -> tuple[Decimal, Decimal]:
        facts = self.details
        ids = facts["dc_taxes_id"] if int(facts["calculatetaxondelivery"]) else ""
        charge = number(facts["deliverycharge"]) if self.order_type == "DELIVERY" else Decimal(0)
        return self.charge(charge, ids)

    def service(self) -> tuple[Decimal, Decimal]:
        facts = self.details
        if ORDER_TYPES[self.order_type][1] not in facts.get("sc_applicable_on", "").split(","):
            return Decimal(0), Decimal(0)
        base = self.gross if facts["sc_calculate_on"] == "1" else self.net + self.forward
        value = number(facts["sc_value"])
        amount = paisa(value if facts["sc_type"] == "1" else base * value / 100)
        if facts["tax_on_sc"] != "1":
            return amount, Decimal(0)
        rates = {tax["taxid"]: number(tax["tax"]) for tax in self.document["taxes"]}
        shares = (
            paisa(amount * on * rates[tax_id] / (self.net * 100)) for tax_id, on in self.carried.items()
        )
        return amount, sum(shares, Decimal(0))

    def head(self) -> dict[str, Decimal]:
        packing, packing_tax = self.packing()
        delivery, delivery_tax = self.delivery()
        service, service_tax = self.service()
        return {
            "packing_charges": packing,
            "pc_tax_amount": packing_tax,
            "delivery_charges": delivery,
            "dc_tax_amount": delivery_tax,
            "service_charge": service,
            "sc_tax_amount": service_tax,
            "discount_total": self.gross - self.net,
            "tax_total": sum(self.taxes.values(), Decimal(0)) + packing_tax + delivery_tax + service_tax,
            # Somebody else delivers: neither his fee nor its tax is due to the restaurant.
            "total": self.net + self.forward + packing + packing_tax + service + service_tax,
        }


def dishes(document: Any, order_type: str) -> Iterator[Dish]:
    """Everything on a menu that is sold in this way."""
    groups = {group["addongroupid"]: group for group in document["addongroups"]}
    quantity = 0
    for item in document["items"]:
        types = [t for t in item["item_ordertype"].split(",") if t]
        if item["active"] != "1" or (types and ORDER_TYPES[order_type][0] not in types):
            continue
        for variation in [v for v in item["variation"] if v["active"] == "1"] or [None]:
            offers = {offer["addon_group_id"] for offer in item["addon"]}
            offers |= {offer["addon_group_id"] for offer in variation["addon"]} if variation else set()
            addons = [
                (groups[group], addon)
                for group in sorted(offers)
                for addon in groups[group]["addongroupitems"][:1]
                if addon["active"] == "1" and groups[group]["active"] == "1"
            ]
            quantity = quantity % 3 + 1
            yield Dish(item, variation, addons, quantity)


# --- a shop that knows the menu endpoint alone -------------------------------------------------------------


class Shop:
    """Orders by the ids that the menu endpoint gives."""

    def __init__(self, restaurant: Restaurant) -> None:
        self.restaurant = restaurant
        menu = json.loads(rendered_menu(restaurant, Menu.objects.get(pk=restaurant.pk).version).body)
        self.items = {item["external_id"]: item["id"] for item in menu["items"]}
        self.variations = {v["external_id"]: v["id"] for item in menu["items"] for v in item["variations"]}
        self.addons = {a["external_id"]: a["id"] for group in menu["addon_groups"] for a in group["items"]}

    def order(self, order_type: str, chosen: list[Dish]) -> Order:
        lines = tuple(
            LineRequest(
                item_id=self.items[dish.item["itemid"]],
                variation_id=self.variations[dish.variation["id"]] if dish.variation else None,
                quantity=dish.quantity,
                addons=tuple(
                    AddOnRequest(addon_item_id=self.addons[a["addonitemid"]]) for _, a in dish.addons
                ),
            )
            for dish in chosen
        )
        request = OrderRequest(
            restaurant_id=self.restaurant.pk,
            order_type=order_type,
            payment_type="ONLINE",
            customer=Customer("Test Customer", "9000000002", "", "2 Example Street"),
            lines=lines,
            table_no="7" if order_type == "DINE_IN" else "",
        )
        answer, _ = place_order(request=request, client="shop")
        return Order.objects.get(pk=answer["id"])


def sent_lines(blocks: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": line["id"],
            "variation_id": line["variation_id"],
            "name": line["name"],
            "price": number(line["price"]),
            "final_price": number(line["final_price"]),
            "item_discount": number(line["item_discount"]),
            "quantity": int(line["quantity"]),
            "tax_inclusive": line["tax_inclusive"],
            "item_tax": [
                (t["id"], number(t["tax_percentage"]), number(t["amount"])) for t in line["item_tax"]
            ],
            "addons": [(a["id"], a["group_id"], number(a["price"])) for a in line["AddonItem"]["details"]],
        }
        for line in blocks["OrderItem"]["details"]
    ]


@pytest.mark.parametrize("name", MENUS)
def test_every_dish_of_a_menu_is_billed_as_its_document_says(db, client, pos, name):
    document = MENUS[name]()
    restaurant = Restaurant.objects.create(name="Sample Lounge")
    integration = connect(pos, restaurant)
    pushed = client.post(
        f"/api/webhooks/petpooja/{integration.public_id}/menu/{SECRET}",
        data=json.dumps(document),
        content_type="application/json",
    )
    assert pushed.json() == {"success": "1", "message": "Menu items are successfully listed."}
    inbound.drain()
    history = MenuSyncHistory.objects.get()
    assert (history.errors, history.items_synced) == ([], len(document["items"]))
    shop = Shop(restaurant)
    sold = 0
    for order_type in ORDER_TYPES:
        all_dishes = list(dishes(document, order_type))
        for start in range(0, len(all_dishes), LINES_PER_ORDER):
            chosen = all_dishes[start : start + LINES_PER_ORDER]
            bill = Bill(document, order_type)
            for dish in chosen:
                bill.add(dish)
            order = shop.order(order_type, chosen)
            outbound.deliver(OrderPush.objects.get(order=order).pk)
            (ticket,) = [ticket for ticket in pos.tickets() if ticket.reference == order.reference]
            blocks = ticket.body["orderinfo"]["OrderInfo"]
            head = blocks["Order"]["details"]
            assert sent_lines(blocks) == bill.lines
            assert {row["id"]: number(row["tax"]) for row in blocks["Tax"]["details"]} == bill.taxes
            expected = bill.head()
            assert {key: number(head[key]) for key in expected} == expected
            assert order.total == expected["total"] + expected["delivery_charges"] + expected["dc_tax_amount"]
            assert (order.tax_total, order.discount_total) == (
                expected["tax_total"],
                expected["discount_total"],
            )
            sold += len(chosen)
    assert sold >= len(document["items"])
