//! Tidegate: a multi-tenant PostgreSQL connection pooler that understands the PROXY protocol.
//!
//! The modules are layers; each names only those below it (ARCHITECTURE.md has the list).

pub mod admin;
pub mod auth;
pub mod config;
pub mod edge;
pub mod limits;
pub mod net;
pub mod pool;
pub mod restrictions;
pub mod routing;
pub mod session;
pub mod sql;
pub mod telemetry;
pub mod tenancy;
pub mod worker;
