"""Fixtures of the tests of customers/."""

import pytest

from connector.customers.setup import Wanted


@pytest.fixture
def wanted() -> Wanted:
    """What the settings ask for: an upload address, no attachment type."""
    return Wanted(upload_address="abcdefghij@uploads.is", contact_name="InvoiceSharing Email")
