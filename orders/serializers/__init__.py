"""What goes in and out of the orders' REST endpoints."""

from orders.serializers.answers import OrderAnswer, QuoteAnswer
from orders.serializers.inputs import CancelInput, OrderFilter, OrderInput

__all__ = ["CancelInput", "OrderAnswer", "OrderFilter", "OrderInput", "QuoteAnswer"]
