//! The `replication` parameter of a startup message: half a boolean, half a word.

/// What a client wants to replicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Replication {
    /// Nothing: an ordinary session.
    #[default]
    None,
    /// The whole cluster; the session belongs to no database.
    Physical,
    /// Changes of its database; SQL commands are understood too.
    Logical,
}

impl Replication {
    /// What a server makes of a value: `database`, or any of its spellings of a boolean. `None` if
    /// it is neither.
    pub fn from_value(value: &[u8]) -> Option<Self> {
        if value == b"database" {
            return Some(Self::Logical);
        }
        let begins = |word: &[u8], bytes_min: usize| {
            value.len() >= bytes_min
                && word
                    .get(..value.len())
                    .is_some_and(|begin| begin.eq_ignore_ascii_case(value))
        };
        // A boolean may be cut short as long as no other could be meant: "o" is on or off.
        if begins(b"true", 1) || begins(b"yes", 1) || begins(b"on", 2) || value == b"1" {
            Some(Self::Physical)
        } else if begins(b"false", 1) || begins(b"no", 1) || begins(b"off", 2) || value == b"0" {
            Some(Self::None)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_mean_what_they_mean_to_a_server() {
        for value in ["true", "T", "tRu", "yes", "y", "on", "ON", "1"] {
            assert_eq!(
                Replication::from_value(value.as_bytes()),
                Some(Replication::Physical)
            );
        }
        for value in ["false", "f", "no", "N", "off", "OF", "0"] {
            assert_eq!(
                Replication::from_value(value.as_bytes()),
                Some(Replication::None)
            );
        }
        assert_eq!(
            Replication::from_value(b"database"),
            Some(Replication::Logical)
        );
        for value in ["", "o", "Database", "databas", "2", "truee", "tf", " on"] {
            assert_eq!(Replication::from_value(value.as_bytes()), None, "{value}");
        }
    }
}
