//! One setting, one definition: the `settings!` table, from which come the struct, the parser,
//! `SHOW CONFIG`, the reload and `config/tidegate.toml`.
//!
//! A row must never be repeated by hand elsewhere: whoever needs to know a default or a range
//! reads [`Setting`] and [`Row`].

use std::time::Duration;

use crate::config::reading::section::Section;

/// The longest wait that makes sense where a person waits.
pub(in crate::config) const DAY: Duration = Duration::from_hours(24);

/// The longest age that makes sense for a connection.
pub(in crate::config) const YEAR: Duration = Duration::from_hours(365 * 24);

/// What is known of one setting apart from its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Setting {
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
pub(in crate::config) enum Change {
    /// A reload.
    Reload,
    /// A new process: a reload keeps the old value and says so.
    Restart,
}

/// Whether a setting must be given, and where else it may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Presence {
    /// It has a default.
    Optional,
    /// A file without it is refused.
    Required,
    /// It has a default, which the enclosing sections may change for all (`[pool]` for every
    /// tenant, a tenant for its users).
    Inherited,
}

/// Which rows of a section a table may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Scope {
    /// Its own table: all of them.
    Own,
    /// The table of an enclosing section: those that are inherited.
    Inherited,
}

impl Scope {
    /// Whether rows of this presence may stand in the table.
    pub(in crate::config) fn includes(self, presence: Presence) -> bool {
        self == Self::Own || presence == Presence::Inherited
    }
}

/// One setting with its value, in words.
pub(in crate::config) struct Row {
    /// The setting.
    pub(in crate::config) setting: &'static Setting,
    /// The value in TOML, if there is one to show.
    pub(in crate::config) toml: Option<String>,
    /// The value as the console shows it.
    pub(in crate::config) console: Option<String>,
    /// Which values it takes.
    pub(in crate::config) bounds: Option<String>,
    /// The words it takes, if it is one of a few.
    pub(in crate::config) words: &'static [&'static str],
}

/// A section that `settings!` defines.
pub(in crate::config) trait Settings: Clone + Default {
    /// How the file names it.
    const HEADER: &'static str;
    /// Its rows, in the order of the documentation.
    const ROWS: &'static [Setting];
    /// What it is, one line each.
    const DOC: &'static [&'static str];

    /// Reads the rows that the table may hold; what is not given comes from `base`.
    fn read(section: &mut Section<'_>, scope: Scope, base: &Self) -> Self;

    /// The rows with their values.
    fn rows(&self) -> Vec<Row>;

    /// The settings that differ.
    fn differences(&self, other: &Self) -> Vec<&'static Setting>;

    /// Takes over what only a restart can change.
    fn keep_until_restart(&mut self, running: &Self);
}

/// Defines a section. A row is `name: type = default, bounds, unit, change[, presence]
/// [=> example];`, and the fields under `with` are worked out after reading.
macro_rules! settings {
    (
        $(#[doc = $section_doc:literal])+
        $visibility:vis struct $Section:ident in $header:literal {
            $(
                $(#[doc = $doc:literal])+
                $name:ident: $kind:ty = $default:expr, $bounds:expr, $unit:literal, $change:ident
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
        $visibility struct $Section {
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

        impl $crate::config::setting::Settings for $Section {
            const HEADER: &'static str = $header;
            const DOC: &'static [&'static str] = &[$($section_doc),+];
            const ROWS: &'static [$crate::config::setting::Setting] = &[$(
                $crate::config::setting::settings!(
                    @row $name, $unit, $change, [$($presence)?], [$($example)?], [$($doc),+]
                ),
            )+];

            fn read(
                section: &mut $crate::config::reading::section::Section<'_>,
                scope: $crate::config::setting::Scope,
                base: &Self,
            ) -> Self {
                Self {
                    $($name: {
                        const ROW: &$crate::config::setting::Setting =
                            &$crate::config::setting::settings!(
                                @row $name, $unit, $change, [$($presence)?], [$($example)?],
                                [$($doc),+]
                            );
                        section.setting::<$kind>(ROW, scope, &($bounds), &base.$name)
                    },)+
                    $($($extra: base.$extra.clone(),)+)?
                }
            }

            fn rows(&self) -> Vec<$crate::config::setting::Row> {
                use $crate::config::bounds::Bounds;
                use $crate::config::reading::value::SettingValue;
                let values = [$(
                    (
                        self.$name.show(),
                        self.$name.console(),
                        Bounds::<$kind>::describe(&($bounds)),
                        <$kind as SettingValue>::WORDS,
                    )
                ),+];
                let row = |(setting, (toml, console, bounds, words))| {
                    $crate::config::setting::Row { setting, toml, console, bounds, words }
                };
                Self::ROWS.iter().zip(values).map(row).collect()
            }

            fn differences(&self, other: &Self) -> Vec<&'static $crate::config::setting::Setting> {
                let is_different = [$(self.$name != other.$name),+];
                let rows = Self::ROWS.iter().zip(is_different);
                rows.filter(|(_setting, is_different)| *is_different)
                    .map(|(setting, _is_different)| setting)
                    .collect()
            }

            fn keep_until_restart(&mut self, running: &Self) {
                use $crate::config::setting::Change;
                $(
                    if matches!(Change::$change, Change::Restart) {
                        self.$name.clone_from(&running.$name);
                    }
                )+
            }
        }
    };
    (
        @row $name:ident, $unit:literal, $change:ident, [$($presence:ident)?],
        [$($example:literal)?], [$($doc:literal),+]
    ) => {
        $crate::config::setting::Setting {
            name: stringify!($name),
            unit: $unit,
            change: $crate::config::setting::Change::$change,
            presence: $crate::config::setting::settings!(@presence $($presence)?),
            example: $crate::config::setting::settings!(@example $($example)?),
            doc: &[$($doc),+],
        }
    };
    (@presence) => { $crate::config::setting::Presence::Optional };
    (@presence $presence:ident) => { $crate::config::setting::Presence::$presence };
    (@example) => { None };
    (@example $example:literal) => { Some($example) };
}
pub(in crate::config) use settings;
