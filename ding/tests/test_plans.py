"""A plan gives what its queryset gives, with values that change from call to call."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ding.plans import Plan
from menus.models import Category, Item, Restaurant

pytestmark = pytest.mark.django_db


@pytest.fixture
def items(db):
    restaurant = Restaurant.objects.create(name="Sample Lounge")
    category = Category.objects.create(restaurant=restaurant, external_id="c", name="Mains")
    return [
        Item.objects.create(
            restaurant=restaurant,
            external_id=f"i{n}",
            name=f"Item {n}",
            price=Decimal(n),
            category=category if n % 2 else None,
            tax_ids=[str(n)],
        )
        for n in range(9)
    ]


def test_it_gives_the_rows_of_its_queryset_and_their_relations(items, django_assert_num_queries):
    def build(restaurant, ids):
        return (
            Item.objects.filter(restaurant=restaurant, pk__in=ids).select_related("category").order_by("pk")
        )

    plan = Plan(build)
    for wanted in (items, items[:1], items[2:5], items[1:8]):
        ids = [item.pk for item in wanted]
        with django_assert_num_queries(1):
            found = plan(wanted[0].restaurant_id, ids)
            assert [item.category and item.category.name for item in found] == [
                "Mains" if int(item.external_id[1:]) % 2 else None for item in wanted
            ]
        expected = list(build(wanted[0].restaurant_id, ids))
        for name in ("pk", "name", "price", "tax_ids", "in_stock", "created_at", "category_id"):
            assert [getattr(i, name) for i in found] == [getattr(i, name) for i in expected]
        assert not found[0]._state.adding
    assert plan(-1, [items[0].pk]) == []


def test_no_ids_are_no_rows_and_no_statement(items, django_assert_num_queries):
    plan = Plan(lambda ids: Item.objects.filter(pk__in=ids))
    with django_assert_num_queries(0):
        assert plan([]) == []
    assert len(plan({items[0].pk, items[1].pk})) == 2


def test_texts_are_compared_as_texts(items):
    plan = Plan(lambda name: Item.objects.filter(external_id=name))
    for text in ("i3", "i4", "", "1' OR '1'='1", "100%", "naïve"):
        assert [item.external_id for item in plan(text)] == ([text] if text in ("i3", "i4") else [])


def test_numbers_and_texts_do_not_share_a_compiled_form(items):
    plan = Plan(lambda value: Item.objects.filter(name=value))
    assert [item.name for item in plan("Item 1")] == ["Item 1"]
    assert plan(1) == []
    assert [item.name for item in plan("Item 2")] == ["Item 2"]


def test_what_was_read_can_be_changed_and_saved(items):
    plan = Plan(lambda pk: Item.objects.filter(pk=pk))
    (item,) = plan(items[0].pk)
    item.name = "New"
    item.save()
    assert Item.objects.get(pk=items[0].pk).name == "New"
    assert plan(items[0].pk)[0].name == "New"
