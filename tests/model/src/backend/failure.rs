//! What statements fail with: a SQLSTATE and a message.

/// A SQLSTATE and a message.
pub(super) type Failure = (&'static str, &'static str);

pub(super) const CANCELED: Failure = ("57014", "canceling statement due to user request");
pub(super) const DOOMED: Failure = ("23503", "a deferred constraint failed");
pub(super) const IN_FAILED_BLOCK: Failure = (
    "25P02",
    "current transaction is aborted, commands ignored until end of transaction block",
);
pub(super) const NO_BLOCK: Failure = ("25P01", "this can only be used in transaction blocks");
pub(super) const NO_PORTAL: Failure = ("34000", "portal does not exist");
pub(super) const NO_SAVEPOINT: Failure = ("3B001", "savepoint does not exist");
pub(super) const NO_STATEMENT: Failure = ("26000", "prepared statement does not exist");
pub(super) const NO_TABLE: Failure = ("42P01", "relation does not exist");
pub(super) const REFUSED: Failure = ("22023", "invalid value");
pub(super) const STATEMENT_EXISTS: Failure = ("42P05", "prepared statement already exists");
pub(super) const TABLE_EXISTS: Failure = ("42P07", "relation already exists");
