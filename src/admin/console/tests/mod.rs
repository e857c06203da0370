//! Conversations with the console, message by message, over fake workers: what the tests share.

mod commands;
mod extended;
mod lines;

use std::sync::Arc;
use std::time::Duration;

use tidegate_proto::backend::BackendMessage;
use tidegate_proto::backend::Report;
use tidegate_proto::error::Sender;
use tidegate_proto::fields::ObjectIds;
use tidegate_proto::frame::Frame;
use tidegate_proto::frontend::Bind;
use tidegate_proto::frontend::Close;
use tidegate_proto::frontend::Describe;
use tidegate_proto::frontend::Execute;
use tidegate_proto::frontend::Flush;
use tidegate_proto::frontend::Parse;
use tidegate_proto::frontend::Query;
use tidegate_proto::frontend::Sync;
use tidegate_proto::frontend::Target;
use tidegate_proto::frontend::Terminate;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::converse;
use crate::admin::Desk;
use crate::admin::Order;
use crate::admin::ReloadRefused;
use crate::admin::Reloaded;
use crate::admin::Topic;
use crate::admin::access::Action;
use crate::admin::access::Role;
use crate::admin::sample;
use crate::limits::CONSOLE_MESSAGE_BYTES_MAX;
use crate::limits::CONSOLE_STATEMENTS_MAX;

/// Longer than the console waits for its workers.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// An operator in a test: says bytes, and hears lines such as `DataRow acme.shop app 1`.
struct Talk {
    far: DuplexStream,
    desk: Arc<Desk>,
    orders: mpsc::Receiver<Order>,
    console: JoinHandle<()>,
}

impl Talk {
    fn begin(role: Role) -> Self {
        let (desk, orders) = sample::desk(2);
        let (operator, far) = sample::operator_as(role);
        let console = tokio::task::spawn_local(converse(operator, Arc::clone(&desk)));
        Self {
            far,
            desk,
            orders,
            console,
        }
    }

    /// After the welcome, which ends like everything else.
    async fn welcomed(role: Role) -> Self {
        let mut talk = Self::begin(role);
        talk.hear().await;
        talk
    }

    async fn ask(&mut self, query: &str) -> Vec<String> {
        let mut bytes = Vec::new();
        let query = query.as_bytes();
        Query { query }.encode(&mut bytes).unwrap();
        self.say(&bytes).await
    }

    async fn say(&mut self, bytes: &[u8]) -> Vec<String> {
        self.far.write_all(bytes).await.unwrap();
        self.hear().await
    }

    /// Everything up to `ReadyForQuery`, which is not listed, or to the end.
    async fn hear(&mut self) -> Vec<String> {
        let (mut bytes, mut heard) = (Vec::new(), Vec::new());
        loop {
            while let Some((frame, rest)) = Frame::split(Sender::Backend, &bytes).unwrap() {
                let message = BackendMessage::decode(frame).unwrap();
                let rest = rest.to_vec();
                if matches!(message, BackendMessage::ReadyForQuery(_)) {
                    assert!(rest.is_empty(), "more than was asked for");
                    return heard;
                }
                heard.push(line(message));
                bytes = rest;
            }
            let read = timeout(SILENCE_MAX, self.far.read_buf(&mut bytes)).await;
            if read.expect("the console says something").unwrap() == 0 {
                heard.push("closed".to_owned());
                return heard;
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn report(report: Report<'_>) -> String {
    let field = |code| text(report.field(code).unwrap_or_default());
    let fields = [field(b'S'), field(b'C'), field(b'M'), field(b'D')];
    fields.join(" ").trim_end().to_owned()
}

fn line(message: BackendMessage<'_>) -> String {
    if let BackendMessage::RowDescription(described) = message {
        let columns: Vec<_> = described
            .columns()
            .map(|column| text(column.name))
            .collect();
        return format!("RowDescription {}", columns.join(" "));
    }
    if let BackendMessage::DataRow(row) = message {
        let values = row.values.iter();
        let values = values.map(|value| value.map_or("null".to_owned(), text));
        return format!("DataRow {}", values.collect::<Vec<_>>().join(" "));
    }
    if let BackendMessage::CommandComplete(done) = message {
        return format!("CommandComplete {}", text(done.command));
    }
    if let BackendMessage::ErrorResponse(error) = message {
        return report(error.report);
    }
    if let BackendMessage::NoticeResponse(notice) = message {
        return report(notice.report);
    }
    if let BackendMessage::ParameterStatus(status) = message {
        return format!("{}={}", text(status.name), text(status.value));
    }
    let name = format!("{message:?}");
    name.split(['(', ' ', '{']).next().unwrap().to_owned()
}

async fn locally(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

fn parse(statement: &[u8], query: &str, bytes: &mut Vec<u8>) {
    let (query, parameter_types) = (query.as_bytes(), ObjectIds::default());
    let parse = Parse {
        statement,
        query,
        parameter_types,
    };
    parse.encode(bytes).unwrap();
}

/// `Bind` without parameters, with these result formats.
fn bind(portal: &[u8], statement: &[u8], formats: &[i16], bytes: &mut Vec<u8>) {
    let count = u16::try_from(formats.len()).unwrap().to_be_bytes();
    let codes = formats.iter().flat_map(|code| code.to_be_bytes());
    let rest: Vec<u8> = [0, 0, 0, 0].into_iter().chain(count).chain(codes).collect();
    let bind = Bind {
        portal,
        statement,
        rest: &rest,
    };
    bind.encode(bytes).unwrap();
}

fn describe(target: Target<'_>, bytes: &mut Vec<u8>) {
    Describe { target }.encode(bytes).unwrap();
}

fn execute(portal: &[u8], row_limit: i32, bytes: &mut Vec<u8>) {
    Execute { portal, row_limit }.encode(bytes).unwrap();
}

/// Everything to run a command by the extended protocol.
fn run(query: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    parse(b"", query, &mut bytes);
    bind(b"", b"", &[], &mut bytes);
    execute(b"", 0, &mut bytes);
    Sync.encode(&mut bytes);
    bytes
}
