//! One authenticated client, from its arrival to its end.
//!
//! It never asks who a client is: the edge has.

mod arrival;

pub use arrival::Arrival;
