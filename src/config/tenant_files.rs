//! The folder of tenant files: each `*.toml` in it is one tenant.
//!
//! Files are read in the order of their names; hidden ones are left alone, as editors and mounts
//! put them there.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::load;
use crate::config::reading::loading::Loading;
use crate::config::reading::problem::Problem;
use crate::config::reading::section::Section;
use crate::config::reading::source::Source;
use crate::config::sections::auth_type::AuthType;
use crate::config::sections::defaults::Defaults;
use crate::config::sections::listener::ClientCertificate;
use crate::config::sections::listener::Listener;
use crate::config::sections::listener::ListenerTls;
use crate::config::sections::names::Names;
use crate::config::sections::tenant::Tenant;

/// The tenants of all files.
pub(in crate::config) struct Tenants<'a> {
    listeners: &'a [Arc<Listener>],
    names: Names,
    by_name: BTreeMap<String, Arc<Tenant>>,
}

impl<'a> Tenants<'a> {
    /// None yet; the listeners are those at which their clients will arrive.
    pub(in crate::config) fn new(listeners: &'a [Arc<Listener>]) -> Self {
        Self {
            listeners,
            names: Names::of("tenant"),
            by_name: BTreeMap::new(),
        }
    }

    /// Reads one more; a name that was there before is a mistake that tells both places.
    pub(in crate::config) fn add(&mut self, mut section: Section<'_>, defaults: &Defaults) {
        let tenant = Tenant::load(&mut section, defaults);
        self.names.claim(&tenant.name, "name", &section);
        self.check_terms(&tenant, &section);
        section.finish();
        self.by_name.insert(tenant.name.clone(), Arc::new(tenant));
    }

    /// What no listener offers, no client can meet.
    fn check_terms(&self, tenant: &Tenant, section: &Section<'_>) {
        let offers = |offer: fn(&Listener) -> bool| self.listeners.iter().any(|at| offer(at));
        if tenant.tls_required && !offers(|at| at.tls != ListenerTls::Disable) {
            section.mistake_here(
                "tls_required",
                Problem::Contradiction("no listener offers tls, so no client could connect"),
            );
        }
        let verifies = |at: &Listener| at.tls_client_certificate != ClientCertificate::Ignore;
        if tenant.auth_type == Some(AuthType::Cert) && !offers(verifies) {
            section.mistake_here("auth_type", Problem::Contradiction(
                "no listener has tls_client_certificate require or optional, so no client could prove itself",
            ));
        }
    }

    /// All of them, by name.
    pub(in crate::config) fn into_inner(self) -> BTreeMap<String, Arc<Tenant>> {
        self.by_name
    }
}

/// Reads every tenant file of a folder; what cannot be read is told where the folder is named.
pub(in crate::config) fn read(
    folder: &Path,
    loading: Loading<'_>,
    tell: &dyn Fn(Problem),
    defaults: &Defaults,
    tenants: &mut Tenants<'_>,
) {
    let entries = match loading.surroundings.list(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let (path, reason) = (folder.display().to_string(), error.to_string());
            return tell(Problem::Unreadable { path, reason });
        },
    };
    let mut files: Vec<PathBuf> = entries
        .into_iter()
        .filter(|path| is_tenant_file(path))
        .collect();
    files.sort();
    for path in files {
        match load::read_text(&path, loading.surroundings) {
            Ok(text) => {
                let source = Source::new(&path, text);
                let loading = Loading {
                    source: &source,
                    ..loading
                };
                load::read_table(loading, |root| tenants.add(root.named("tenant"), defaults));
            },
            Err(problem) => tell(problem),
        }
    }
}

fn is_tenant_file(path: &Path) -> bool {
    let is_hidden = path
        .file_name()
        .is_none_or(|name| name.to_string_lossy().starts_with('.'));
    !is_hidden && path.extension().is_some_and(|ending| ending == "toml")
}
