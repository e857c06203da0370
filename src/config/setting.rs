//! One setting, one definition: the `settings!` table, from which come the struct, the parser,
//! `SHOW CONFIG`, the reload and `config/tidegate.toml`.
//!
//! A row must never be repeated by hand elsewhere: whoever needs to know a default or a range
//! reads [`Setting`].

use std::time::Duration;

/// The longest wait that makes sense where a person waits.
#[expect(dead_code, reason = "the parser, which reads the limits, comes next")]
pub(in crate::config) const DAY: Duration = Duration::from_hours(24);

/// The longest age that makes sense for a connection.
#[expect(dead_code, reason = "the parser, which reads the limits, comes next")]
pub(in crate::config) const YEAR: Duration = Duration::from_hours(365 * 24);

/// What is known of one setting apart from its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The key in the file.
    pub name: &'static str,
    /// What the number counts, or what kind of text is meant.
    pub unit: &'static str,
    /// Whether a reload is enough.
    pub change: Change,
    /// Whether it must be given, and where else it may be given.
    pub presence: Presence,
    /// What to show in the documentation where there is no default, in TOML.
    pub example: Option<&'static str>,
    /// The sentences of the documentation, one line each.
    pub doc: &'static [&'static str],
}

/// What it takes for a new value to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A reload.
    Reload,
    /// A new process: a reload keeps the old value and says so.
    Restart,
}

/// Whether a setting must be given, and where else it may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has a default.
    Optional,
    /// A file without it is refused.
    Required,
    /// It has a default, which the enclosing section may change for all (`[pool]` for every
    /// tenant, a tenant for its users).
    Inherited,
}

/// Limits that allow every value of a type.
#[derive(Debug, Clone, Copy)]
#[expect(dead_code, reason = "the parser, which reads the limits, comes next")]
pub(in crate::config) struct Any;

/// Defines a section: a row is `name: type = default, limits, unit, change[, presence]
/// [=> example];`, and fields under `with` are worked out from other tables after reading.
macro_rules! settings {
    (
        $(#[doc = $section_doc:literal])+
        pub struct $Section:ident in $header:literal {
            $(
                $(#[doc = $doc:literal])+
                $name:ident: $kind:ty = $default:expr, $limits:expr, $unit:literal, $change:ident
                    $(, $presence:ident)? $(=> $example:literal)?;
            )+
        }
        $(with {
            $(
                $(#[doc = $extra_doc:literal])+
                $extra:ident: $extra_kind:ty = $extra_default:expr;
            )+
        })?
    ) => {
        $(#[doc = $section_doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $Section {
            $($(#[doc = $doc])+ pub $name: $kind,)+
            $($($(#[doc = $extra_doc])+ pub $extra: $extra_kind,)+)?
        }

        impl Default for $Section {
            fn default() -> Self {
                Self {
                    $($name: $default,)+
                    $($($extra: $extra_default,)+)?
                }
            }
        }

        impl $Section {
            /// The rows of this section, in the order of the documentation.
            pub const SETTINGS: &'static [$crate::config::setting::Setting] = &[$(
                $crate::config::setting::Setting {
                    name: stringify!($name),
                    unit: $unit,
                    change: $crate::config::setting::Change::$change,
                    presence: $crate::config::setting::settings!(@presence $($presence)?),
                    example: $crate::config::setting::settings!(@example $($example)?),
                    doc: &[$($doc),+],
                },
            )+];
        }
    };
    (@presence) => { $crate::config::setting::Presence::Optional };
    (@presence $presence:ident) => { $crate::config::setting::Presence::$presence };
    (@example) => { None };
    (@example $example:literal) => { Some($example) };
}
pub(in crate::config) use settings;
