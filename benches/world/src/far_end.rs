//! A server that knows one answer for each message, and needs no memory to give it.

use tidegate_proto::backend::Authentication;
use tidegate_proto::backend::BackendKeyData;
use tidegate_proto::backend::ParameterStatus;
use tidegate_proto::backend::ReadyForQuery;
use tidegate_proto::backend::TransactionStatus;
use tidegate_proto::fields::CancelKey;
use tidegate_proto::frontend::tag;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use crate::pipe::End;

/// What a client says once, then over and over, and how many bytes it hears to the latter.
#[derive(Debug, Clone, Copy)]
pub struct Script {
    /// What is said once.
    pub first: &'static [u8],
    /// What is said from then on.
    pub again: &'static [u8],
    /// How many bytes answer that.
    pub again_answered_bytes: usize,
    /// How many bytes answer what is said once.
    pub first_answered_bytes: usize,
    /// Whose row is in the answer to what is said again.
    pub answered_by: Side,
}

/// Which server something comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The primary.
    Primary,
    /// Its replica.
    Replica,
}

const PARSE_COMPLETE: &[u8] = b"1\0\0\0\x04";
const BIND_COMPLETE: &[u8] = b"2\0\0\0\x04";
const CLOSE_COMPLETE: &[u8] = b"3\0\0\0\x04";
const NO_DATA: &[u8] = b"n\0\0\0\x04";
const NO_PARAMETERS: &[u8] = b"t\0\0\0\x06\0\0";
const ROW: &[u8] = b"D\0\0\0\x0b\0\x01\0\0\0\x011";
const ROW_OF_REPLICA: &[u8] = b"D\0\0\0\x0b\0\x01\0\0\0\x012";
const COLUMN: &[u8] =
    b"T\0\0\0\x21\0\x01?column?\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0";
/// How far the primary has come.
const POSITION: &[u8] = b"V\0\0\0\x10\0\0\0\x08\0\0\0\0\0\0\0\x64";
const COMPLETE: &[u8] = b"C\0\0\0\x0dSELECT 1\0";
/// The end of every answer.
pub(crate) const READY: &[u8] = b"Z\0\0\0\x05I";

const QUERY: &[u8] = b"Q\0\0\0\x0dSELECT 1\0";
const SYNC: &[u8] = b"S\0\0\0\x04";

impl Script {
    /// A query of the simple protocol.
    pub const SIMPLE: Self = Self {
        first: QUERY,
        again: QUERY,
        first_answered_bytes: COLUMN.len() + ROW.len() + COMPLETE.len() + READY.len(),
        again_answered_bytes: COLUMN.len() + ROW.len() + COMPLETE.len() + READY.len(),
        answered_by: Side::Primary,
    };

    /// The extended protocol with an unnamed statement that is parsed each time.
    pub const EXTENDED: Self = Self {
        first: Self::UNNAMED,
        again: Self::UNNAMED,
        first_answered_bytes: PARSE_COMPLETE.len() + Self::EXECUTED_BYTES,
        again_answered_bytes: PARSE_COMPLETE.len() + Self::EXECUTED_BYTES,
        answered_by: Side::Primary,
    };

    /// A statement that is parsed once, bound and executed from then on.
    pub const PREPARED: Self = Self {
        first: b"P\0\0\0\x11s\0SELECT 1\0\0\0S\0\0\0\x04",
        again: b"B\0\0\0\x0d\0s\0\0\0\0\0\0\0E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04",
        first_answered_bytes: PARSE_COMPLETE.len() + READY.len(),
        again_answered_bytes: Self::EXECUTED_BYTES,
        answered_by: Side::Primary,
    };

    /// [`Script::SIMPLE`] where there is a replica.
    pub const ROUTED: Self = Self {
        answered_by: Side::Replica,
        ..Self::SIMPLE
    };

    /// [`Script::PREPARED`] where there is a replica.
    pub const ROUTED_PREPARED: Self = Self {
        answered_by: Side::Replica,
        ..Self::PREPARED
    };

    const UNNAMED: &[u8] =
        b"P\0\0\0\x10\0SELECT 1\0\0\0B\0\0\0\x0c\0\0\0\0\0\0\0\0E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04";

    const EXECUTED_BYTES: usize = BIND_COMPLETE.len() + ROW.len() + COMPLETE.len() + READY.len();
}

impl Side {
    /// The row that it answers everything with; they are equally long.
    pub(crate) fn row(self) -> &'static [u8] {
        match self {
            Self::Primary => ROW,
            Self::Replica => ROW_OF_REPLICA,
        }
    }
}

/// One connection, until its end.
pub(crate) async fn serve(mut stream: End, side: Side) {
    // The startup packet: nobody is asked for anything.
    let Ok(length) = stream.read_u32().await else {
        return;
    };
    let mut buffer = vec![0; 64 * 1024];
    let body = usize::try_from(length).unwrap() - 4;
    stream.read_exact(&mut buffer[..body]).await.unwrap();
    stream.write_all(&greeting()).await.unwrap();
    let mut answer = Vec::with_capacity(64 * 1024);
    loop {
        let Ok(tag) = stream.read_u8().await else {
            return;
        };
        let length = stream.read_u32().await.unwrap();
        let body = usize::try_from(length).unwrap() - 4;
        stream.read_exact(&mut buffer[..body]).await.unwrap();
        reply(tag, buffer.first().copied(), side.row(), &mut answer);
        if matches!(
            tag,
            tag::SYNC | tag::QUERY | tag::FLUSH | tag::FUNCTION_CALL
        ) {
            stream.write_all(&answer).await.unwrap();
            answer.clear();
        }
    }
}

fn reply(tag: u8, first: Option<u8>, row: &[u8], answer: &mut Vec<u8>) {
    let replies: &[&[u8]] = match tag {
        tag::QUERY => &[COLUMN, row, COMPLETE, READY],
        tag::PARSE => &[PARSE_COMPLETE],
        tag::BIND => &[BIND_COMPLETE],
        tag::DESCRIBE if first == Some(b'S') => &[NO_PARAMETERS, COLUMN],
        tag::DESCRIBE => &[NO_DATA],
        tag::EXECUTE => &[row, COMPLETE],
        tag::CLOSE => &[CLOSE_COMPLETE],
        tag::SYNC => &[READY],
        tag::FUNCTION_CALL => &[POSITION, READY],
        _ => &[],
    };
    for reply in replies {
        answer.extend_from_slice(reply);
    }
}

fn greeting() -> Vec<u8> {
    let mut out = Vec::new();
    Authentication::Ok.encode(&mut out).unwrap();
    for (name, value) in [
        ("application_name", ""),
        ("client_encoding", "UTF8"),
        ("server_version", "18.0"),
        ("standard_conforming_strings", "on"),
    ] {
        let (name, value) = (name.as_bytes(), value.as_bytes());
        ParameterStatus { name, value }.encode(&mut out).unwrap();
    }
    let key = CancelKey::new(&[1, 2, 3, 4]).unwrap();
    BackendKeyData { process_id: 1, key }
        .encode(&mut out)
        .unwrap();
    ReadyForQuery {
        status: TransactionStatus::Idle,
    }
    .encode(&mut out);
    out
}

// What is said once, and what ends a pipeline, are what the protocol says.
const _: () = assert!(QUERY.len() == 14 && SYNC.len() == 5);
const _: () = assert!(ROW.len() == ROW_OF_REPLICA.len());
