//! Tenants: who they are, how a connection names one, and how many connections each holds.
//!
//! It never decides whether a client may enter; that is `restrictions`, one layer above. Restrictions
//! look at [`ClientAddress`], privileges (console, trust) at [`PeerAddress`]: two types, so that
//! neither can be handed over for the other.

mod address;
mod address_prefix;
mod claims;
mod directory;
mod name;
mod node_counts;
mod occupancy;
mod origin;
mod permit;
mod pool_counts;
mod resolve;
mod server_account;
mod startup_options;
mod tenant;

pub use address::ClientAddress;
pub use address::PeerAddress;
pub use address::UnixPeer;
pub use address_prefix::AddressPrefix;
pub use claims::Claim;
pub use directory::Directory;
pub use directory::Reloaded;
pub use directory::Tenants;
pub use name::is_tenant_name;
pub use node_counts::NodeCounts;
pub use occupancy::Side;
pub use origin::Origin;
pub use permit::ClientPermit;
pub use permit::LimitReached;
pub use permit::LimitScope;
pub use permit::ServerPermit;
pub use pool_counts::PoolCounts;
pub use pool_counts::Shard;
pub use resolve::ListenerNaming;
pub use resolve::Named;
pub use resolve::NamedBy;
pub use resolve::Names;
pub use resolve::ResolveError;
pub use resolve::resolve;
pub use server_account::NoRoom;
pub use server_account::ServerAccount;
pub use tenant::Tenant;
pub use tenant::UserCounts;
