//! What one client writes and reads again: a number in a row of its own, which nobody else writes.
//!
//! A read that does not find what was written last, found something older.

/// A row of one client, and what must be in it.
#[derive(Debug)]
pub(super) struct Mark {
    client: u32,
    value: u32,
}

impl Mark {
    /// Of this client; nothing has been written.
    pub(super) fn of(client: u32) -> Self {
        Self { client, value: 0 }
    }

    /// What must be in it.
    pub(super) fn value(&self) -> u32 {
        self.value
    }

    /// The query that reads it.
    pub(super) fn read(&self) -> String {
        format!("SELECT value FROM marks WHERE client = {}", self.client)
    }

    /// The query that writes what must be in it.
    pub(super) fn write(&self) -> String {
        let Self { client, value } = self;
        format!("UPDATE marks SET value = {value} WHERE client = {client}")
    }

    /// The query that writes something else.
    pub(super) fn write_next(&mut self) -> String {
        self.value = self.value.wrapping_add(1);
        self.write()
    }
}
