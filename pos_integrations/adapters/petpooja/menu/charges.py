"""PetPooja's taxes, and what the restaurant charges beside the food."""

from __future__ import annotations

from collections.abc import Container, Iterator
from decimal import Decimal

from menus.snapshot import AmountKind, Charges, OrderType, TaxSnapshot
from pos_integrations.adapters.petpooja.menu.document import Document, known_types
from pos_integrations.adapters.petpooja.schema import menu as schema

SERVICE_ORDER_TYPES = {"H": OrderType.DELIVERY, "P": OrderType.PICKUP, "D": OrderType.DINE_IN}
NOUGHT = Decimal("0.00")


def taxes(document: Document) -> Iterator[TaxSnapshot]:
    """All taxes that a menu knows, used or not."""
    for row in document.rows(schema.Tax, document.listed("taxes")):
        if row.taxtype is AmountKind.PERCENT and row.tax > 100:
            document.problem("tax", row.taxid, "tax", row.tax, "left out (is over 100 %)")
            continue
        if row.consider_in_core_amount:
            # Undocumented; a tax in the core of others would need to know which of them come first.
            document.problem(
                "tax", row.taxid, "consider_in_core_amount", "1", "ignored (taxes on core leave it out)"
            )
        types = document.order_types("tax", row.taxid, "tax_ordertype", row.tax_ordertype)
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


def charges(document: Document, row: schema.Details, external_id: str, tax_ids: Container[str]) -> Charges:
    """Delivery, packing and service, and the times that the restaurant promises."""
    none: tuple[str, ...] = ()
    service_types = known_types(row.sc_applicable_on, SERVICE_ORDER_TYPES)
    packing = _share(
        document, external_id, "packaging_charge", row.packaging_charge, row.packaging_charge_type
    )
    service = _share(document, external_id, "sc_value", row.sc_value, row.sc_type)
    delivery_taxes = document.refer("restaurant", external_id, "dc_taxes_id", row.dc_taxes_id, tax_ids)
    packing_taxes = document.refer("restaurant", external_id, "pc_taxes_id", row.pc_taxes_id, tax_ids)
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


def _share(
    document: Document, external_id: str, field: str, amount: Decimal | None, kind: AmountKind
) -> Decimal:
    if amount and kind is AmountKind.PERCENT and amount > 100:
        document.problem("restaurant", external_id, field, amount, "not charged (is over 100 %)")
        return NOUGHT
    return amount or NOUGHT
