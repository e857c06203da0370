//! Names that come and go in one pipeline, some of whose rounds fail: what each message comes to is
//! worked out beside it, as a server would.

use std::collections::BTreeMap;

use tidegate_harness::wire;

use crate::client::Client;
use crate::client::close;
use crate::client::parse;
use crate::client::run;

/// What is known by name, the unnamed statement under the empty one, and its canary.
type Known = BTreeMap<String, String>;

/// What one round must come to.
#[derive(Debug, Default)]
struct Fate {
    shape: String,
    rows: Vec<String>,
    sqlstate: &'static str,
    status: char,
    /// The messages, for whoever has to find out what went wrong.
    said: Vec<String>,
}

/// A server that this client has for itself, as far as names go.
#[derive(Debug, Clone, Default)]
struct Model {
    known: Known,
    is_in_block: bool,
    /// The transaction block has failed.
    is_aborted: bool,
}

impl Model {
    const fn status(&self) -> char {
        match (self.is_in_block, self.is_aborted) {
            (false, _) => 'I',
            (true, false) => 'T',
            (true, true) => 'E',
        }
    }

    fn fail(&mut self, fate: &mut Fate, sqlstate: &'static str) {
        fate.shape += "E";
        fate.sqlstate = sqlstate;
        self.is_aborted = self.is_in_block;
    }

    fn parse(&mut self, fate: &mut Fate, name: &str, canary: String) {
        if name.is_empty() {
            // Whatever becomes of the new one.
            self.known.remove("");
        }
        if self.is_aborted {
            self.fail(fate, "25P02");
        } else if self.known.contains_key(name) {
            self.fail(fate, "42P05");
        } else {
            fate.shape += "1";
            self.known.insert(name.to_owned(), canary);
        }
    }

    fn parse_nonsense(&mut self, fate: &mut Fate) {
        self.known.remove("");
        let sqlstate = if self.is_aborted { "25P02" } else { "42703" };
        self.fail(fate, sqlstate);
    }

    fn close(&mut self, fate: &mut Fate, name: &str) {
        fate.shape += "3";
        self.known.remove(name);
    }

    fn run(&mut self, fate: &mut Fate, name: &str) {
        match self.known.get(name) {
            None => self.fail(fate, "26000"),
            Some(_) if self.is_aborted => self.fail(fate, "25P02"),
            Some(canary) => {
                fate.shape += "2DC";
                fate.rows.push(format!("{canary}!"));
            },
        }
    }

    fn deallocate(&mut self, fate: &mut Fate, name: &str) {
        self.known.remove("");
        if self.is_aborted {
            self.fail(fate, "25P02");
        } else if self.known.remove(name).is_some() {
            fate.shape += "C";
        } else {
            self.fail(fate, "26000");
        }
    }
}

/// The name of a statement, or the empty one.
fn name(client: &mut Client<'_>) -> String {
    match client.random.below(6) {
        0 => String::new(),
        number => format!("p{number}"),
    }
}

/// A message, and what it comes to unless the round has failed before it.
fn message(client: &mut Client<'_>, model: &mut Model, fate: &mut Fate) -> Vec<u8> {
    let name = name(client);
    let is_read = fate.sqlstate.is_empty();
    let (verb, bytes) = match client.random.below(10) {
        0..3 => {
            let canary = client.canary();
            let text = format!("select '{canary}' || $1::text");
            if is_read {
                model.parse(fate, &name, canary);
            }
            ("parse", parse(&name, &text))
        },
        3..5 => {
            if is_read {
                model.close(fate, &name);
            }
            ("close", close(&name))
        },
        5 => {
            if is_read {
                model.parse_nonsense(fate);
            }
            ("nonsense instead of", parse("", "select nonsense"))
        },
        _ => {
            if is_read {
                model.run(fate, &name);
            }
            ("run", run(&name, &["!"]))
        },
    };
    fate.said.push(format!("{verb} {name}"));
    bytes
}

/// A round of messages with a `Sync`, or of one `Query`.
fn round(client: &mut Client<'_>, model: &mut Model) -> (Vec<u8>, Fate) {
    let mut fate = Fate::default();
    let mut said = Vec::new();
    if client.random.percent(20) {
        let name = format!("p{}", client.random.count(1, 5));
        let query = format!("deallocate {name}");
        model.deallocate(&mut fate, &name);
        said.extend(wire::query(&query).unwrap());
        fate.said.push(query);
    } else {
        for _ in 0..client.random.count(1, 6) {
            said.extend(message(client, model, &mut fate));
        }
        said.extend(wire::sync());
    }
    fate.shape += "Z";
    fate.status = model.status();
    (said, fate)
}

pub(crate) fn come_and_go(client: &mut Client<'_>) {
    let mut model = Model {
        known: client.statements.clone(),
        is_in_block: client.random.percent(40),
        is_aborted: false,
    };
    model.known.retain(|name, _| name.starts_with('p'));
    // A query drops the unnamed statement, of which nobody knows what it was.
    if model.is_in_block {
        client.ask("begin").must_be_in('T', "CZ", &[]);
    } else {
        client.ask("").must_be("IZ", &[]);
    }
    for _ in 0..client.random.count(1, 4) {
        let before = model.clone();
        let rounds = (0..client.random.count(1, 6)).map(|_| round(client, &mut model));
        let (said, fates): (Vec<_>, Vec<_>) = rounds.unzip();
        client.send(&said.concat());
        for (number, fate) in fates.iter().enumerate() {
            let answer = client.answer();
            let is_it = answer.shape == fate.shape
                && answer.rows == fate.rows
                && answer.sqlstate == fate.sqlstate
                && answer.status == fate.status;
            assert!(
                is_it,
                "round {number} of {fates:#?} with {before:?} got {answer:?}"
            );
        }
    }
    if model.is_in_block {
        client.ask("rollback").must_be("CZ", &[]);
    }
    model.known.remove("");
    client.statements.retain(|name, _| !name.starts_with('p'));
    client.statements.extend(model.known);
}
