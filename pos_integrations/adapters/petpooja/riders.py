"""How far a rider is → PetPooja's rider_status_update.

Source: PetPooja online ordering API v2.1.0 reference, rider status update.
"""

from __future__ import annotations

from orders.snapshot import OrderSnapshot
from pos_integrations.adapters.petpooja.client import credentials
from pos_integrations.adapters.petpooja.schema import outgoing
from pos_integrations.adapters.petpooja.values import one_line
from pos_integrations.messages import Account, RiderStatus, RiderUpdate

STATUSES = {
    RiderStatus.ASSIGNED: "rider-assigned",
    RiderStatus.ARRIVED: "rider-arrived",
    RiderStatus.PICKED_UP: "pickedup",
    RiderStatus.DELIVERED: "delivered",
}


def rider_body(order: OrderSnapshot, rider: RiderUpdate, account: Account) -> outgoing.RiderStatusUpdate:
    """The whole body. One copy of the reference requires `outlet_id`, another does not have it: it is sent.

    Raises:
        ConfigurationError: a credential is missing.
    """
    return {
        **credentials(account),
        "order_id": order.reference,
        "outlet_id": account.external_id,
        "status": STATUSES[rider.status],
        "rider_data": {
            "rider_name": one_line(rider.name),
            "rider_phone_number": one_line(rider.phone),
        },
        "external_order_id": "",
    }
