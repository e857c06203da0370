//! What an operator hears between `AuthenticationOk` and its first command: exactly the parameters
//! that PgBouncer's console reports.

use tidegate_proto::backend::BackendKeyData;
use tidegate_proto::backend::ParameterStatus;
use tidegate_proto::backend::ReadyForQuery;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::fields::CancelKey;
use tidegate_proto::limits::CANCEL_KEY_BYTES_MIN;

use super::line::Line;
use super::line::LineError;
use crate::pool::Randomness;

const PARAMETERS: [(&str, &str); 7] = [
    (
        "server_version",
        concat!(env!("CARGO_PKG_VERSION"), "/bouncer"),
    ),
    ("client_encoding", "UTF8"),
    ("server_encoding", "UTF8"),
    ("DateStyle", "ISO"),
    ("TimeZone", "GMT"),
    ("standard_conforming_strings", "on"),
    ("is_superuser", "on"),
];

/// Appends the parameters, a cancel key that cancels nothing, and `ReadyForQuery`.
///
/// # Errors
/// None for these parameters.
pub(super) fn write(line: &mut Line, random: Randomness) -> Result<(), LineError> {
    let outgoing = line.outgoing();
    for (name, value) in PARAMETERS {
        ParameterStatus {
            name: name.as_bytes(),
            value: value.as_bytes(),
        }
        .encode(outgoing)?;
    }
    // Drivers expect a key. No command lasts long enough to be cancelled, so nobody keeps it.
    let mut process_id = [0; 4];
    let mut secret = [0; CANCEL_KEY_BYTES_MIN];
    random(&mut process_id);
    random(&mut secret);
    if let Some(key) = CancelKey::new(&secret) {
        BackendKeyData {
            process_id: u32::from_be_bytes(process_id),
            key,
        }
        .encode(outgoing)?;
    }
    let status = TransactionStatus::Idle;
    ReadyForQuery { status }.encode(outgoing);
    Ok(())
}
