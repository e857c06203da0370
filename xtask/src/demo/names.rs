//! Short names for connection strings, as variables of a shell.

use tidegate_harness::programs;

/// A connection string, how it is written, and whose it is.
#[derive(Debug)]
struct Name {
    variable: &'static str,
    value: String,
    whose: String,
}

/// What psql is given in the demo, and how it is written there.
#[derive(Debug, Default)]
pub(crate) struct Names(Vec<Name>);

impl Names {
    /// One more.
    pub(crate) fn add(&mut self, name: &'static str, value: String, whose: &str) {
        let whose = whose.to_owned();
        self.0.push(Name {
            variable: name,
            value,
            whose,
        });
    }

    /// What a connection string is; empty if there is none of this name.
    pub(crate) fn value(&self, name: &str) -> &str {
        let found = self.0.iter().find(|known| known.variable == name);
        found.map_or("", |known| &known.value)
    }

    /// A command with names in place of what they stand for.
    pub(crate) fn shortened(&self, line: &str) -> String {
        let shorten = |line: String, known: &Name| {
            let name = format!("\"${}\"", known.variable);
            line.replace(&programs::quoted(&known.value), &name)
        };
        self.0.iter().fold(line.to_owned(), shorten)
    }

    /// The lines that make them known to a shell.
    pub(crate) fn definitions(&self) -> String {
        let assignment = |known: &Name| format!("{}='{}'", known.variable, known.value);
        let line = |known: &Name| format!("  {:<66}  # {}", assignment(known), known.whose);
        let lines: Vec<String> = self.0.iter().map(line).collect();
        lines.join("\n")
    }
}

/// A connection string, as psql and drivers take it.
pub(crate) fn url(user: &str, password: &str, port: u16, database: &str) -> String {
    format!("postgresql://{user}:{password}@127.0.0.1:{port}/{database}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_with_the_names_of_what_it_is_given() {
        let mut names = Names::default();
        names.add("HERE", url("app", "tide", 1, "shop"), "a client");
        names.add("SERVER", "host=/tmp port=2".to_owned(), "a server");
        let line = "psql postgresql://app:tide@127.0.0.1:1/shop 'host=/tmp port=2'";
        assert_eq!(names.shortened(line), "psql \"$HERE\" \"$SERVER\"");
        assert_eq!(names.value("SERVER"), "host=/tmp port=2");
        assert!(
            names
                .definitions()
                .contains("\n  SERVER='host=/tmp port=2' ")
        );
    }
}
