//! What a client asks for by parameters of its session: `tidegate.route`, `tidegate.consistency` and
//! `tidegate.min_lsn`.
//!
//! To a server they are customized options that mean nothing, so that `SET`, `SET LOCAL`, `RESET`,
//! `SHOW`, `ALTER ROLE … SET` and the startup packet's `options` do with them what they do with any
//! other. See "Customized Options",
//! <https://www.postgresql.org/docs/current/runtime-config-custom.html>.

use std::rc::Rc;

use crate::config::Consistency;
use crate::config::Route;
use crate::pool::Settings;
use crate::routing::Lsn;

/// What a client asks for.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// The settings that it was read from.
    settings: Rc<Settings>,
    pub(super) route: Option<Route>,
    pub(super) consistency: Option<Consistency>,
    /// What it wants to see in any case.
    pub(super) min_lsn: Option<Lsn>,
    /// Its transactions only read, unless they say otherwise.
    pub(super) is_read_only: bool,
    /// Its transactions are `SERIALIZABLE`, which no standby can promise.
    pub(super) is_serializable: bool,
}

impl Wishes {
    /// Reads them again, if the client has set anything since the last time.
    #[inline]
    pub(super) fn follow(&mut self, settings: &Rc<Settings>) {
        if !Rc::ptr_eq(settings, &self.settings) {
            *self = Self::of(settings);
        }
    }

    fn of(settings: &Rc<Settings>) -> Self {
        let value = |name| settings.value(name);
        Self {
            settings: Rc::clone(settings),
            // What is mistyped asks for what is never wrong.
            route: value("tidegate.route")
                .map(|word| Route::of_word(word).unwrap_or(Route::Primary)),
            consistency: value("tidegate.consistency")
                .map(|word| Consistency::of_word(word).unwrap_or(Consistency::Tenant)),
            min_lsn: value("tidegate.min_lsn").and_then(|lsn| lsn.parse().ok()),
            is_read_only: value("default_transaction_read_only").is_some_and(is_on),
            is_serializable: value("default_transaction_isolation")
                .is_some_and(|level| level.eq_ignore_ascii_case("serializable")),
        }
    }
}

/// Whether a server takes a value for true; it takes others too, that nobody writes.
fn is_on(value: &str) -> bool {
    ["on", "true", "yes", "1"]
        .iter()
        .any(|on| value.eq_ignore_ascii_case(on))
}
