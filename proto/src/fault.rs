//! Who caused an error: the one question every error type of Tidegate can answer.

/// Who is at fault when something went wrong. It decides the log level, the counter and whether
/// the peer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The client, or whoever speaks in its place (a load balancer that sends a bad header).
    Client,
    /// The `PostgreSQL` server, or the path to it.
    Server,
    /// Tidegate itself, its configuration or its machine.
    Pooler,
}
