"""What happened, kept append-only and hash-chained: answers, reviews, approvals, log-ins, readings of identities."""

from bedside.ledger.answers import OwnEstimate, Review, StoredAnswer
from bedside.ledger.backup import BackedUp
from bedside.ledger.cases import Case, Cases, FollowedFor, Said, asked_after, latest_before, one_per_patient, passed
from bedside.ledger.checkpoints import Checkpoint, read_checkpoints
from bedside.ledger.entry import Entry
from bedside.ledger.erasing import Erasure
from bedside.ledger.exporting import Exported
from bedside.ledger.journal import Noted
from bedside.ledger.ledger import Ledger
from bedside.ledger.migration import Migrated, migrate
from bedside.ledger.outcomes import SilentReport, require_linking
from bedside.ledger.patients import Identity
from bedside.ledger.projection import STATUSES, AnswerRow, Listed
from bedside.ledger.restoring import Restored, restore
from bedside.ledger.reviews import REASONS, VERDICTS
from bedside.ledger.service_keys import Key
from bedside.ledger.staff import Account
from bedside.ledger.standing import Approval, Reinstatement, Standings, Suspension
from bedside.ledger.succession import Deployment, Succession, successions
from bedside.ledger.suspensions import refusal, suspended_words
from bedside.ledger.user import ROLES, User
from bedside.ledger.verification import Verification
from bedside.ledger.vouched import Voucher
from bedside.ledger.worklist import Place, Tally, Wanted

__all__ = [
    "REASONS",
    "ROLES",
    "STATUSES",
    "VERDICTS",
    "Account",
    "AnswerRow",
    "Approval",
    "BackedUp",
    "Case",
    "Cases",
    "Checkpoint",
    "Deployment",
    "Entry",
    "Erasure",
    "Exported",
    "FollowedFor",
    "Identity",
    "Key",
    "Ledger",
    "Listed",
    "Migrated",
    "Noted",
    "OwnEstimate",
    "Place",
    "Reinstatement",
    "Restored",
    "Review",
    "Said",
    "SilentReport",
    "Standings",
    "StoredAnswer",
    "Succession",
    "Suspension",
    "Tally",
    "User",
    "Verification",
    "Voucher",
    "Wanted",
    "asked_after",
    "latest_before",
    "migrate",
    "one_per_patient",
    "passed",
    "read_checkpoints",
    "refusal",
    "require_linking",
    "restore",
    "successions",
    "suspended_words",
]
