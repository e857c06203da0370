//! The SQLSTATE codes that Tidegate itself gives to a client.
//!
//! See <https://www.postgresql.org/docs/current/errcodes-appendix.html>.

use std::fmt;

/// A five-character SQLSTATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// `08006`: the server connection broke.
    pub const CONNECTION_FAILURE: Self = Self(*b"08006");
    /// `08P01`: the peer broke the protocol.
    pub const PROTOCOL_VIOLATION: Self = Self(*b"08P01");
    /// `0A000`: cannot work in this pool mode.
    pub const FEATURE_NOT_SUPPORTED: Self = Self(*b"0A000");
    /// `22023`: a parameter has a value that cannot be used.
    pub const INVALID_PARAMETER_VALUE: Self = Self(*b"22023");
    /// `26000`: a prepared statement that does not exist.
    pub const INVALID_SQL_STATEMENT_NAME: Self = Self(*b"26000");
    /// `28000`: network or TLS refused, or unknown tenant.
    pub const INVALID_AUTHORIZATION_SPECIFICATION: Self = Self(*b"28000");
    /// `28P01`: authentication failed.
    pub const INVALID_PASSWORD: Self = Self(*b"28P01");
    /// `42501`: the operator lacks the right.
    pub const INSUFFICIENT_PRIVILEGE: Self = Self(*b"42501");
    /// `42601`: a console command that does not parse.
    pub const SYNTAX_ERROR: Self = Self(*b"42601");
    /// `53300`: a limit on connections is reached.
    pub const TOO_MANY_CONNECTIONS: Self = Self(*b"53300");
    /// `55P03`: refused because of a state that will pass.
    pub const LOCK_NOT_AVAILABLE: Self = Self(*b"55P03");
    /// `57014`: a wait or a query ran out of time.
    pub const QUERY_CANCELED: Self = Self(*b"57014");
    /// `57P01`: Tidegate is shutting down, or an operator ended the connection.
    pub const ADMIN_SHUTDOWN: Self = Self(*b"57P01");
    /// `57P02`: the server ended because another of its processes crashed.
    pub const CRASH_SHUTDOWN: Self = Self(*b"57P02");
    /// `57P03`: no endpoint can be reached yet.
    pub const CANNOT_CONNECT_NOW: Self = Self(*b"57P03");
    /// `57P05`: an idle client or transaction ran out of time.
    pub const IDLE_SESSION_TIMEOUT: Self = Self(*b"57P05");
    /// `25P03`: a transaction stood idle for too long.
    pub const IDLE_IN_TRANSACTION_SESSION_TIMEOUT: Self = Self(*b"25P03");
    /// `3D000`: no such database.
    pub const INVALID_CATALOG_NAME: Self = Self(*b"3D000");
    /// `XX000`: a broken internal invariant.
    pub const INTERNAL_ERROR: Self = Self(*b"XX000");

    /// The code as a server sent it; `None` unless it is five ASCII digits or capitals.
    pub fn from_bytes(code: &[u8]) -> Option<Self> {
        let code: [u8; 5] = code.try_into().ok()?;
        code.iter()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
            .then_some(Self(code))
    }

    /// The five characters.
    pub fn as_str(&self) -> &str {
        // Constructed from ASCII only, by the constants above and by `from_bytes`.
        std::str::from_utf8(&self.0).unwrap_or("XX000")
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
