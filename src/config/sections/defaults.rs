//! `[pool]` as a whole: how servers are pooled, and the inherited settings of tenants and users.

use crate::config::reading::section::Section;
use crate::config::sections::pool_settings::PoolSettings;
use crate::config::sections::tenant::Tenant;
use crate::config::sections::user::User;
use crate::config::setting::Scope;
use crate::config::setting::Settings;

/// What every tenant and every user begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// A tenant of which nothing is given.
    pub tenant: Tenant,
    /// A user of which nothing is given.
    pub user: User,
}

impl Defaults {
    /// Reads `[pool]`.
    pub(in crate::config) fn load(mut section: Section<'_>) -> Self {
        let pool = PoolSettings::load(&mut section, &PoolSettings::default());
        let mut tenant = Tenant::read(&mut section, Scope::Inherited, &Tenant::default());
        let mut user = User::read(&mut section, Scope::Inherited, &User::default());
        section.finish();
        tenant.pool.clone_from(&pool);
        user.pool = pool;
        Self { tenant, user }
    }
}
