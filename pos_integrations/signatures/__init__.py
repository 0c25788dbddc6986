"""How a webhook proves who sent it: one small pure scheme per file, without database, settings or clock.

A POS brings schemes of its own (`PosAdapter.signature_schemes`); those in here any integration may use. Which one an
integration uses is configured and never guessed from what a request brings.
"""

from pos_integrations.signatures.base import Proof, Scheme
from pos_integrations.signatures.shared_secret import BEARER, URL_TOKEN
from pos_integrations.signatures.standard_webhooks import STANDARD_WEBHOOKS

# For every POS, besides what its adapter brings.
COMMON_SCHEMES: tuple[Scheme, ...] = (STANDARD_WEBHOOKS, BEARER, URL_TOKEN)

__all__ = ["BEARER", "COMMON_SCHEMES", "STANDARD_WEBHOOKS", "URL_TOKEN", "Proof", "Scheme"]
