"""What component tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fakes.book import Book
from fakes.office import Office, close_office, open_office

from gateway.storage.database import Database


@pytest.fixture
def office() -> Iterator[Office]:
    """The API on stores in memory."""
    office = open_office()
    yield office
    close_office(office)


@pytest.fixture
def book(database: Database) -> Book:
    """Actions planned by hand, on both databases."""
    return Book(database)
