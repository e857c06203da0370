//! Reads TOML so that every mistake is found at once, each with its place.
//!
//! Nothing here knows a setting: the sections ask for theirs.

pub(in crate::config) mod finding;
pub(in crate::config) mod interpolation;
pub(in crate::config) mod loading;
pub(in crate::config) mod problem;
pub(in crate::config) mod section;
pub(in crate::config) mod source;
pub(in crate::config) mod suggestion;
pub(in crate::config) mod surroundings;
pub(in crate::config) mod value;
