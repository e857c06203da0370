//! The words that say where reads go, and how old what they see may be.

use crate::config::choice::choices;

impl Route {
    /// The route that a word stands for, in upper or lower case.
    pub fn of_word(word: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|route| route.as_str().eq_ignore_ascii_case(word))
            .copied()
    }
}

impl Consistency {
    /// The consistency that a word stands for, in upper or lower case.
    pub fn of_word(word: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|one| one.as_str().eq_ignore_ascii_case(word))
            .copied()
    }
}

choices! {
    /// Where the statements of a client go.
    pub enum Route {
        /// What certainly only reads to the nearest replica, everything else to the primary.
        Auto = "auto",
        /// All to the primary.
        Primary = "primary",
        /// All to a replica.
        Replica = "replica",
    }
}

choices! {
    /// Where a transaction block begins that does not say what it will do.
    pub enum TransactionRouting {
        /// At the primary.
        Primary = "primary",
        /// At the nearest replica, where it stays if its first statement certainly only reads.
        FirstStatement = "first_statement",
    }
}

choices! {
    /// How old what a read at a replica sees may be.
    pub enum Consistency {
        /// Not older than what its client has written and read before.
        Session = "session",
        /// Not older than anything that any client of the tenant has written through this node.
        Tenant = "tenant",
        /// Not older than `max_lag`.
        Bounded = "bounded",
        /// Any age.
        Eventual = "eventual",
    }
}
