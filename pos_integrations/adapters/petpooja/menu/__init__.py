"""PetPooja's menu document → `MenuSnapshot`, one file per part of a menu.

PetPooja always sends the whole menu, never a difference: fetched by us or pushed by it, the document is the
same.

Source: PetPooja online ordering API v2.1.0 reference, fetch menu and push menu.
"""

from __future__ import annotations

from typing import Any

from menus.snapshot import MenuSnapshot
from pos_integrations.adapters.petpooja import values
from pos_integrations.adapters.petpooja.client import refusal
from pos_integrations.adapters.petpooja.menu.addons import addon_groups
from pos_integrations.adapters.petpooja.menu.categories import categories
from pos_integrations.adapters.petpooja.menu.charges import charges, taxes
from pos_integrations.adapters.petpooja.menu.discounts import discounts
from pos_integrations.adapters.petpooja.menu.document import MAX_PROBLEMS, Document, load
from pos_integrations.adapters.petpooja.menu.facts import facts
from pos_integrations.adapters.petpooja.menu.items import Surroundings, items
from pos_integrations.adapters.petpooja.menu.moving import digests
from pos_integrations.adapters.petpooja.schema import menu as schema
from pos_integrations.adapters.petpooja.schema.incoming import Reply
from pos_integrations.errors import ConfigurationError, MalformedPayload

__all__ = ["MAX_PROBLEMS", "check_is_menu", "digests", "load", "mapping_code", "read_document", "read_menu"]

# Published; the menu's own `attributes` list names the others, in words of its own.
DIETS = {"1": "veg", "2": "non-veg", "5": "other", "24": "egg"}
MAX_DIET = 20


def read_menu(raw: bytes, *, external_id: str, marketplace: bool = False) -> MenuSnapshot:
    """The menu in `raw`, which must be the restaurant's whose mapping code is `external_id`.

    `marketplace`: a platform sells for the restaurant and owes the tax on what PetPooja calls services.

    Raises:
        MalformedPayload: no menu at all.
        ConfigurationError: the menu of another restaurant, or PetPooja refused us.
        PosError: the document is PetPooja's refusal.
    """
    return read_document(load(raw), external_id=external_id, marketplace=marketplace)


def mapping_code(content: dict[str, Any]) -> str:
    """The mapping code of the restaurant that a document is for, which is not its `restaurantid`.

    Raises:
        MalformedPayload: it names none.
    """
    try:
        return values.read_id(Document(content).details().get("menusharingcode"))
    except ValueError as error:
        raise MalformedPayload(f"menusharingcode {error}.", field="menusharingcode") from error


def check_is_menu(content: dict[str, Any]) -> None:
    """Whether what `load` gave is a menu at all.

    Raises:
        MalformedPayload: it has nothing of one.
        PosError: it is PetPooja's refusal.
    """
    reply = Reply.model_validate(content)
    if reply.success is False:
        raise refusal(reply)
    if "items" not in content and "categories" not in content:
        raise MalformedPayload("This is no menu: it has neither items nor categories.", field="items")


def read_document(content: dict[str, Any], *, external_id: str, marketplace: bool = False) -> MenuSnapshot:
    """As `read_menu`, of what `load` gave."""
    check_is_menu(content)
    document = Document(content)
    details = _details(document, external_id)
    tax_rows = tuple(taxes(document))
    tax_ids = {tax.external_id for tax in tax_rows}
    attributes = document.rows(schema.Attribute, document.listed("attributes"))
    diets = {row.attributeid: row.attribute.lower()[:MAX_DIET] for row in attributes} | DIETS
    groups = tuple(addon_groups(document, diets))
    headings = tuple(categories(document))
    around = Surroundings(
        category_ids={category.external_id for category in headings},
        tax_ids=tax_ids,
        choices={
            group.external_id: sum(item.active for item in group.items) if group.active else 0
            for group in groups
        },
        diets=diets,
        marketplace=marketplace,
    )
    return MenuSnapshot(
        categories=headings,
        items=tuple(items(document, around)),
        addon_groups=groups,
        taxes=tax_rows,
        discounts=tuple(discounts(document)),
        charges=charges(document, details, external_id, tax_ids),
        problems=document.reported(),
        details=facts(document),
    )


def _details(document: Document, external_id: str) -> schema.Details:
    if (others := len(document.restaurants()) - 1) > 0:
        document.problem("menu", "", "restaurants", f"{others + 1} restaurants", "all but the first left out")
    details = document.row(schema.Details, document.details(), external_id) or schema.Details()
    if not details.menusharingcode:
        done = "taken for the one we asked for"
        document.problem("restaurant", external_id, "menusharingcode", None, done)
    elif details.menusharingcode != external_id:
        raise ConfigurationError(
            f"This is the menu of {details.menusharingcode}, not of {external_id or 'any known restaurant'}: "
            "check the mapping code.",
            code="wrong_restaurant",
        )
    return details
