"""What can go wrong with a POS, named by what the caller does next.

PosError                  talking to a POS
├─ TransientError         provably not taken ("never sent", "not now")  → try again later
├─ OutcomeUnknown         sent, no sure answer (time-out, 5xx, nonsense) → never blindly again
└─ PermanentError         the POS said no                               → reject, with its reason
   ├─ ConfigurationError  credentials, unknown restaurant               → a person must act
   └─ UnsupportedOperation  this POS cannot do that
WebhookError              a POS talking to us
├─ NotAuthentic           one fixed 401, no row
├─ AnotherRestaurant      authentic, and speaks for somebody else: 403, no row
├─ MalformedPayload       400 at the door; found later: the row fails, visibly
└─ UnsupportedEvent       200, the row is kept and ignored
"""

from __future__ import annotations


class PosError(Exception):
    """Base of all that an adapter may raise while calling its POS.

    `code`: a short word for lists and metrics, the POS's own where it has one. `retry_after`: seconds
    that the POS asked us to wait. The message is shown to staff and may be stored: no secrets in it.
    """

    default_code = "pos_error"

    def __init__(self, message: str, *, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.retry_after = retry_after


class TransientError(PosError):
    """Provably not taken by the POS: trying again can do no harm."""

    default_code = "not_sent"


class OutcomeUnknown(PosError):
    """It may or may not have been taken: sending again could cook the food twice."""

    default_code = "no_sure_answer"


class PermanentError(PosError):
    """The POS refused; the same again would be refused again."""

    default_code = "refused"


class ConfigurationError(PermanentError):
    """The POS refused *us*, not the order: credentials, address or restaurant id are wrong."""

    default_code = "configuration"


class UnsupportedOperation(PermanentError):
    """This POS has no such call."""

    default_code = "unsupported"


class WebhookError(Exception):
    """Base of all that can be wrong with a request from a POS."""


class NotAuthentic(WebhookError):
    """Nobody we know sent this. Answered with one fixed 401, whatever the cause."""


class AnotherRestaurant(WebhookError):
    """Authentic for one restaurant, and it speaks for another: refused, and worth a look."""


class MalformedPayload(WebhookError):
    """Not what this POS promises to send. `field`: where, when one can say."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class UnsupportedEvent(WebhookError):
    """Understood, and not for us: an unknown status, a topic that we do not follow."""
