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
use crate::config::sections::defaults::Defaults;
use crate::config::sections::names::Names;
use crate::config::sections::tenant::Tenant;

/// The tenants of all files.
pub(in crate::config) struct Tenants {
    names: Names,
    tenants: BTreeMap<String, Arc<Tenant>>,
}

impl Tenants {
    /// None yet.
    pub(in crate::config) fn new() -> Self {
        Self {
            names: Names::of("tenant"),
            tenants: BTreeMap::new(),
        }
    }

    /// Reads one more; a name that was there before is a mistake that tells both places.
    pub(in crate::config) fn add(&mut self, mut section: Section<'_>, defaults: &Defaults) {
        let tenant = Tenant::load(&mut section, defaults);
        self.names.claim(&tenant.name, "name", &section);
        section.finish();
        self.tenants.insert(tenant.name.clone(), Arc::new(tenant));
    }

    /// All of them, by name.
    pub(in crate::config) fn into_inner(self) -> BTreeMap<String, Arc<Tenant>> {
        self.tenants
    }
}

/// Reads every tenant file of a folder; what cannot be read is told where the folder is named.
pub(in crate::config) fn read(
    folder: &Path,
    loading: Loading<'_>,
    tell: &dyn Fn(Problem),
    defaults: &Defaults,
    tenants: &mut Tenants,
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
