//! SCRAM-SHA-256, both sides.
