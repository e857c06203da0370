//! A rate limit as the configuration states it.

/// How many events may happen.
///
/// **Units**: events; `per_second` 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many in a second in the long run; 0 is no limit.
    pub per_second: u32,
    /// How many at once.
    pub burst: u32,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Self = Self {
        per_second: 0,
        burst: 0,
    };

    /// Whether there is no limit.
    pub const fn is_unlimited(self) -> bool {
        self.per_second == 0
    }
}
