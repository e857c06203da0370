//! Which statements one server has prepared, under names of the pooler's own.
//!
//! The names carry a random part, so that no client's own name is ever one of them, and a number
//! that is never used twice on a server.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use tidegate_proto::backend::tag;
use tidegate_proto::exchange::Shape;
use tidegate_proto::exchange::ShapeReader;
use tokio::time::Instant;

use crate::limits::SHARED_PARSE_AGE_MAX;
use crate::pool::Statement;

/// What one server has prepared.
#[derive(Debug, Default)]
pub struct Prepared {
    /// By their ids, which are counted: nobody chooses them.
    known: HashMap<u64, Known, FixedState>,
    /// Numbers of statements that are to be closed, at the next chance.
    pub closing: Vec<u32>,
    /// Its unnamed statement.
    pub unnamed: Unnamed,
    shape: ShapeReader,
    /// What is swallowed now tells the shape of a statement.
    is_shape: bool,
    last_number: u32,
    uses: u64,
    /// Counts how often what was prepared became too old to be executed in place of a `Parse`.
    generation: u64,
    /// When the last time was.
    renewed: Option<Instant>,
}

/// The unnamed statement of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unnamed {
    /// There is none.
    #[default]
    None,
    /// The statement with this id.
    Is(u64),
    /// Not known.
    Unknown,
}

/// A statement on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// What makes its name.
    pub number: u32,
    /// When it was prepared.
    pub epoch: u64,
    /// What was prepared at about the same time has the same.
    generation: u64,
    used: u64,
}

impl Prepared {
    /// A number for a new name.
    pub fn next_number(&mut self) -> u32 {
        self.last_number += 1;
        self.last_number
    }

    /// The statement, if the server has it. It counts as used.
    pub fn look_up(&mut self, statement: &Statement) -> Option<Known> {
        self.uses += 1;
        let known = self.known.get_mut(&statement.id)?;
        known.used = self.uses;
        Some(*known)
    }

    /// The same, if a server that parsed its text at this moment would most probably come to the same:
    /// it was prepared in this epoch, and a short time ago.
    pub fn look_up_fresh(
        &mut self,
        statement: &Statement,
        epoch: u64,
        now: Instant,
    ) -> Option<Known> {
        let is_over = |renewed: Instant| now.duration_since(renewed) >= SHARED_PARSE_AGE_MAX;
        if self.renewed.is_none_or(is_over) {
            self.renewed = Some(now);
            self.generation += 1;
        }
        let generation = self.generation;
        self.look_up(statement)
            .filter(|known| known.epoch >= epoch && known.generation == generation)
    }

    /// The statement, if the server has it, without counting as a use.
    pub fn peek(&self, statement: &Statement) -> Option<Known> {
        self.known.get(&statement.id).copied()
    }

    /// The server has, or is about to have, a statement under a number. One that it had under
    /// another is closed.
    pub fn insert(&mut self, statement: &Statement, number: u32, epoch: u64) {
        self.uses += 1;
        let known = Known {
            number,
            epoch,
            generation: self.generation,
            used: self.uses,
        };
        if let Some(old) = self.known.insert(statement.id, known)
            && old.number != number
        {
            self.closing.push(old.number);
        }
    }

    /// The server does not have it after all, if it was to have it under this number.
    pub fn remove(&mut self, statement: &Statement, number: u32) {
        if self
            .known
            .get(&statement.id)
            .is_some_and(|known| known.number == number)
        {
            self.known.remove(&statement.id);
        }
    }

    /// It is to be closed.
    pub fn close(&mut self, statement: &Statement) {
        if let Some(known) = self.known.remove(&statement.id) {
            self.closing.push(known.number);
        }
    }

    /// Everything is to be closed, and whoever counts from here counts other statements.
    pub(super) fn close_all(&mut self) {
        let known = self.known.drain().map(|(_, known)| known.number);
        self.closing.extend(known);
        // Always in the same order: a simulated world can be replayed.
        self.closing.sort_unstable();
        self.unnamed = Unnamed::Unknown;
    }

    /// The server is about to read a `Query`, which drops the unnamed statement: unless the text is not
    /// of its encoding, and that is told by nothing but the error.
    #[inline]
    pub fn reads_query(&mut self) {
        if self.unnamed != Unnamed::None {
            self.unnamed = Unnamed::Unknown;
        }
    }

    /// What is known under one statement is another.
    pub fn rename(&mut self, from: &Statement, to: &Statement, number: u32) {
        if let Some(known) = self.known.get(&from.id)
            && known.number == number
        {
            let epoch = known.epoch;
            self.known.remove(&from.id);
            self.insert(to, number, epoch);
        }
    }

    /// Makes room for one more statement: those used longest ago are to be closed.
    pub fn make_room(&mut self, count_max: usize) {
        while self.known.len() >= count_max.max(1) {
            let oldest = self.known.iter().min_by_key(|(_, known)| known.used);
            let Some((id, number)) = oldest.map(|(id, known)| (*id, known.number)) else {
                return;
            };
            self.known.remove(&id);
            self.closing.push(number);
        }
    }

    /// The server begins to tell something of the shape of a statement.
    pub fn begin_shape(&mut self, tag: u8) {
        // The parameters come first.
        if tag == tag::PARAMETER_DESCRIPTION {
            self.shape = ShapeReader::default();
        }
        self.shape.begin(tag);
        self.is_shape = true;
    }

    /// A piece of what is swallowed.
    #[inline]
    pub fn feed_shape(&mut self, piece: &[u8]) {
        if self.is_shape {
            self.shape.feed(piece);
        }
    }

    /// The shape that the server has told.
    pub fn shape(&mut self) -> Shape {
        self.is_shape = false;
        self.shape.finish()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The server has none left: `DISCARD ALL`, `DEALLOCATE ALL`.
    pub fn clear(&mut self) {
        self.known.clear();
        self.closing.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;
    use crate::pool::Statements;

    fn statements() -> [Rc<Statement>; 3] {
        let mut statements = Statements::default();
        [1, 2, 3].map(|_| statements.make(b"", None, Rc::default()))
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let [a, b, c] = statements();
        let mut prepared = Prepared::default();
        for statement in [&a, &b] {
            prepared.make_room(2);
            let number = prepared.next_number();
            prepared.insert(statement, number, 0);
        }
        assert!(prepared.look_up(&a).is_some());
        prepared.make_room(2);
        let number = prepared.next_number();
        prepared.insert(&c, number, 0);
        assert_eq!(prepared.closing, [2]);
        assert!(prepared.look_up(&b).is_none());
        assert!(prepared.look_up(&a).is_some());
    }

    #[test]
    fn of_two_names_for_one_statement_the_newer_stays() {
        let [a, b, _] = statements();
        let mut prepared = Prepared::default();
        prepared.insert(&a, 1, 0);
        prepared.insert(&b, 2, 1);
        prepared.rename(&b, &a, 2);
        assert_eq!(
            prepared
                .look_up(&a)
                .map(|known| (known.number, known.epoch)),
            Some((2, 1))
        );
        assert!(prepared.look_up(&b).is_none());
        assert_eq!(prepared.closing, [1]);
    }

    #[test]
    fn what_was_prepared_long_ago_or_in_another_epoch_is_not_fresh() {
        let [a, b, _] = statements();
        let mut prepared = Prepared::default();
        let now = Instant::now();
        let second = Duration::from_secs(1);
        assert!(prepared.look_up_fresh(&a, 0, now).is_none());
        prepared.insert(&a, 1, 0);
        assert!(prepared.look_up_fresh(&a, 0, now + second).is_some());
        assert!(prepared.look_up_fresh(&a, 1, now + second).is_none());
        prepared.insert(&b, 2, 1);
        assert!(prepared.look_up_fresh(&b, 1, now + second).is_some());
        let later = now + SHARED_PARSE_AGE_MAX;
        assert!(prepared.look_up_fresh(&b, 1, later).is_none());
        assert!(prepared.look_up(&b).is_some());
        prepared.insert(&b, 3, 1);
        assert!(prepared.look_up_fresh(&b, 1, later + second).is_some());
    }

    #[test]
    fn a_failure_takes_out_only_what_it_was_about() {
        let [a, ..] = statements();
        let mut prepared = Prepared::default();
        prepared.insert(&a, 1, 0);
        prepared.insert(&a, 2, 0);
        prepared.remove(&a, 1);
        assert!(prepared.look_up(&a).is_some());
        prepared.remove(&a, 2);
        assert!(prepared.is_empty());
    }
}
