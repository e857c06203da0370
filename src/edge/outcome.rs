//! How a connection leaves the edge.

use std::sync::Arc;

use crate::admin::Operator;
use crate::edge::EdgeError;
use crate::edge::cancel_request::Canceled;
use crate::session::Arrival;
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
