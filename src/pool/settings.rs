//! What a session has set beyond what its server started with, and how one session's settings
//! become another's.
//!
//! Names and values are data, never SQL: values travel as literals into `set_config`, which reads
//! them exactly as a startup packet would, list parameters included.
//!
//! See <https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SET>.

use std::rc::Rc;

use tidegate_proto::error::EncodeError;
use tidegate_proto::frontend::Query;

use crate::limits::SETTINGS_COUNT_MAX;

/// The parameter that differs from client to client and changes nothing.
pub const APPLICATION_NAME: &str = "application_name";

/// The parameter that says whose rights a session has.
const ROLE: &str = "role";

/// Parameters with whose change a server makes a plan anew: `RevalidateCachedQuery`.
const FOLLOWED_BY_PLANS: [&str; 3] = [ROLE, "row_security", "search_path"];

/// Settings of a session by name. Sorted by lower-case name; a name occurs once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Settings(Vec<Setting>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Setting {
    name: Box<str>,
    value: Box<str>,
}

/// A client set more parameters than Tidegate carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {SETTINGS_COUNT_MAX} parameters are set")]
pub struct TooManySettings;

impl Settings {
    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a parameter, by its name in any case.
    pub fn value(&self, name: &str) -> Option<&str> {
        let at = self.position(name).ok()?;
        self.0.get(at).map(|setting| &*setting.value)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|setting| (&*setting.name, &*setting.value))
    }

    /// Sets one parameter; a later value replaces an earlier one.
    ///
    /// # Errors
    ///
    /// [`TooManySettings`], the client's fault; nothing is changed then.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), TooManySettings> {
        match self.position(name) {
            Ok(at) => {
                if let Some(setting) = self.0.get_mut(at) {
                    setting.value = value.into();
                }
            },
            Err(_) if self.0.len() >= SETTINGS_COUNT_MAX => return Err(TooManySettings),
            Err(at) => self.0.insert(
                at,
                Setting {
                    name: name.into(),
                    value: value.into(),
                },
            ),
        }
        Ok(())
    }

    /// These settings but for one parameter.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        if let Ok(at) = self.position(name) {
            self.0.remove(at);
        }
        self
    }

    /// Whether statements mean the same under both: all that differs is how the application calls
    /// itself.
    pub fn mean_the_same_as(self: &Rc<Self>, other: &Rc<Self>) -> bool {
        let counts = |(name, _): &(&str, &str)| !name.eq_ignore_ascii_case(APPLICATION_NAME);
        Rc::ptr_eq(self, other) || self.iter().filter(counts).eq(other.iter().filter(counts))
    }

    /// These settings, but those of `current` that a server looks at whenever it runs a statement:
    /// whatever they were when it was parsed, the plan follows them.
    ///
    /// # Errors
    ///
    /// [`TooManySettings`]: the client's fault.
    pub fn with_what_plans_follow(&self, current: &Self) -> Result<Self, TooManySettings> {
        let mut settings = self.clone();
        for name in FOLLOWED_BY_PLANS {
            match current.value(name) {
                Some(value) => settings.set(name, value)?,
                None => settings = settings.without(name),
            }
        }
        Ok(settings)
    }

    /// The commands that take a session from these settings to `target`. Another role may set less,
    /// so a role is left first and taken last.
    pub fn commands(&self, target: &Self) -> Vec<String> {
        let mut commands = Vec::new();
        self.write_commands(target, &mut String::new(), |command| {
            commands.push(std::mem::take(command));
        });
        commands
    }

    /// Appends to `out` one `Query` that takes a session from these settings to `target`, and says
    /// whether there was anything to do. `sql` is the room to write it in.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if a value cannot be sent; nothing is appended then.
    pub fn transition(
        &self,
        target: &Self,
        sql: &mut String,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        // Most clients of a pool want the same, each in a copy of its own.
        if self == target {
            return Ok(false);
        }
        sql.clear();
        self.write_commands(target, sql, |sql| sql.push(';'));
        if sql.is_empty() {
            return Ok(false);
        }
        sql.pop();
        Query {
            query: sql.as_bytes(),
        }
        .encode(out)?;
        Ok(true)
    }

    /// Writes the commands of [`Settings::commands`] into `sql`, and says after each that it is there.
    fn write_commands(
        &self,
        target: &Self,
        sql: &mut String,
        mut is_there: impl FnMut(&mut String),
    ) {
        if let Some(role) = self.value(ROLE)
            && target.value(ROLE) != Some(role)
        {
            push_reset(sql, ROLE);
            is_there(sql);
        }
        for (name, _) in self.iter() {
            if target.value(name).is_none() && !is_role(name) {
                push_reset(sql, name);
                is_there(sql);
            }
        }
        let others = target.iter().filter(|(name, _)| !is_role(name));
        let roles = target.iter().filter(|(name, _)| is_role(name));
        let mut is_first = true;
        for (name, value) in others.chain(roles) {
            if self.value(name) == Some(value) {
                continue;
            }
            sql.push_str(if is_first { "SELECT " } else { "," });
            sql.push_str("pg_catalog.set_config(");
            push_literal(sql, name);
            sql.push(',');
            push_literal(sql, value);
            sql.push_str(",false)");
            is_first = false;
        }
        if !is_first {
            is_there(sql);
        }
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        fn lower(text: &str) -> impl Iterator<Item = u8> {
            text.bytes().map(|byte| byte.to_ascii_lowercase())
        }
        self.0
            .binary_search_by(|setting| lower(&setting.name).cmp(lower(name)))
    }
}

fn is_role(name: &str) -> bool {
    name.eq_ignore_ascii_case(ROLE)
}

fn push_reset(sql: &mut String, name: &str) {
    sql.push_str("RESET ");
    push_name(sql, name);
}

/// A parameter's name as identifiers: `"a"`, or `"a"."b"` for a customized option.
fn push_name(query: &mut String, name: &str) {
    for (index, part) in name.split('.').enumerate() {
        if index > 0 {
            query.push('.');
        }
        query.push('"');
        for character in part.chars() {
            if character == '"' {
                query.push('"');
            }
            query.push(character);
        }
        query.push('"');
    }
}

/// A literal that reads the same under both values of `standard_conforming_strings`.
pub(crate) fn push_literal(query: &mut String, text: &str) {
    if text.contains('\\') {
        query.push_str(" E");
    }
    query.push('\'');
    for character in text.chars() {
        if matches!(character, '\'' | '\\') {
            query.push(character);
        }
        query.push(character);
    }
    query.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let mut settings = Settings::default();
        for (name, value) in pairs {
            settings.set(name, value).unwrap();
        }
        settings
    }

    fn transition(from: &[(&str, &str)], to: &[(&str, &str)]) -> Option<String> {
        let mut out = Vec::new();
        settings(from)
            .transition(&settings(to), &mut String::new(), &mut out)
            .unwrap()
            .then(|| String::from_utf8(out[5..out.len() - 1].to_vec()).unwrap())
    }

    #[test]
    fn equal_settings_need_no_query() {
        assert_eq!(transition(&[], &[]), None);
        assert_eq!(
            transition(&[("TimeZone", "UTC")], &[("timezone", "UTC")]),
            None
        );
    }

    #[test]
    fn what_the_next_session_has_not_set_is_reset() {
        assert_eq!(
            transition(&[("a.b", "1"), ("TimeZone", "UTC")], &[("TimeZone", "CET")]).unwrap(),
            "RESET \"a\".\"b\";SELECT pg_catalog.set_config('TimeZone','CET',false)"
        );
    }

    #[test]
    fn a_role_is_left_first_and_taken_last() {
        assert_eq!(
            transition(&[("a.b", "1"), ("role", "x")], &[("role", "y"), ("z", "2")]).unwrap(),
            "RESET \"role\";RESET \"a\".\"b\";\
             SELECT pg_catalog.set_config('z','2',false),pg_catalog.set_config('role','y',false)"
        );
        assert_eq!(transition(&[("role", "x")], &[("role", "x")]), None);
    }

    #[test]
    fn a_value_is_a_literal_whatever_it_holds() {
        assert_eq!(
            transition(&[], &[("x", r"'; DROP TABLE t; -- \'")]).unwrap(),
            r"SELECT pg_catalog.set_config('x', E'''; DROP TABLE t; -- \\''',false)"
        );
    }

    #[test]
    fn a_name_is_found_in_any_case_and_occurs_once() {
        let mut found = settings(&[("DateStyle", "ISO")]);
        found.set("datestyle", "SQL").unwrap();
        assert_eq!(found.value("DATESTYLE"), Some("SQL"));
        assert_eq!(found.iter().count(), 1);
    }

    #[test]
    fn more_settings_than_the_limit_are_refused() {
        let mut many = Settings::default();
        for number in 0..SETTINGS_COUNT_MAX {
            many.set(&format!("a.p{number}"), "1").unwrap();
        }
        assert_eq!(many.set("a.more", "1"), Err(TooManySettings));
        assert_eq!(many.set("a.p0", "2"), Ok(()));
    }
}
