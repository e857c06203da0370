//! What a pool knows of the functions that its clients call, so that it can be told which of their
//! statements only read.
//!
//! One [`Catalog`] per database of a tenant is shared by all workers. Nobody waits for it: what is not
//! known yet counts as a write. It is asked when a statement needs it, and only then: a database
//! that nobody uses may sleep.

mod catalog;
mod load;

pub use self::catalog::Catalogs;

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use self::catalog::Catalog;
use crate::config;
use crate::limits::FUNCTIONS_AGE_MAX;
use crate::limits::FUNCTIONS_OTHERS_PAUSE;
use crate::pool::Pool;
use crate::sql::reads::KnownFunctions;
use crate::sql::reads::Overrides;
use crate::tenancy::Tenant;

/// A pool's own view of its database's functions.
#[derive(Debug, Default)]
pub(super) struct FunctionView {
    /// None until a client needs it.
    catalog: RefCell<Option<Arc<Catalog>>>,
    /// Which of its versions is known here. 0 is none of them.
    version: Cell<u64>,
    known: RefCell<Rc<KnownFunctions>>,
    /// How often that was replaced.
    generation: Cell<u64>,
    known_since: Cell<Option<Instant>>,
    is_old: Cell<bool>,
    /// It is to be looked at as if there were news: what was judged by it is to be judged again.
    is_over: Cell<bool>,
    /// Until then there is nothing to be gained by asking.
    quiet_until: Cell<Option<Instant>>,
}

impl Pool {
    /// What is known of the functions that clients call. Costs one atomic load, unless there is news.
    ///
    /// Of a tenant with one endpoint nothing is: nobody has to know.
    #[inline]
    pub fn functions(&self) -> Rc<KnownFunctions> {
        let view = &self.functions;
        let is_current = match &*view.catalog.borrow() {
            Some(catalog) => catalog.version() == view.version.get() && !view.is_over.get(),
            None => false,
        };
        if !is_current {
            self.look_at_functions();
        }
        Rc::clone(&view.known.borrow())
    }

    /// Whether its database has said which functions it has.
    pub fn has_functions(&self) -> bool {
        self.functions().catalog().is_some()
    }

    /// Counts what [`functions`](Self::functions) has returned: what was judged by an earlier one may be
    /// wrong by now.
    pub fn functions_generation(&self) -> u64 {
        self.functions.generation.get()
    }

    /// Has the database asked for its functions, if that makes sense at the moment: somebody has looked
    /// one up that is not known ([`KnownFunctions::has_missed`]).
    pub fn missed_function(self: &Rc<Self>, now: Instant) {
        let view = &self.functions;
        view.known.borrow().forgive();
        if view.quiet_until.get().is_some_and(|until| now < until) {
            return;
        }
        let catalog = view.catalog.borrow().clone();
        let Some(catalog) = catalog else {
            return;
        };
        let until = match catalog.begin(now) {
            Ok(loading) => {
                load::begin(self, loading);
                // If nothing comes of it, it is to be asked again.
                now + FUNCTIONS_OTHERS_PAUSE
            },
            Err(until) => until,
        };
        view.quiet_until.set(Some(until));
    }

    /// A client has committed a change of functions: what was known of them is no more.
    pub fn functions_changed(&self) {
        let catalogs = &self.home.catalogs;
        if let Some(catalog) = catalogs.in_use(self.key.tenant(), self.key.database()) {
            catalog.changed();
        }
    }

    /// What is known grows old, and what was missed may be asked for again. Judgements that are kept ask
    /// for nothing.
    pub(super) fn age_functions(&self, now: Instant) {
        let view = &self.functions;
        let since = view.known_since.get();
        if since.is_some_and(|since| now.duration_since(since) >= FUNCTIONS_AGE_MAX) {
            // Once more after as long again, if nobody could be asked until then.
            view.known_since.set(Some(now));
            view.is_old.set(true);
            view.is_over.set(true);
        }
        if view.quiet_until.get().is_some_and(|until| now >= until) {
            view.quiet_until.set(None);
            view.is_over.set(true);
        }
    }

    /// The configuration may say something else of them.
    pub(super) fn reload_functions(&self) {
        self.functions.is_over.set(true);
    }

    #[cold]
    fn look_at_functions(&self) {
        let (view, config) = (&self.functions, self.tenant.config());
        view.generation.set(view.generation.get() + 1);
        if !has_replicas(&config) {
            if view.catalog.take().is_some() {
                *view.known.borrow_mut() = Rc::default();
            }
            return;
        }
        let mut catalog = view.catalog.borrow_mut();
        let catalog = catalog.get_or_insert_with(|| {
            let catalogs = &self.home.catalogs;
            catalogs.of(self.key.tenant(), self.key.database())
        });
        let published = catalog.published();
        if view.version.replace(published.version) != published.version {
            view.known_since.set(published.at);
            view.quiet_until.set(None);
            view.is_old.set(false);
        }
        view.is_over.set(false);
        let known = KnownFunctions::new(overrides(&config), published.functions.clone());
        if view.is_old.get() {
            known.grow_old();
        }
        *view.known.borrow_mut() = Rc::new(known);
    }
}

impl Catalogs {
    /// What is known of the functions of a tenant's database, if somebody uses it.
    pub fn functions(&self, tenant: &Tenant, database: &str) -> KnownFunctions {
        let catalog = self.in_use(tenant.slot(), database);
        let functions = catalog.and_then(|catalog| catalog.published().functions.clone());
        KnownFunctions::new(overrides(&tenant.config()), functions)
    }
}

/// Whether there is anywhere else than the primary to send a read to.
fn has_replicas(config: &config::Tenant) -> bool {
    config.endpoints.len() > 1
}

fn overrides(config: &config::Tenant) -> Rc<Overrides> {
    Rc::new(Overrides::new(
        &config.read_functions,
        &config.write_functions,
    ))
}
