//! The rows of `SHOW CONFIG`.
//!
//! Settings of the node and of `[pool]` have PgBouncer's plain names, so that what reads them there
//! reads them here; others have their section before them. Tenants are not shown: they may be
//! thousands. Secrets never are.

use crate::config::Config;
use crate::config::setting::Change;
use crate::config::setting::Presence;
use crate::config::setting::Row;
use crate::config::setting::Settings;

/// One row of `SHOW CONFIG`, with PgBouncer's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownSetting {
    /// The name.
    pub key: String,
    /// The value; none if the setting is not given, or a secret.
    pub value: Option<String>,
    /// What the value would be if it were not given.
    pub default: Option<String>,
    /// Whether a reload is enough to change it.
    pub changeable: bool,
}

impl Config {
    /// The rows of `SHOW CONFIG`.
    pub fn show(&self) -> Vec<ShownSetting> {
        let mut rows = Vec::new();
        rows.extend(show(&self.node, ""));
        rows.extend(show(&self.defaults.user.pool, ""));
        // Of tenants and users only what `[pool]` may set for all.
        let is_inherited = |row: &Row| row.setting.presence == Presence::Inherited;
        rows.extend(shown(&self.defaults.tenant, "", is_inherited));
        rows.extend(shown(&self.defaults.user, "", is_inherited));
        rows.extend(show(&self.log, "log_"));
        if let Some(http) = &self.http {
            rows.extend(show(http, "http_"));
        }
        if let Some(console) = &self.console {
            // `admin_users` and `stats_users`, as in PgBouncer.
            rows.extend(show(console, ""));
        }
        for listener in &self.listeners {
            rows.extend(show(&**listener, &format!("listener.{}.", listener.name)));
        }
        rows
    }
}

fn show<T: Settings>(section: &T, prefix: &str) -> Vec<ShownSetting> {
    shown(section, prefix, |_every_row| true)
}

fn shown<T: Settings>(
    section: &T,
    prefix: &str,
    is_shown: impl Fn(&Row) -> bool,
) -> Vec<ShownSetting> {
    let rows = section.rows().into_iter().zip(T::default().rows());
    let shown = |(row, default): (Row, Row)| ShownSetting {
        key: format!("{prefix}{}", row.setting.name),
        value: row.console,
        default: default.console,
        changeable: row.setting.change == Change::Reload,
    };
    rows.filter(|(row, _default)| is_shown(row))
        .map(shown)
        .collect()
}
