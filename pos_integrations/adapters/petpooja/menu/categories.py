"""PetPooja's categories, and the headings above them."""

from __future__ import annotations

from collections.abc import Iterator

from menus.snapshot import CategorySnapshot, OpeningWindow
from pos_integrations.adapters.petpooja.menu.document import Document
from pos_integrations.adapters.petpooja.menu.opening import read_opening
from pos_integrations.adapters.petpooja.schema import menu as schema


def categories(document: Document) -> Iterator[CategorySnapshot]:
    """The categories; before them, those of `parentcategories` that one of them needs above itself.

    A group category is not a heading: its name goes into the details.
    """
    rows = list(document.rows(schema.Category, document.listed("categories")))
    headings = {row.id: row for row in document.rows(schema.Heading, document.listed("parentcategories"))}
    groups = {row.id: row.name for row in document.rows(schema.Heading, document.listed("group_categories"))}
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
        details = {"group": groups.get(row.group_category_id, ""), "tags": list(row.tags)}
        yield CategorySnapshot(
            external_id=row.categoryid,
            name=row.categoryname,
            parent_id=_parent(document, row, wanted),
            active=row.active,
            rank=row.categoryrank or 0,
            image_url=row.category_image_url,
            opening=_opening(document, row),
            details={key: value for key, value in details.items() if value},
        )


def _parent(document: Document, row: schema.Category, wanted: set[str]) -> str:
    parent = row.parent_category_id if row.parent_category_id != "0" else ""
    if parent and parent not in wanted:
        done = "put at the top (not in the menu)"
        document.problem("category", row.categoryid, "parent_category_id", parent, done)
        return ""
    return parent


def _opening(document: Document, row: schema.Category) -> tuple[OpeningWindow, ...]:
    try:
        return read_opening(row.categorytimings)
    except ValueError as error:
        done = f"sold at any time ({error})"
        document.problem("category", row.categoryid, "categorytimings", row.categorytimings, done)
        return ()
