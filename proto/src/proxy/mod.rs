//! The PROXY protocol, receiver side.
