//! An operator that has proven who it is: what the edge hands to the console.

use crate::admin::access::Role;
use crate::net::Socket;
use crate::tenancy::Origin;

/// An operator that has proven who it is.
#[derive(Debug)]
pub struct Operator {
    /// The connection; `AuthenticationOk` is the last thing that was sent.
    pub socket: Socket,
    /// Where it comes from: this machine.
    pub origin: Origin,
    /// The user name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The database as the client wrote it: `pgbouncer` or `tidegate`.
    pub database: String,
    /// The startup parameters.
    pub parameters: Vec<(String, String)>,
}

impl Operator {
    /// The application's name for itself. Untrusted.
    pub fn application_name(&self) -> &str {
        let named = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("application_name");
        let found = self.parameters.iter().rev().find(named);
        found.map_or("", |(_name, value)| value)
    }
}
