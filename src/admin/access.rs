//! Who may do what: one table of commands, for the console and for everything else that takes
//! commands. What is not in it, nobody may do.
//!
//! The console asks it in one place, the dispatcher, and no command asks for itself: PgBouncer's
//! `KILL_CLIENT` once forgot to (CVE-2026-6667).

use crate::admin::Topic;

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// See.
    Stats,
    /// See and do.
    Admin,
}

/// Something that an operator can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// `SHOW`.
    Show(Topic),
    /// `SHOW ROUTE`.
    ShowRoute,
    /// `SET` of a parameter that has no meaning here: drivers do it unasked.
    SetIgnored,
    /// `SET` of a setting.
    Set,
    /// `RELOAD`.
    Reload,
    /// `KILL_CLIENT`.
    KillClient,
}

/// The least role that each action takes.
const TABLE: [(Action, Role); 26] = [
    (Action::Show(Topic::Clients), Role::Stats),
    (Action::Show(Topic::Config), Role::Stats),
    (Action::Show(Topic::Databases), Role::Stats),
    (Action::Show(Topic::DnsHosts), Role::Stats),
    (Action::Show(Topic::Endpoints), Role::Stats),
    (Action::Show(Topic::Help), Role::Stats),
    (Action::Show(Topic::Lists), Role::Stats),
    (Action::Show(Topic::Pools), Role::Stats),
    (Action::Show(Topic::Servers), Role::Stats),
    (Action::Show(Topic::State), Role::Stats),
    (Action::Show(Topic::Stats), Role::Stats),
    (Action::Show(Topic::StatsAverages), Role::Stats),
    (Action::Show(Topic::StatsTotals), Role::Stats),
    (Action::Show(Topic::Totals), Role::Stats),
    (Action::Show(Topic::Users), Role::Stats),
    (Action::Show(Topic::Version), Role::Stats),
    (Action::Show(Topic::ClientEncoding), Role::Stats),
    (Action::Show(Topic::DateStyle), Role::Stats),
    (
        Action::Show(Topic::DefaultTransactionIsolation),
        Role::Stats,
    ),
    (Action::Show(Topic::StandardConformingStrings), Role::Stats),
    (Action::Show(Topic::TimeZone), Role::Stats),
    (Action::ShowRoute, Role::Stats),
    (Action::SetIgnored, Role::Stats),
    (Action::Set, Role::Admin),
    (Action::Reload, Role::Admin),
    (Action::KillClient, Role::Admin),
];

impl Action {
    /// Every action.
    pub fn all() -> impl Iterator<Item = Self> {
        let commands = [
            Self::ShowRoute,
            Self::SetIgnored,
            Self::Set,
            Self::Reload,
            Self::KillClient,
        ];
        Topic::ALL.into_iter().map(Self::Show).chain(commands)
    }

    /// The least role that it takes; none if nobody may do it.
    pub fn least_role(self) -> Option<Role> {
        let row = TABLE.iter().find(|(action, _role)| *action == self);
        row.map(|(_action, role)| *role)
    }
}

impl Role {
    /// The word for it in the log.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stats => "stats",
            Self::Admin => "admin",
        }
    }

    /// Whether this role is enough for an action.
    pub fn may(self, action: Action) -> bool {
        action.least_role().is_some_and(|least| self >= least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_stands_in_the_table_once() {
        assert_eq!(Action::all().count(), TABLE.len());
        for action in Action::all() {
            let rows = TABLE.iter().filter(|(known, _)| *known == action);
            assert_eq!(rows.count(), 1, "{action:?}");
        }
    }

    #[test]
    fn stats_users_see_everything_and_do_nothing() {
        for action in Action::all() {
            let is_harmless = matches!(
                action,
                Action::Show(_) | Action::ShowRoute | Action::SetIgnored
            );
            assert_eq!(Role::Stats.may(action), is_harmless, "{action:?}");
            assert!(Role::Admin.may(action), "{action:?}");
        }
    }
}
