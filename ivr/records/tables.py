"""Every table of the database.

Of a call there is never a phone number, a word that was said, or an id of Twilio's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    false,
)

if TYPE_CHECKING:
    from sqlalchemy import Dialect


class UtcDateTime(TypeDecorator[datetime]):
    """A date and time in UTC: SQLite forgets the time zone, so it is put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert to UTC before it is stored."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give it its time zone, UTC, when it is read."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

calls = Table(
    "calls",
    metadata,
    Column("id", String, primary_key=True),  # A keyed hash: it leads back to nobody once the key is gone.
    Column("channel", String, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),  # Empty while the call goes on.
    Column("end_estimated", Boolean, nullable=False),
    Column("language", String, nullable=False),
    Column("last_stop", String, nullable=False),
    Column("outcome", String),  # Empty while the call goes on.
    Column("turns", Integer, nullable=False),
    Column(
        "mark", String, nullable=False, server_default="", index=True
    ),  # The caller mark: for erasing only.
    Column("exact_until", UtcDateTime, index=True),  # Then its start is blurred; empty once that is done.
    Index(None, "started_at", "id"),
    Index(None, "ended_at"),
    # A report reads this index alone, and none of a month's calls.
    Index("ix_calls_report", "started_at", "channel", "language", "outcome", "last_stop"),
)

turns = Table(
    "turns",
    metadata,
    Column("call_id", ForeignKey(calls.c.id, ondelete="CASCADE"), primary_key=True),
    Column("key", String, primary_key=True),
    Column("n", Integer, nullable=False),  # The order within the call.
    Column("stop", String, nullable=False),
    Column("heard", String, nullable=False),
    Column("seconds", Double, nullable=False),  # Since the call's start, so that it can be blurred later.
    Column("language", String, nullable=False),
    Column("order_name", String, nullable=False),
    Column("rang", String, nullable=False),
    Column("ended", String, nullable=False),
    Column("outcome", String, nullable=False),  # What it decides of the outcome: informed, left, opted_out, …
    Column(
        "transfer_id", String, nullable=False, server_default=""
    ),  # A live transfer's; empty on the direct path.
    Column("written", String, nullable=False, server_default=""),  # The language of a text in words.
    Column(
        "nearest", String, nullable=False, server_default=""
    ),  # The stop nearest to what was not understood.
)

transfers = Table(
    "transfers",
    metadata,
    Column("id", String, primary_key=True),
    Column("call_id", ForeignKey(calls.c.id, ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),  # The first, second, … transfer of the call.
    Column("order_name", String, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("outcome", String),  # Empty while it goes on.
    Column("waited_seconds", Double),
    UniqueConstraint("call_id", "number"),
    Index("ix_transfers_report", "started_at", "outcome", "waited_seconds"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", String, primary_key=True),
    Column("transfer_id", ForeignKey(transfers.c.id, ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),  # The first, second, … attempt of the transfer.
    Column("agency", String, nullable=False),
    Column("rung_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),
    Column("accepted_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("outcome", String),
    Column("seconds", Double),  # From the ring to its end, the conversation included.
    Column("waited_seconds", Double),  # What of them the caller waited.
    UniqueConstraint("transfer_id", "number"),
    Index(None, "agency", "rung_at"),
    Index("ix_attempts_report", "rung_at", "agency", "outcome", "answered_at"),
)

live_transfers = Table(  # The truth about transfers that go on; `transfers` above is computed from turns.
    "live_transfers",
    metadata,
    Column("id", String, primary_key=True),
    Column("call_id", String, nullable=False),  # The call's row may be filed later.
    Column("order_name", String, nullable=False),
    Column("language", String, nullable=False),
    Column("state", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),  # The number of the last attempt; 0 before the first.
    Column("agency", String, nullable=False),
    Column("tried", String, nullable=False),  # Names, with commas between them.
    Column("waited", Integer, nullable=False),
    Column("since", Integer, nullable=False),
    Column("tick", Integer, nullable=False),
    Column("topic", String, nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Index(None, "call_id"),
    Index(None, "state", "changed_at"),
    Index(None, "changed_at"),
)

agency_status = Table(
    "agency_status",
    metadata,
    Column("agency", String, primary_key=True),
    Column("off", Boolean, nullable=False),
    Column("off_until", UtcDateTime),  # Empty: until somebody switches it on.
    Column("why", String, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

daily = Table(  # What is left of calls that were forgotten. No two things of one call stand in one row.
    "daily",
    metadata,
    Column("day", Date, primary_key=True),  # Of all but the plain numbers of calls: a month's first.
    Column("what", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("count", Integer, nullable=False),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("mark", String, primary_key=True),
    Column("since", Date, nullable=False),  # With a time it would show which text it was.
)

blocks = Table(
    "blocks",
    metadata,
    Column("mark", String, primary_key=True),
    Column("until", UtcDateTime, nullable=False),
    Column("why", String, nullable=False),
    Column("id", String, nullable=False, server_default=""),  # At random: pages name a block by it.
    Column("since", Date),
    Column("who", String, nullable=False, server_default=""),
    Index("uq_blocks_id", "id", unique=True),
)

erased_calls = Table(  # What comes late of these calls is dropped.
    "erased_calls",
    metadata,
    Column("call_id", String, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),  # Rounded down to the hour.
)

erased_marks = Table(  # What happened under them before, and is still in a journal, is dropped. For a day.
    "erased_marks",
    metadata,
    Column("mark", String, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

operators = Table(
    "operators",
    metadata,
    Column("name", String, primary_key=True),
    Column("role", String, nullable=False),
    Column("password", String, nullable=False),  # Hashed by argon2.
    Column("seed", String, nullable=False),  # The second factor's key is made of it and SECRET_KEY.
    Column("enrolled", Boolean, nullable=False),  # Whether the second factor is in use.
    Column("step", Integer, nullable=False),  # The last code's time step: a code is good once.
    Column("recovery", String, nullable=False),  # Keyed hashes, with spaces between them.
    Column("disabled", Boolean, nullable=False),
    Column("epoch", Integer, nullable=False),  # Counts up to end every session.
    # Random, and new whenever sessions end: nobody forges one who has SECRET_KEY alone. Empty: none is good.
    Column("session_key", String, nullable=False, server_default=""),
    Column("first_password_until", UtcDateTime),  # Empty: the first password is good no more.
)

operator_sessions = Table(  # Who is signed in: a session without its row is over.
    "operator_sessions",
    metadata,
    Column("hash", String, primary_key=True),  # The session's token itself stands in its cookie alone.
    Column("id", String, nullable=False, unique=True),  # At random: pages name a session by it.
    Column("who", String, nullable=False, index=True),
    Column("browser", String, nullable=False),  # Its family, and nothing more: no address, no version.
    Column("began_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),  # To the minute.
)

kept_forms = Table(  # What was typed when a session had ended, sealed under a token of the author's browser.
    "kept_forms",
    metadata,
    Column("hash", String, primary_key=True),  # Of that token.
    Column("who", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

passkeys = Table(  # Public keys of operators' passkeys: whoever reads them can sign in by none.
    "passkeys",
    metadata,
    Column("id", String, primary_key=True),  # The credential's, in base64url.
    Column("who", String, nullable=False, index=True),
    Column("handle", String, nullable=False),  # What the authenticator calls the operator: random.
    Column("name", String, nullable=False),  # The operator's own word for it.
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),  # It only counts up, or is always 0.
    Column("challenged_at", Double, nullable=False),  # When the last challenge was made that it answered.
    Column("added_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)

audit = Table(  # What operators did; each row holds the hash of the one before.
    "audit",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String, nullable=False),
    Column("did", String, nullable=False),
    Column("about", String, nullable=False),
    Column("before", String, nullable=False),
    Column("hash", String, nullable=False),
)

audit_head = Table(  # A copy of the newest row of the audit: it shows when newest rows are cut off.
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("n", Integer, nullable=False),
    Column("hash", String, nullable=False),
)

retention = Table(  # How long the log is kept, where somebody chose it; and up to when it is forgotten.
    "retention",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("rows_days", Integer),
    Column("counts_months", Integer),
    Column("forgot_to", UtcDateTime),
)

notes = Table(  # About the line, never about a caller.
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_id", ForeignKey(calls.c.id, ondelete="CASCADE"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String, nullable=False),
    Column("text", String, nullable=False),
)

prompt_versions = Table(  # Each version that somebody wrote of a prompt.
    "prompt_versions",
    metadata,
    Column("language", String, primary_key=True),
    Column("key", String, primary_key=True),  # As `ivr check` names it: stops.law.say.
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("text", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String, nullable=False),
    Column("first_published_at", UtcDateTime),  # Empty for a draft.
)

unsaved_prompts = Table(  # What somebody is writing, so that it outlives their session: one a prompt.
    "unsaved_prompts",
    metadata,
    Column("who", String, primary_key=True),
    Column("language", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("text", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

published_prompts = Table(  # Which version is heard; without a row the prompt of the file is.
    "published_prompts",
    metadata,
    Column("language", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("version", Integer, nullable=False),
    ForeignKeyConstraint(
        ["language", "key", "version"],
        ["prompt_versions.language", "prompt_versions.key", "prompt_versions.version"],
    ),
)

phrase_versions = Table(  # Each time that phrases were to be published: they are learned by a worker first.
    "phrase_versions",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("state", String, nullable=False),  # waiting, learning, published, refused, failed.
    Column("at", UtcDateTime, nullable=False),
    Column("who", String, nullable=False),
    Column("basis", String, nullable=False, server_default=""),  # Over which files' weights it was learned.
    Column("outcome", String, nullable=False, server_default=""),  # The figures on the check set, as JSON.
    Column("learning_until", UtcDateTime),  # After this the worker that learns is taken for dead.
    Column("trial", Boolean, nullable=False, server_default=false()),  # Only measured, never in force.
)

added_phrases = Table(  # What operators added to the files' phrases: of each version all, of 0 the draft.
    "added_phrases",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("language", String, primary_key=True),
    Column("name", String, primary_key=True),  # An intent, or another name of a file of phrases.
    Column("text", String, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String, nullable=False),
)

learned_weights = Table(  # The files of each version that was published: going back needs no learning.
    "learned_weights",
    metadata,
    Column("version", ForeignKey(phrase_versions.c.version), primary_key=True, autoincrement=False),
    Column("file", String, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

weights_in_force = Table(  # Which version reads texts; without a row the weights of the files do.
    "weights_in_force",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", ForeignKey(phrase_versions.c.version), nullable=False),
)

text_deliveries = Table(  # How many texts arrived, and why others did not: counts, and nothing of a phone.
    "text_deliveries",
    metadata,
    Column("day", Date, primary_key=True),
    Column("reason", String, primary_key=True),  # Twilio's code; empty for those that arrived.
    Column("count", Integer, nullable=False),
    Column("in_a_row", Integer, nullable=False),  # Of these: since one last arrived.
)

tallies = Table(  # The counts of a day that is over; deleted when a call of it changes or goes.
    "tallies",
    metadata,
    Column("zone", String, primary_key=True),  # By whose clock the day was counted.
    Column("day", Date, primary_key=True, index=True),
    Column("what", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("count", Integer, nullable=False),
)

worker_heartbeats = Table(  # When each worker last showed that it is alive.
    "worker_heartbeats",
    metadata,
    Column("worker", String, primary_key=True),  # At random, for each start.
    Column("at", UtcDateTime, nullable=False),
)

notices = Table(  # A short sentence said and texted for a time, such as of a holiday; a language a row.
    "notices",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("language", String, primary_key=True),
    Column("words", String, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("who", String, nullable=False),
)

shift_log = Table(  # What one shift tells the next about the line, never about a caller.
    "shift_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("kind", String, nullable=False),  # note, alarm, agency_off, agency_on, feedback.
    Column("about", String, nullable=False),  # The agency, or which alarm; for feedback its kind too.
    Column("text", String, nullable=False),  # The note, or why an agency was switched off.
    Column("who", String, nullable=False),  # Empty for an alarm.
    Column("until", UtcDateTime, index=True),  # A note or an alarm is pinned until then; an agency is off.
)

shift_log_readers = Table(
    "shift_log_readers",
    metadata,
    Column("entry_id", ForeignKey(shift_log.c.id, ondelete="CASCADE"), primary_key=True),
    Column("who", String, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

wall_tokens = Table(  # Which screens on a wall may show the page Now, and nothing else.
    "wall_tokens",
    metadata,
    Column("hash", String, primary_key=True),  # The token itself stands nowhere.
    Column("id", String, nullable=False, unique=True),  # At random: pages name a screen by it.
    Column("name", String, nullable=False),  # Where the screen hangs.
    Column("at", UtcDateTime, nullable=False),
    Column("who", String, nullable=False),
)

saved_views = Table(  # Filters of the call log that operators saved by name.
    "saved_views",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("who", String, nullable=False),
    Column("name", String, nullable=False),
    Column("query", String, nullable=False),  # As an address has it: no number, no caller's word.
    Column("shared", Boolean, nullable=False),  # Whether everybody sees it, or whoever saved it alone.
    UniqueConstraint("who", "name"),
)

month_keys = Table(  # PostgreSQL: the keys that all hosts share. Without SECRET_KEY a row opens to nobody.
    "month_keys",
    metadata,
    Column("name", String, primary_key=True),  # A month, or "lists"; a further key of it has a number too.
    Column("sealed", LargeBinary, nullable=False),
)

markers = Table(  # PostgreSQL: what the marker files of each host say, for all others. For six hours.
    "markers",
    metadata,
    Column("name", String, primary_key=True),  # The name of the file: keyed ids.
    Column("says", String, nullable=False),  # Where the file leads: waits, direct; else empty.
    Column("at", UtcDateTime, nullable=False, index=True),
)

notifications = Table(  # What each operator wants to be told of, and where. Counts are all that is sent.
    "notifications",
    metadata,
    Column("who", String, primary_key=True),
    Column("address", LargeBinary, nullable=False),  # Sealed under SECRET_KEY.
    Column("language", String, nullable=False),
    Column("digest", String, nullable=False),  # daily, weekly, or none.
    Column("alarms", String, nullable=False),  # Names, with spaces between them.
    Column("unreached", Integer, nullable=False),  # From so many in a day on that alarm is given.
    Column("chosen_at", UtcDateTime, nullable=False),
    Column("tried_at", UtcDateTime),  # When something was last sent,
    Column("fault", String, nullable=False, server_default=""),  # and why it did not go; empty: it went.
)

notifications_sent = Table(  # Each digest, and each alarm until its event is over: who claims it sends it.
    "notifications_sent",
    metadata,
    Column("who", String, primary_key=True),
    Column("what", String, primary_key=True),  # "digest 2026-11-26" or "alarm unreached".
    Column("at", UtcDateTime, nullable=False),  # Of the last try.
    Column("tries", Integer, nullable=False),
    Column("sent", Boolean, nullable=False),
)

agency_feedback = Table(  # What an agency said by a link that it was sent: of each kind once.
    "agency_feedback",
    metadata,
    Column("link", String, primary_key=True),  # At random; it opens nothing.
    Column("kind", String, primary_key=True),  # too_many, wrong_hours, wrong_number, stop.
    Column("agency", String, nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("state", String, nullable=False),  # noted; where a switch is proposed: proposed, done, dismissed.
    Column("who", String, nullable=False, server_default=""),  # Who decided.
)
