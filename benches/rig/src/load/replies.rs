//! Follows what a server answers, however it is cut into pieces: counts rows and bytes, checks
//! balances, and knows when the answer is complete. It keeps no body but a short one.

use std::collections::VecDeque;

use tidegate_proto::backend::tag;
use tidegate_proto::error::Sender;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frame::FrameHeader;

use crate::error::RigError;

/// Enough for a balance, and for the words of an error.
const KEPT_BYTES: usize = 512;

/// The answer to one transaction.
#[derive(Debug, Default)]
pub(super) struct Replies {
    header: Vec<u8>,
    kept: Vec<u8>,
    /// The message that is being read, and bytes of its body that have not come yet.
    current: Option<(u8, usize)>,
    /// Balances that rows must have, in order; rows beyond them are only counted.
    expected: VecDeque<u32>,
    ready_left: u32,
    copies_in: bool,
    /// Rows, or chunks of a COPY, since [`Replies::expect`].
    pub(super) rows: u64,
    /// All bytes, ever.
    pub(super) bytes: u64,
    error: Option<String>,
    wrong: Option<String>,
}

impl Replies {
    /// Begins a transaction whose answer ends with so many `ReadyForQuery`.
    pub(super) fn expect(&mut self, ready: u32) {
        self.ready_left = ready;
        self.copies_in = false;
        self.rows = 0;
        self.expected.clear();
    }

    /// The next row must be this balance.
    pub(super) fn expect_balance(&mut self, balance: u32) {
        self.expected.push_back(balance);
    }

    /// Whether nothing more will come, or the server waits for the data of a COPY.
    pub(super) fn is_complete(&self) -> bool {
        self.ready_left == 0 || self.copies_in
    }

    /// What the server said before it hung up.
    pub(super) fn last_words(&mut self) -> Option<String> {
        self.error.take()
    }

    /// Goes on after [`Replies::is_complete`] was a COPY's question.
    pub(super) fn copied_in(&mut self) {
        self.copies_in = false;
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// If it is no message.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), RigError> {
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let (kind, left) = match self.current {
                Some(current) => current,
                None => match self.read_header(&mut bytes)? {
                    Some(begun) => begun,
                    None => return Ok(()),
                },
            };
            let (body, rest) = bytes.split_at(left.min(bytes.len()));
            let room = KEPT_BYTES - self.kept.len().min(KEPT_BYTES);
            self.kept
                .extend_from_slice(body.get(..room).unwrap_or(body));
            bytes = rest;
            self.current = Some((kind, left - body.len()));
            if left == body.len() {
                self.end_message(kind);
            }
        }
        Ok(())
    }

    /// The verdict on a complete answer.
    ///
    /// # Errors
    /// [`RigError::Refused`] with the server's words, [`RigError::WrongAnswer`].
    pub(super) fn verdict(&mut self) -> Result<(), RigError> {
        if let Some(error) = self.error.take() {
            return Err(RigError::Refused(error));
        }
        if let Some(wrong) = self.wrong.take() {
            return Err(RigError::WrongAnswer(wrong));
        }
        if self.expected.is_empty() {
            return Ok(());
        }
        let missing = self.expected.len();
        Err(RigError::WrongAnswer(format!("{missing} rows are missing")))
    }

    fn read_header(&mut self, bytes: &mut &[u8]) -> Result<Option<(u8, usize)>, RigError> {
        if self.header.is_empty()
            && let Some(header) = FrameHeader::parse(Sender::Backend, bytes)?
        {
            // Nearly all headers are whole.
            *bytes = bytes.get(FRAME_HEADER_BYTES..).unwrap_or_default();
            return Ok(Some((header.tag(), header.body_bytes())));
        }
        let missing = FRAME_HEADER_BYTES - self.header.len();
        let (head, rest) = bytes.split_at(missing.min(bytes.len()));
        self.header.extend_from_slice(head);
        *bytes = rest;
        let Some(header) = FrameHeader::parse(Sender::Backend, &self.header)? else {
            return Ok(None);
        };
        self.header.clear();
        Ok(Some((header.tag(), header.body_bytes())))
    }

    fn end_message(&mut self, kind: u8) {
        match kind {
            tag::READY_FOR_QUERY => self.ready_left = self.ready_left.saturating_sub(1),
            tag::COPY_IN_RESPONSE => self.copies_in = true,
            tag::COPY_DATA => self.rows += 1,
            tag::DATA_ROW => self.end_row(),
            tag::ERROR_RESPONSE => self.error = Some(words(&self.kept)),
            _ => {},
        }
        self.kept.clear();
        self.current = None;
    }

    fn end_row(&mut self) {
        self.rows += 1;
        let Some(balance) = self.expected.pop_front() else {
            return;
        };
        // The number of columns and the length of the value come first.
        let value = self.kept.get(6..).unwrap_or_default();
        if value != balance.to_string().as_bytes() {
            let value = String::from_utf8_lossy(value);
            self.wrong = Some(format!("{value} in place of {balance}"));
        }
    }
}

/// Severity, code and text of an `ErrorResponse`.
fn words(body: &[u8]) -> String {
    let fields = body.split(|byte| *byte == 0);
    let wanted = fields.filter_map(|field| match field.split_first() {
        Some((b'S' | b'C' | b'M', text)) => Some(String::from_utf8_lossy(text)),
        _ => None,
    });
    wanted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] =
        b"2\0\0\0\x04D\0\0\0\x0b\0\x01\0\0\0\x017C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I";

    fn read(answer: &[u8], piece: usize, balance: u32) -> Replies {
        let mut replies = Replies::default();
        replies.expect(1);
        replies.expect_balance(balance);
        for piece in answer.chunks(piece) {
            assert!(!replies.is_complete());
            replies.feed(piece).unwrap();
        }
        assert!(replies.is_complete());
        replies
    }

    #[test]
    fn an_answer_is_the_same_however_it_is_cut() {
        for piece in 1..=ANSWER.len() {
            let mut replies = read(ANSWER, piece, 7);
            replies.verdict().unwrap();
            assert_eq!(replies.rows, 1);
            assert_eq!(replies.bytes, ANSWER.len() as u64);
        }
    }

    #[test]
    fn somebody_elses_row_is_noticed() {
        let verdict = read(ANSWER, 64, 8).verdict().unwrap_err();
        assert_eq!(verdict.to_string(), "wrong answer: 7 in place of 8");
    }

    #[test]
    fn a_missing_row_is_noticed() {
        let verdict = read(b"Z\0\0\0\x05I", 64, 8).verdict().unwrap_err();
        assert_eq!(verdict.to_string(), "wrong answer: 1 rows are missing");
    }

    #[test]
    fn an_error_is_told_in_the_servers_words() {
        let error = b"E\0\0\0\x18SERROR\0C57014\0Mend\0\0Z\0\0\0\x05I";
        let mut replies = Replies::default();
        replies.expect(1);
        replies.feed(error).unwrap();
        let verdict = replies.verdict().unwrap_err().to_string();
        assert_eq!(verdict, "refused: ERROR 57014 end");
    }
}
