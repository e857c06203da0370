//! A node of Tidegate with clients and servers in memory: no network, no kernel, one thread. What is
//! measured in it is the pooler's own.
//!
//! The clients and servers need no memory to speak, so that whatever a transaction allocates, the
//! pooler allocates.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a world that breaks must end the measurement"
)]

mod far_end;
mod pipe;
mod world;

pub use self::far_end::Script;
pub use self::far_end::Side;
pub use self::world::Guest;
pub use self::world::World;
