//! Fields that several messages share. Each is checked whole when its message is decoded, so that
//! using it later cannot fail, and stays where it was received: no copy, and no allocation that a
//! peer could make large with a count.

mod cancel_key;
mod formats;
mod object_ids;
mod values;

pub use cancel_key::CancelKey;
pub use formats::Formats;
pub use object_ids::ObjectIds;
pub use values::Values;
pub(crate) use values::value;
