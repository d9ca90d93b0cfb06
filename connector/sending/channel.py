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
                sending there. Not called when the other side says no before that. It marks the last moment at which
                it is certain from outside that nothing was taken: who dies after it cannot tell how far the body
                came, so that delivery is uncertain. Who lives to raise an error knows better, and the error counts.

        Raises:
            DeliveryRefused: It will never be taken.
            DeliveryDeferred: It was not taken now; also after `before_body`, as long as the end of the body was
                not begun, for a body without its end is never taken.
            DeliveryUncertain: It may have been taken: the end was begun and no clear answer came.
        """
