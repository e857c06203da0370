//! Pools against one another and against time, in a world without a network.

mod blame;
mod claims;
mod far_end;
mod life;
mod moved;
mod parts;
mod sizes;
mod world;
