"""What component tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes.office import Office, close_office, open_office


@pytest.fixture
def office() -> Iterator[Office]:
    """The API on stores in memory."""
    office = open_office()
    yield office
    close_office(office)
