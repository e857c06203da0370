//! The messages that tests say most, as bytes. For others see `tidegate_proto::frontend`.

use tidegate_proto::fields::ObjectIds;
use tidegate_proto::frontend::Bind;
use tidegate_proto::frontend::Execute;
use tidegate_proto::frontend::Parse;
use tidegate_proto::frontend::Query;
use tidegate_proto::frontend::Sync;
use tidegate_proto::frontend::Terminate;

use super::WireError;

/// `Query`.
///
/// # Errors
/// [`WireError::Encode`] if the text has a zero byte.
pub fn query(sql: impl AsRef<[u8]>) -> Result<Vec<u8>, WireError> {
    let mut bytes = Vec::new();
    let query = sql.as_ref();
    Query { query }.encode(&mut bytes)?;
    Ok(bytes)
}

/// `Parse` without parameter types.
///
/// # Errors
/// [`WireError::Encode`] if a text has a zero byte.
pub fn parse(statement: &str, sql: &str) -> Result<Vec<u8>, WireError> {
    let mut bytes = Vec::new();
    let parse = Parse {
        statement: statement.as_bytes(),
        query: sql.as_bytes(),
        parameter_types: ObjectIds::default(),
    };
    parse.encode(&mut bytes)?;
    Ok(bytes)
}

/// `Bind` of a statement to a portal, with text parameters and text results.
///
/// # Errors
/// [`WireError::Encode`] if a name has a zero byte.
pub fn bind(portal: &str, statement: &str, values: &[&str]) -> Result<Vec<u8>, WireError> {
    let mut rest = vec![0, 0];
    let count = u16::try_from(values.len()).unwrap_or(u16::MAX);
    rest.extend_from_slice(&count.to_be_bytes());
    for value in values {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        rest.extend_from_slice(&length.to_be_bytes());
        rest.extend_from_slice(value.as_bytes());
    }
    rest.extend_from_slice(&[0, 0]);
    let mut bytes = Vec::new();
    let bind = Bind {
        portal: portal.as_bytes(),
        statement: statement.as_bytes(),
        rest: &rest,
    };
    bind.encode(&mut bytes)?;
    Ok(bytes)
}

/// `Execute` of a portal, all of its rows.
///
/// # Errors
/// [`WireError::Encode`] if the name has a zero byte.
pub fn execute(portal: &str) -> Result<Vec<u8>, WireError> {
    let mut bytes = Vec::new();
    let (portal, row_limit) = (portal.as_bytes(), 0);
    Execute { portal, row_limit }.encode(&mut bytes)?;
    Ok(bytes)
}

/// `Sync`.
pub fn sync() -> Vec<u8> {
    let mut bytes = Vec::new();
    Sync.encode(&mut bytes);
    bytes
}

/// `Terminate`.
pub fn terminate() -> Vec<u8> {
    let mut bytes = Vec::new();
    Terminate.encode(&mut bytes);
    bytes
}
