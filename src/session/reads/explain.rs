//! What would become of a text that a client says which has set nothing: by the same rules, and without a
//! client.

use std::cell::RefCell;

use crate::config;
use crate::config::Route;
use crate::pool::RouteRule;
use crate::routing::Wish;
use crate::session::reads::beginning::deed_of_text;
use crate::session::reads::position;
use crate::session::reads::round::Deed;
use crate::session::reads::route::decides_later;
use crate::session::reads::route::route_of;
use crate::session::reads::stay::Stay;
use crate::sql;
use crate::sql::reads::Access;
use crate::sql::reads::FunctionEffect;
use crate::sql::reads::Functions;
use crate::sql::reads::KnownFunctions;
use crate::sql::reads::Reads;

/// What would become of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What its tokens tell, and what it asks for.
    pub access: Access,
    /// The function that makes it belong on the primary, if one does.
    pub function: Option<String>,
    /// Where it is wanted: by itself, or else by the configuration.
    pub route: Route,
    /// Why it goes to the primary without a choice; none if there is one to be made.
    pub rule: Option<RouteRule>,
    /// What is wanted of the choice.
    pub wish: Wish,
}

/// Explains a text, for a client that is this user and knows these functions. What a replica has
/// refused to run before, only the worker knows that heard it.
pub fn explain(text: &[u8], user: &config::User, functions: &KnownFunctions) -> Explained {
    let noting = Noting {
        functions,
        culprit: RefCell::default(),
    };
    let access = access_of(text, &noting);
    let deed = deed_of_text(access.kind, text, |part| access_of(part, functions).kind);
    let wants_lsn = deed == Deed::Reads && position::is_wish(text);
    let route = route_of(access.hint, None, || user.pool.route);
    let stay = Stay {
        deed: Some(deed),
        route,
        wants_lsn,
        is_barred: false,
        is_read_only: false,
        decides_later: decides_later(&user.pool, route),
        is_serializable: false,
    };
    let is_fit = stay.is_fit();
    Explained {
        access,
        function: noting.culprit.take().filter(|_| !is_fit),
        route,
        rule: stay.rule(),
        wish: Wish {
            is_replica_demanded: route == Route::Replica,
            ..Wish::of(&user.pool)
        },
    }
}

fn access_of(text: &[u8], functions: &impl Functions) -> Access {
    let mut reads = Reads::new();
    reads.feed(text, &Defaults, functions);
    reads.finish(functions)
}

/// A session that has set nothing.
pub(super) struct Defaults;

impl sql::Session for Defaults {
    fn is_reported(&self, _name: &str) -> bool {
        false
    }

    fn has_backslash_escapes(&self) -> bool {
        false
    }

    fn has_backslash_in_characters(&self) -> bool {
        false
    }
}

/// Notes the first function that does anything but read.
struct Noting<'a> {
    functions: &'a KnownFunctions,
    culprit: RefCell<Option<String>>,
}

impl Functions for Noting<'_> {
    fn effect(&self, schema: Option<&[u8]>, name: &[u8]) -> FunctionEffect {
        let effect = self.functions.effect(schema, name);
        if effect != FunctionEffect::Reads {
            self.culprit.borrow_mut().get_or_insert_with(|| {
                let schema = schema.map(String::from_utf8_lossy);
                let schema = schema.map_or(String::new(), |schema| format!("{schema}."));
                format!("{schema}{}", String::from_utf8_lossy(name))
            });
        }
        effect
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TransactionRouting;

    #[test]
    fn a_block_that_does_not_say_what_it_does_is_explained_as_it_is_routed() {
        let mut user = config::User::default();
        user.pool.transaction_routing = TransactionRouting::FirstStatement;
        for (text, rule) in [
            ("begin", None),
            ("begin; select 1", None),
            ("begin read write", Some(RouteRule::Begins)),
            ("begin; insert into t values (1)", Some(RouteRule::Unclear)),
        ] {
            let explained = explain(text.as_bytes(), &user, &KnownFunctions::default());
            assert_eq!(explained.rule, rule, "{text}");
        }
    }

    fn explained(text: &str, route: Route) -> Explained {
        let mut user = config::User::default();
        user.pool.route = route;
        explain(text.as_bytes(), &user, &KnownFunctions::default())
    }

    #[test]
    fn a_text_is_explained_as_a_session_would_take_it() {
        use RouteRule::DemandedPrimary;
        use RouteRule::ShowsLsn;
        use RouteRule::Unclear;
        use RouteRule::Writes;
        for (text, route, rule) in [
            ("select 1", Route::Auto, None),
            ("begin read only", Route::Auto, None),
            ("insert into t values (1)", Route::Auto, Some(Writes)),
            ("insert into t values (1)", Route::Replica, None),
            ("create table t (a int)", Route::Auto, Some(Unclear)),
            ("begin", Route::Auto, Some(RouteRule::Begins)),
            ("set a = 1", Route::Auto, Some(RouteRule::Sets)),
            ("select 1", Route::Primary, Some(DemandedPrimary)),
            ("/* tidegate:replica */ select 1", Route::Primary, None),
            (
                "/* tidegate:primary */ select 1",
                Route::Auto,
                Some(DemandedPrimary),
            ),
            ("show tidegate.lsn", Route::Replica, Some(ShowsLsn)),
        ] {
            assert_eq!(explained(text, route).rule, rule, "{text}");
        }
        assert!(
            explained("select 1", Route::Replica)
                .wish
                .is_replica_demanded
        );
    }

    #[test]
    fn the_function_is_named_that_nobody_knows() {
        let explained = explained("select a, pub.f(g(1)) from t", Route::Auto);
        assert_eq!(explained.function.as_deref(), Some("pub.f"));
        assert_eq!(explained.rule, Some(RouteRule::Writes));
    }
}
