"""Channel: the one Protocol behind which an invoice or a notice leaves the house.

When, how often and to whom is decided before; what follows an error is `delivery.after`'s affair.
"""

from collections.abc import Callable
from typing import Protocol

from connector.delivery import Claimed


class Channel(Protocol):
    """Hands a claimed delivery over, once, or says why not."""

    def send(self, claimed: Claimed, *, before_body: Callable[[], None]) -> None:
        """Return when the other side has taken the delivery.

        Args:
            before_body: Called exactly once, just before the first byte of the body; whatever it raises stops the
                sending there. Not called when the other side says no before that.

        Raises:
            DeliveryRefused: It will never be taken.
            DeliveryDeferred: It was not taken now.
            DeliveryUncertain: It may have been taken: the line dropped after `before_body`.
        """
