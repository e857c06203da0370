//! How a connection leaves the edge.

use std::sync::Arc;

use crate::edge::EdgeError;
use crate::edge::cancel_request::Canceled;
use crate::net::Socket;
use crate::session::Arrival;
use crate::tenancy::Origin;
use crate::tenancy::Tenant;

/// How a connection leaves the edge.
#[derive(Debug)]
pub enum Outcome {
    /// As a client of a tenant, authenticated and told so.
    Session(Box<Arrival>),
    /// As an operator at the SQL console, authenticated and told so.
    Operator(Box<Operator>),
    /// Closed, and logged; what is left is to count it.
    Closed(Box<Closed>),
}

/// An operator that has proven who it is.
#[derive(Debug)]
pub struct Operator {
    /// The connection; `AuthenticationOk` is the last thing that was sent.
    pub socket: Socket,
    /// Where it comes from: this machine.
    pub origin: Arc<Origin>,
    /// The user name.
    pub name: String,
    /// What it may do.
    pub role: OperatorRole,
    /// The database as the client wrote it: `pgbouncer` or `tidegate`.
    pub database: String,
    /// The startup parameters.
    pub parameters: Vec<(String, String)>,
}

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperatorRole {
    /// Every command.
    Admin,
    /// SHOW.
    Stats,
}

/// A connection that is closed.
#[derive(Debug)]
pub struct Closed {
    /// The tenant that it named, if that exists, for its counters.
    pub tenant: Option<Arc<Tenant>>,
    /// Why.
    pub reason: ClosedReason,
}

/// Why a connection was closed at the edge.
#[derive(Debug)]
pub enum ClosedReason {
    /// It was a cancel request.
    Cancel(Canceled),
    /// It came to nothing.
    Failed(EdgeError),
}
