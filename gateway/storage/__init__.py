"""The ledger: SQLite or PostgreSQL through SQLAlchemy Core, in threads of its own."""
