//! The `PostgreSQL` wire protocol, the PROXY protocol and SCRAM, without I/O: bytes in, facts out.
//!
//! Nothing here reads a clock, draws a random number or touches a socket; nothing here may panic
//! or allocate past a named limit, whatever the bytes say. Everything a fuzzer should eat is here.

pub mod fault;
pub mod proxy;
pub mod scram;
pub mod sqlstate;
