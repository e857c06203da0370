//! Messages of the model, each with the message that caused it.

use tidegate_proto::backend::CommandComplete;
use tidegate_proto::backend::DataRow;
use tidegate_proto::backend::ParameterStatus;
use tidegate_proto::backend::ReadyForQuery;
use tidegate_proto::backend::ReportText;
use tidegate_proto::backend::Severity;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::sqlstate::SqlState;

/// One message of a backend, and why it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The number of the message that caused it.
    pub cause: usize,
    /// The whole message.
    pub bytes: Vec<u8>,
}

impl Reply {
    /// Its tag.
    pub fn tag(&self) -> u8 {
        self.bytes.first().copied().unwrap_or_default()
    }

    /// What follows the header.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(5..).unwrap_or_default()
    }

    /// A message whose body is always the same.
    pub(crate) fn plain(cause: usize, tag: u8, body: &[u8]) -> Self {
        let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
        let mut bytes = vec![tag];
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(body);
        Self { cause, bytes }
    }

    pub(crate) fn ready(cause: usize, status: TransactionStatus) -> Self {
        let bytes = ReadyForQuery { status }.to_bytes().to_vec();
        Self { cause, bytes }
    }

    pub(crate) fn row(cause: usize, value: &str) -> Self {
        Self::encoded(cause, |bytes| {
            DataRow::encode(&[Some(value.as_bytes())], bytes)
        })
    }

    pub(crate) fn values(cause: usize, values: &[Option<String>]) -> Self {
        let values: Vec<_> = values
            .iter()
            .map(|value| value.as_deref().map(str::as_bytes))
            .collect();
        Self::encoded(cause, |bytes| DataRow::encode(&values, bytes))
    }

    pub(crate) fn complete(cause: usize, command: &str) -> Self {
        Self::encoded(cause, |bytes| {
            let command = command.as_bytes();
            CommandComplete { command }.encode(bytes)
        })
    }

    pub(crate) fn parameter(cause: usize, name: &str, value: &str) -> Self {
        Self::encoded(cause, |bytes| {
            ParameterStatus {
                name: name.as_bytes(),
                value: value.as_bytes(),
            }
            .encode(bytes)
        })
    }

    pub(crate) fn notice(cause: usize, message: &str) -> Self {
        let text = ReportText::new(Severity::Notice, SqlState::INTERNAL_ERROR, message);
        Self::encoded(cause, |bytes| {
            text.encode_notice(bytes);
            Ok(())
        })
    }

    pub(crate) fn error(
        cause: usize,
        severity: Severity,
        (sqlstate, message): (&str, &str),
    ) -> Self {
        let sqlstate = SqlState::from_bytes(sqlstate.as_bytes());
        let sqlstate = sqlstate.unwrap_or(SqlState::INTERNAL_ERROR);
        let text = ReportText::new(severity, sqlstate, message);
        Self::encoded(cause, |bytes| {
            text.encode_error(bytes);
            Ok(())
        })
    }

    fn encoded(
        cause: usize,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), tidegate_proto::error::EncodeError>,
    ) -> Self {
        let mut bytes = Vec::new();
        // The model sends nothing that a message cannot hold; it would be an empty reply otherwise.
        encode(&mut bytes).unwrap_or_default();
        Self { cause, bytes }
    }
}
