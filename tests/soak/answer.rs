//! One answer, up to `ReadyForQuery`, and what it must be.

use tidegate_harness::wire::Message;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;
use tidegate_proto::backend::DataRow;
use tidegate_proto::backend::tag;

/// What a server said to one `Query` or `Sync`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The tags of its messages, without what a server may say at any time; rows and data in a row
    /// count once.
    pub(crate) shape: String,
    /// Fields parted by `|`.
    pub(crate) rows: Vec<String>,
    /// What was copied out.
    pub(crate) copied: String,
    /// The SQLSTATE of the error; empty without one.
    pub(crate) sqlstate: String,
    /// The error's words.
    pub(crate) error: String,
    /// `I`, `T` or `E`.
    pub(crate) status: char,
}

impl Answer {
    pub(crate) fn read(wire: &mut Wire) -> Result<Self, WireError> {
        let mut answer = Self::default();
        loop {
            let message = wire.message()?;
            answer.take(&message)?;
            if message.tag() == tag::READY_FOR_QUERY {
                return Ok(answer);
            }
        }
    }

    /// Up to a message that is not followed by `ReadyForQuery`.
    pub(crate) fn read_until(wire: &mut Wire, last: u8) -> Result<Self, WireError> {
        let mut answer = Self::default();
        loop {
            let message = wire.message()?;
            answer.take(&message)?;
            if message.tag() == last {
                return Ok(answer);
            }
        }
    }

    fn take(&mut self, message: &Message) -> Result<(), WireError> {
        let tag = message.tag();
        let is_unasked = matches!(tag, tag::NOTICE_RESPONSE | tag::PARAMETER_STATUS);
        let is_again = matches!(tag, tag::DATA_ROW | tag::COPY_DATA);
        if !(is_unasked || is_again && self.shape.ends_with(char::from(tag))) {
            self.shape.push(char::from(tag));
        }
        match tag {
            tag::DATA_ROW => {
                let row = DataRow::decode(message.body())?;
                let fields = row.values.iter().map(Option::unwrap_or_default);
                let fields: Vec<_> = fields.map(String::from_utf8_lossy).collect();
                self.rows.push(fields.join("|"));
            },
            tag::COPY_DATA => self.copied += &String::from_utf8_lossy(message.body()),
            tag::ERROR_RESPONSE => {
                let report = message.report()?;
                self.error = report.to_string();
                self.sqlstate = report.sqlstate;
            },
            tag::READY_FOR_QUERY => self.status = char::from(message.body()[0]),
            _ => {},
        }
        Ok(())
    }

    /// The whole answer must be this, outside of a transaction and without an error.
    #[track_caller]
    pub(crate) fn must_be(&self, shape: &str, rows: &[&str]) {
        self.must_be_in('I', shape, rows);
    }

    #[track_caller]
    pub(crate) fn must_be_in(&self, status: char, shape: &str, rows: &[&str]) {
        let is_it = self.shape == shape
            && self.rows == rows
            && self.sqlstate.is_empty()
            && self.status == status;
        assert!(
            is_it,
            "wanted {status} {shape} {rows:?}, got {}",
            self.brief()
        );
    }

    /// It must be an error with this code.
    #[track_caller]
    pub(crate) fn must_fail(&self, status: char, shape: &str, sqlstate: &str) {
        let is_it = self.shape == shape && self.sqlstate == sqlstate && self.status == status;
        assert!(
            is_it,
            "wanted {status} {shape} and {sqlstate}, got {}",
            self.brief()
        );
    }

    fn brief(&self) -> String {
        let text = format!("{self:?}");
        text.chars().take(2000).collect()
    }
}
