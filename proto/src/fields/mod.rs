//! Lists that occur in messages of both directions. Each is checked whole when its message is
//! decoded, so that walking it later cannot fail, and stays where it was received: no copy, and
//! no allocation that a peer could make large with a count.

mod formats;
mod object_ids;
mod values;

pub use formats::Formats;
pub use object_ids::ObjectIds;
pub use values::Values;
pub(crate) use values::value;
