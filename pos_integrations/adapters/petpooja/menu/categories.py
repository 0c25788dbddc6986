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
    parents = _parents(document, rows, wanted, ids - headings.keys())
    for row in rows:
        details = {"group": groups.get(row.group_category_id, ""), "tags": list(row.tags)}
        yield CategorySnapshot(
            external_id=row.categoryid,
            name=row.categoryname,
            parent_id=parents[row.categoryid],
            active=row.active,
            rank=row.categoryrank or 0,
            image_url=row.category_image_url,
            opening=_opening(document, row),
            details={key: value for key, value in details.items() if value},
        )


def _parents(
    document: Document, rows: list[schema.Category], headings: set[str], categories: set[str]
) -> dict[str, str]:
    """What each category is under: a heading, or another category; never, by whatever way, itself."""
    found: dict[str, str] = {}
    for row in rows:
        parent, why = row.parent_category_id if row.parent_category_id != "0" else "", ""
        if parent and parent not in headings | categories:
            why = "not in the menu"
        elif row.categoryid in _above(parent, found):
            why = "is under this one"
        if why:
            document.problem(
                "category", row.categoryid, "parent_category_id", parent, f"put at the top ({why})"
            )
        found[row.categoryid] = "" if why else parent
    return found


def _above(category: str, parents: dict[str, str]) -> list[str]:
    """A category and all that it is under, as far as that is known."""
    chain = []
    while category:
        chain.append(category)
        category = parents.get(category, "")
    return chain


def _opening(document: Document, row: schema.Category) -> tuple[OpeningWindow, ...]:
    try:
        return read_opening(row.categorytimings)
    except ValueError as error:
        done = f"sold at any time ({error})"
        document.problem("category", row.categoryid, "categorytimings", row.categorytimings, done)
        return ()
