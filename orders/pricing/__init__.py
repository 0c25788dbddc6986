"""What an order costs: every money rule, each a function. No database, no clock, no floats.

Rounding: `money` rounds half up to 2 places, at each tax line, each unit discount and each charge. All
totals are sums of rounded values, so a receipt adds up.
"""

from orders.pricing.basket import Basket, BasketLine, items_total
from orders.pricing.discounts import Hindrance, coupon_discounts, hindrance, in_window
from orders.pricing.money import money
from orders.pricing.quote import Quote, price

__all__ = [
    "Basket",
    "BasketLine",
    "Hindrance",
    "Quote",
    "coupon_discounts",
    "hindrance",
    "in_window",
    "items_total",
    "money",
    "price",
]
