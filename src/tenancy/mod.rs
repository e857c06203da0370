//! Tenants: who they are, how a connection names one, and how many connections each holds.
//!
//! It never decides whether a client may enter; that is `restrictions`, one layer above. Restrictions
//! look at [`ClientAddress`], privileges (console, trust) at [`PeerAddress`]: two types, so that
//! neither can be handed over for the other.

pub mod address;
pub mod address_prefix;

pub use address::ClientAddress;
pub use address::PeerAddress;
pub use address::UnixPeer;
pub use address_prefix::AddressPrefix;
