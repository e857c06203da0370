//! Prepared statements as the clients of one pool share them, whatever each calls them.
//!
//! A statement is its text, the types that the client fixed, the settings it was parsed under (a
//! literal may mean another date under another `DateStyle`), and its shape: a text whose table has
//! changed is another statement. Clients hold the ones that they use; the table here only finds
//! them.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::rc::Rc;

use foldhash::fast::FixedState;
use foldhash::quality::RandomState;
use tidegate_proto::exchange::Shape;

use crate::limits::SHARED_STATEMENTS_BYTES_MAX;
use crate::pool::Settings;
use crate::sql::Leaves;
use crate::sql::reads::Access;

/// One prepared statement.
#[derive(Debug)]
pub struct Statement {
    /// A number unique in its pool.
    pub id: u64,
    /// The body of its `Parse` behind the name: the text, and the types of its parameters.
    pub rest: Box<[u8]>,
    /// The settings of the session that it was parsed in. `None` if they were being changed: then it
    /// is nobody else's statement.
    pub settings: Option<Rc<Settings>>,
    /// What its text leaves behind when it is executed.
    pub leaves: Rc<Leaves>,
    /// What the server said that it takes and returns, once it has. Of what was never given a name,
    /// nobody has asked.
    pub shape: Cell<Option<Shape>>,
    /// Whether it can be executed in place of a `Parse` of the same text.
    pub repeats: Cell<Repeats>,
    /// What its text does, as far as was known then: with the number of that state of knowledge.
    pub access: Cell<Option<(u64, Access)>>,
}

/// Whether a statement that was parsed is what the same text is parsed to a moment later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repeats {
    /// Nobody has looked.
    #[default]
    Unknown,
    /// It is, as long as no table or the like changes.
    Yes,
    /// It is not, or its `Parse` says more than that it is complete.
    No,
}

/// The statements of one pool, by text.
#[derive(Debug, Default)]
pub struct Statements {
    by_text: HashMap<u64, Vec<Rc<Statement>>, FixedState>,
    /// What texts are hashed with: whoever writes them does not know it.
    hashing: RandomState,
    bytes: usize,
    last_id: u64,
    /// How often something hinted that a plan may no longer fit what it was made for. A statement
    /// that was prepared on a server in an earlier epoch than a client parsed it in is prepared
    /// anew there for that client.
    epoch: u64,
}

/// What sharing a statement came to.
#[derive(Debug)]
pub struct Shared {
    /// The statement that all of its kind use.
    pub statement: Rc<Statement>,
    /// The same text had another shape before.
    pub has_changed: bool,
}

impl Statements {
    /// The epoch of the moment.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Plans that were made until now may be stale.
    pub fn begin_epoch(&mut self) {
        self.epoch += 1;
    }

    /// A statement of this text, types and settings that is known already, whatever its shape.
    pub fn find(&self, rest: &[u8], settings: &Rc<Settings>) -> Option<&Rc<Statement>> {
        let known = self.by_text.get(&self.hashing.hash_one(rest))?;
        known
            .iter()
            .rev()
            .find(|statement| statement.is_of(rest, settings))
    }

    /// The same, of those that were never given a name. Nobody knows the shape of these, and who
    /// executes one under a name has been told which it has.
    pub fn find_unnamed(&self, rest: &[u8], settings: &Rc<Settings>) -> Option<&Rc<Statement>> {
        let known = self.by_text.get(&self.hashing.hash_one(rest))?;
        known
            .iter()
            .rev()
            .find(|statement| statement.shape.get().is_none() && statement.is_of(rest, settings))
    }

    /// A statement that nobody else uses yet.
    pub fn make(
        &mut self,
        rest: &[u8],
        settings: Option<&Rc<Settings>>,
        leaves: Rc<Leaves>,
    ) -> Rc<Statement> {
        self.last_id += 1;
        Rc::new(Statement {
            id: self.last_id,
            rest: rest.into(),
            settings: settings.map(Rc::clone),
            leaves,
            shape: Cell::new(None),
            repeats: Cell::default(),
            access: Cell::default(),
        })
    }

    /// Keeps a statement for others to find. It may be forgotten once nobody uses it.
    pub fn keep(&mut self, statement: &Rc<Statement>) {
        self.bytes += statement.rest.len();
        if self.bytes > SHARED_STATEMENTS_BYTES_MAX {
            self.forget_unused();
            self.bytes += statement.rest.len();
        }
        if self.bytes <= SHARED_STATEMENTS_BYTES_MAX {
            let known = self
                .by_text
                .entry(self.hashing.hash_one(&statement.rest))
                .or_default();
            known.push(Rc::clone(statement));
        }
    }

    /// A server has told the shape of a statement: the one that all of the same text, settings and
    /// shape use is this, or one that was known before.
    pub fn share(&mut self, statement: &Rc<Statement>, shape: Shape) -> Shared {
        statement.shape.set(Some(shape));
        let known = self.by_text.get(&self.hashing.hash_one(&statement.rest));
        let known = known.map(Vec::as_slice).unwrap_or_default();
        let Some(settings) = &statement.settings else {
            return Shared {
                statement: Rc::clone(statement),
                has_changed: false,
            };
        };
        let same_text = |known: &&Rc<Statement>| {
            known.shape.get().is_some() && known.is_of(&statement.rest, settings)
        };
        let mut same_texts = known.iter().filter(same_text);
        let newest = same_texts.next_back();
        let has_changed = newest.is_some_and(|known| known.shape.get() != Some(shape));
        let same = newest.filter(|_| !has_changed).map(Rc::clone);
        Shared {
            statement: same.unwrap_or_else(|| {
                self.keep(statement);
                Rc::clone(statement)
            }),
            has_changed,
        }
    }

    fn forget_unused(&mut self) {
        let mut bytes = 0;
        self.by_text.retain(|_, known| {
            known.retain(|statement| Rc::strong_count(statement) > 1);
            bytes += known
                .iter()
                .map(|statement| statement.rest.len())
                .sum::<usize>();
            !known.is_empty()
        });
        self.bytes = bytes;
    }
}

impl Statement {
    fn is_of(&self, rest: &[u8], settings: &Rc<Settings>) -> bool {
        let own = self.settings.as_ref();
        *self.rest == *rest && own.is_some_and(|own| own.mean_the_same_as(settings))
    }
}

#[cfg(test)]
mod tests {
    use tidegate_proto::backend::tag;
    use tidegate_proto::exchange::ShapeReader;

    use super::*;

    fn shape(columns: u8) -> Shape {
        let mut reader = ShapeReader::default();
        reader.begin(tag::PARAMETER_DESCRIPTION);
        reader.feed(&[0, columns]);
        reader.finish()
    }

    fn settings(pairs: &[(&str, &str)]) -> Rc<Settings> {
        let mut settings = Settings::default();
        for (name, value) in pairs {
            settings.set(name, value).unwrap();
        }
        Rc::new(settings)
    }

    fn made(statements: &mut Statements, settings: &Rc<Settings>) -> Rc<Statement> {
        statements.make(b"select 1\0\0\0", Some(settings), Rc::default())
    }

    #[test]
    fn one_text_of_one_shape_is_one_statement() {
        let mut statements = Statements::default();
        let none = settings(&[]);
        let first = made(&mut statements, &none);
        let second = made(&mut statements, &settings(&[("application_name", "b")]));
        assert!(Rc::ptr_eq(
            &statements.share(&first, shape(1)).statement,
            &first
        ));
        let shared = statements.share(&second, shape(1));
        assert!(Rc::ptr_eq(&shared.statement, &first) && !shared.has_changed);
        assert!(statements.find(b"select 1\0\0\0", &none).is_some());
        assert!(statements.find(b"select 2\0\0\0", &none).is_none());
    }

    #[test]
    fn what_has_no_name_is_another_statement_than_what_has_one() {
        let mut statements = Statements::default();
        let none = settings(&[]);
        let [named, unnamed, other] = [(); 3].map(|()| made(&mut statements, &none));
        let text = &*named.rest;
        statements.share(&named, shape(1));
        assert!(statements.find_unnamed(text, &none).is_none());
        statements.keep(&unnamed);
        statements.share(&other, shape(2));
        let found = statements.find_unnamed(text, &none);
        assert!(found.is_some_and(|found| Rc::ptr_eq(found, &unnamed)));
    }

    #[test]
    fn another_date_style_makes_another_statement() {
        let mut statements = Statements::default();
        let first = made(&mut statements, &settings(&[("DateStyle", "ISO, DMY")]));
        let second = made(&mut statements, &settings(&[("DateStyle", "ISO, MDY")]));
        statements.share(&first, shape(1));
        let shared = statements.share(&second, shape(1));
        assert!(Rc::ptr_eq(&shared.statement, &second) && !shared.has_changed);
    }

    #[test]
    fn a_text_whose_shape_changes_becomes_another_statement() {
        let mut statements = Statements::default();
        let none = settings(&[]);
        let [old, new, newer] = [(); 3].map(|()| made(&mut statements, &none));
        statements.share(&old, shape(1));
        let shared = statements.share(&new, shape(2));
        assert!(Rc::ptr_eq(&shared.statement, &new) && shared.has_changed);
        let shared = statements.share(&newer, shape(2));
        assert!(Rc::ptr_eq(&shared.statement, &new) && !shared.has_changed);
    }

    #[test]
    fn what_nobody_uses_makes_room() {
        let mut statements = Statements::default();
        let none = settings(&[]);
        let text = |number: usize| [vec![b'x'; 64 * 1024], number.to_string().into()].concat();
        let count = SHARED_STATEMENTS_BYTES_MAX / (64 * 1024);
        let used = statements.make(&text(0), Some(&none), Rc::default());
        statements.keep(&used);
        for number in 1..3 * count {
            let statement = statements.make(&text(number), Some(&none), Rc::default());
            statements.keep(&statement);
            assert!(statements.bytes <= SHARED_STATEMENTS_BYTES_MAX);
        }
        assert!(statements.find(&text(0), &none).is_some());
        assert!(statements.find(&text(1), &none).is_none());
    }
}
