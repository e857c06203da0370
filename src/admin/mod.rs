//! What operators see and do: the SQL console and the HTTP endpoints.
//!
//! Both read what workers tell of themselves ([`Picture`]) and say by letter what is to be done;
//! neither touches a client's socket or a pool, and nothing secret is within their reach. Every
//! command passes one table ([`access`]); what is not in it is refused.
//!
//! # Layout
//!
//! - [`Desk`]: everything that both read. [`Picture`]: the node at one moment.
//! - [`console`]: `psql … pgbouncer`, with PgBouncer's commands and columns.
//! - [`http`]: `/metrics`, `/healthz`, `/readyz`.

pub mod access;
mod averages;
pub mod console;
mod desk;
mod endpoints;
pub mod http;
mod operator;
mod orders;
mod picture;
mod roster;
mod route;
#[cfg(test)]
mod sample;
mod topic;

pub use self::averages::Averages;
pub use self::averages::Interval;
pub use self::desk::Desk;
pub use self::desk::Furniture;
pub use self::operator::Operator;
pub use self::orders::Order;
pub use self::orders::Orders;
pub use self::orders::OrdersClosed;
pub use self::orders::ReloadOutcome;
pub use self::orders::ReloadRefused;
pub use self::orders::Reloaded;
pub use self::picture::Picture;
pub use self::picture::PoolFigures;
pub use self::picture::PoolName;
pub use self::roster::Enrolled;
pub use self::roster::Roster;
pub use self::roster::RosterFull;
pub use self::route::RouteLine;
pub use self::route::RouteQuestion;
pub use self::route::route;
pub use self::topic::Topic;
