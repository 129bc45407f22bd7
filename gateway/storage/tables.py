"""Every table, for SQLite and PostgreSQL alike. Rows stay in this package; domain objects leave it.

Times are microseconds since the epoch, UTC (:class:`UtcTime`): one integer compares, indexes and travels faster than
text, and means the same in both databases. Codes of states are those of the domain's enums.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_us(moment: datetime) -> int:
    """An aware time as microseconds since the epoch, exact."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_us(value: int) -> datetime:
    """Microseconds since the epoch as an aware time in UTC."""
    return _EPOCH + timedelta(microseconds=value)


class UtcTime(TypeDecorator[datetime]):
    """An aware ``datetime`` kept as microseconds since the epoch. A naive one is refused."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Python to database."""
        return None if value is None else to_us(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Database to Python."""
        return None if value is None else from_us(value)


# SQLite makes only an INTEGER PRIMARY KEY the row's own id; PostgreSQL needs 64 bits.
Id = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# ---------------------------------------------------------------- who may be reached

number = Table(
    "number",
    metadata,
    Column("id", Id, primary_key=True),
    # HMAC-SHA256 of the E.164 form, cut to 16 bytes: look-up without reading.
    Column("blind", LargeBinary(16), nullable=False, unique=True),
    # AES-256-GCM: nonce 12, the E.164 form padded to 16, tag 16. Always 44 bytes.
    Column("sealed", LargeBinary(44), nullable=False),
    Column("country", SmallInteger, nullable=False),  # calling code: 31, 49, 32
    Column("kind", SmallInteger, nullable=False),  # domain.participant.NumberKind
    # A deleted number's id is never another's: the ledger may still name it.
    sqlite_autoincrement=True,
)

person = Table(
    "person",
    metadata,
    Column("id", Id, primary_key=True),
    Column("ref", String(64), nullable=False, unique=True),
    Column("mobile_id", Id, ForeignKey("number.id")),
    Column("landline_id", Id, ForeignKey("number.id")),
    # The calling code where the number's class may be texted (dialled), else NULL: a copy of what the table number
    # says, so that planning need not look at 8,000 numbers all over a table of millions.
    Column("mobile_country", SmallInteger),
    Column("landline_country", SmallInteger),
    Column("language", String(2), nullable=False),
    # Bits: 1 sms, 2 voice. 0: sms where there is a mobile, else voice.
    Column("lanes", SmallInteger, nullable=False),
    Column("left_at", UtcTime),
    Column("paused_until", UtcTime),
    Column("updated_at", UtcTime, nullable=False),
    Index("ix_person_mobile_id", "mobile_id"),
    Index("ix_person_landline_id", "landline_id"),
    sqlite_autoincrement=True,
)

place = Table(
    "place",
    metadata,
    Column("id", Id, primary_key=True),
    Column("person_id", Id, ForeignKey("person.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("lat", Float(53), nullable=False),
    Column("lon", Float(53), nullable=False),
    # The point on the unit sphere (domain.selection.unit_vector): distance without trigonometry.
    Column("x", Float(53), nullable=False),
    Column("y", Float(53), nullable=False),
    Column("z", Float(53), nullable=False),
    # Grid cell (storage.geography): neighbours in a row of cells are neighbours in the index.
    Column("cell", Integer, nullable=False),
    Column("municipality", String(80), nullable=False),
    Column("municipality_key", String(80), nullable=False, index=True),
    Column("label", String(80), nullable=False),
    # Local time (Europe/Amsterdam), minutes after midnight; both or neither. May cross midnight.
    Column("quiet_from", SmallInteger),
    Column("quiet_to", SmallInteger),
    Column("quiet_strict", Boolean, nullable=False),
    # All that selection asks of a place: it reads a stretch of this index and no row of the table.
    Index("ix_place_cell", "cell", "person_id", "x", "y", "z", "quiet_from", "quiet_to", "quiet_strict"),
)

# ---------------------------------------------------------------- actions

action = Table(
    "action",
    metadata,
    Column("number", Id, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("code", String(8), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("domain", String(32), nullable=False),
    Column("urgency", SmallInteger, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("area", JSON, nullable=False),  # as the API takes it
    Column("lanes", SmallInteger, nullable=False),  # bits: 1 sms, 2 voice
    Column("control_room", String(80)),
    Column("place", String(200)),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    Column("outcome", String(32)),
    Column("created_by", String(80), nullable=False),
    Column("planned", JSON, nullable=False),  # {"sms": n, "voice": n}
    Column("left_out", JSON, nullable=False),  # {reason: n}
    # For parts and price: {"sms": [[calling code, language, n]], "voice": [[language, n]]}
    Column("audience", JSON, nullable=False, server_default="{}"),
    Index(
        "uq_action_code_open",
        "code",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

action_version = Table(
    "action_version",
    metadata,
    Column("action", Id, ForeignKey("action.number"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("purpose", SmallInteger, nullable=False),
    Column("text", JSON, nullable=False),  # {language: {"sms": ..., "speech": ...}}
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(80), nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("principal", String(80), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("body_sha256", LargeBinary(32), nullable=False),
    Column("action", Id, ForeignKey("action.number"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

# ---------------------------------------------------------------- the ledger

# One row of counters: delivery ids are handed out in blocks, so that what an action planned is one range of ids and
# claiming, cancelling and marking it are range statements.
delivery_block = Table(
    "delivery_block",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("next_delivery", BigInteger, nullable=False),
)

# A planned range of deliveries of one action, lane and purpose. Claiming moves next_id.
dispatch = Table(
    "dispatch",
    metadata,
    Column("id", Id, primary_key=True),
    Column("action", Id, ForeignKey("action.number"), nullable=False, index=True),
    Column("lane", SmallInteger, nullable=False),
    Column("purpose", SmallInteger, nullable=False),
    Column("urgency", SmallInteger, nullable=False),
    Column("first_id", BigInteger, nullable=False),
    Column("last_id", BigInteger, nullable=False),
    Column("next_id", BigInteger, nullable=False),
    # Set while next_id <= last_id and the action may send: the claim's index has only work in it.
    Column("waiting", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index(
        "ix_dispatch_waiting",
        "lane",
        text("urgency DESC"),
        "id",
        sqlite_where=text("waiting"),
        postgresql_where=text("waiting"),
    ),
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    # No foreign key: only planning makes rows, in the transaction that makes the action, and PostgreSQL would look up
    # the action once a row.
    Column("action", Id, nullable=False),
    Column("person_id", Id, nullable=False),
    Column("number_id", Id, nullable=False),
    Column("language", String(2), nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("purpose", SmallInteger, nullable=False),
    Column("version", Integer, nullable=False),  # the version that was sent, or that will be
    Column("state", SmallInteger, nullable=False),
    Column("reason", String(32)),
    Column("detail", String(200)),
    Column("attempts", SmallInteger, nullable=False),
    # Set while a delivery in state RETRY waits for its time; NULL once it is claimed.
    Column("retry_at", UtcTime),
    Column("changed_at", UtcTime),
    # Which actions reached this number: asked an action at a time (join the table action), newest first. An index led
    # by the number would be one page a row to write, all over a ledger of millions; this one is written in one place.
    Index("ix_delivery_action_number_id", "action", "number_id"),
    Index(
        "ix_delivery_retry_at",
        "lane",
        "retry_at",
        sqlite_where=text("retry_at IS NOT NULL"),
        postgresql_where=text("retry_at IS NOT NULL"),
    ),
)

# What one submit_sm became. (delivery, part) is a new row a part; a retry replaces it.
segment = Table(
    "segment",
    metadata,
    Column("delivery", BigInteger, primary_key=True, autoincrement=False),
    Column("part", SmallInteger, primary_key=True, autoincrement=False),
    Column("parts", SmallInteger, nullable=False),  # how many the message has
    Column("carrier", SmallInteger, nullable=False),
    Column("message_id", String(255), nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("submitted_at", UtcTime, nullable=False),
    Column("settled_at", UtcTime),
    Column("error", String(16)),
    Index("ix_segment_message_id", "message_id", "carrier"),
    sqlite_with_rowid=False,
)

# A call: saved before it is dialled, completed when it is over. Its id is the ChannelId at Asterisk.
call_attempt = Table(
    "call_attempt",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("delivery", BigInteger, nullable=False, index=True),
    Column("daemon", Id, nullable=False),  # who waits for its end
    Column("trunk", String(40), nullable=False),
    Column("version", Integer, nullable=False),  # of the text that was heard, or would have been
    Column("placed_at", UtcTime, nullable=False),
    Column("answered_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("outcome", String(32)),  # ivr.causes.EndKind
    Column("cause", SmallInteger),  # Q.850
    Column("sip", SmallInteger),
    Column("heard_ms", Integer),
    Column("key", String(1)),  # the last one pressed that meant something
    Index(
        "ix_call_attempt_open",
        "daemon",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

# Receipts that came before their submit response was stored, or that nobody knows.
orphan_receipt = Table(
    "orphan_receipt",
    metadata,
    Column("id", Id, primary_key=True),
    Column("carrier", SmallInteger, nullable=False),
    Column("message_id", String(255), nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("reason", String(32)),
    Column("error", String(16)),
    Column("done_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Index("ix_orphan_receipt_message_id", "message_id", "carrier"),
)

carrier = Table(
    "carrier",
    metadata,
    Column("id", SmallInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
)

# A running process. What it has claimed is its own while its heart beats.
daemon = Table(
    "daemon",
    metadata,
    Column("id", Id, primary_key=True),
    Column("node", String(80), nullable=False),  # the journal's folder belongs to a node
    Column("boot_id", String(40), nullable=False),  # another boot: the journal may have lost its end
    Column("started_at", UtcTime, nullable=False),
    Column("heartbeat_at", UtcTime, nullable=False),
    Column("stopped_at", UtcTime),
)

# Deliveries that a daemon has taken and not yet answered for: a range of a dispatch, or single retries.
claim = Table(
    "claim",
    metadata,
    Column("id", Id, primary_key=True),
    Column("daemon", Id, ForeignKey("daemon.id"), nullable=False, index=True),
    Column("lane", SmallInteger, nullable=False),
    Column("first_id", BigInteger),
    Column("last_id", BigInteger),
    Column("ids", JSON),
    Column("claimed_at", UtcTime, nullable=False),
)

# ---------------------------------------------------------------- what came back, and what is told

response = Table(
    "response",
    metadata,
    Column("number", Id, primary_key=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("action", Id, ForeignKey("action.number"), index=True),
    Column("kind", String(16), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("number_id", Id, index=True),  # known numbers only
    Column("caller", String(40), nullable=False),  # masked, or a pseudonym
    Column("routed_by", String(32), nullable=False),
    Column("text", Text, nullable=False),
    Column("spoke_to_operator", Boolean, nullable=False),
    Column("useful", Boolean),
    Column("led_to_success", Boolean),
    Column("note", Text, nullable=False),
    Column("changed_by", String(80)),
    # The same MO delivered twice is one response.
    Column("fingerprint", LargeBinary(16)),
    UniqueConstraint("fingerprint"),
)

event = Table(
    "event",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("action_id", String(32), index=True),
    Column("at", UtcTime, nullable=False),
    Column("data", JSON, nullable=False),
    sqlite_autoincrement=True,
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("hash", String(200), nullable=False),  # argon2id
    Column("created_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
)
