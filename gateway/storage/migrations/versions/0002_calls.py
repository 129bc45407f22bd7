"""Calls: an attempt is saved before it is dialled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "call_attempt",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("delivery", sa.BigInteger(), nullable=False),
        sa.Column("daemon", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("trunk", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("placed_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("cause", sa.SmallInteger(), nullable=True),
        sa.Column("sip", sa.SmallInteger(), nullable=True),
        sa.Column("heard_ms", sa.Integer(), nullable=True),
        sa.Column("key", sa.String(length=1), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_attempt")),
    )
    op.create_index("ix_call_attempt_delivery", "call_attempt", ["delivery"], unique=False)
    op.create_index(
        "ix_call_attempt_open",
        "call_attempt",
        ["daemon"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
