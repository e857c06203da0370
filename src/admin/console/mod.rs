//! The SQL console: `psql … pgbouncer`, with PgBouncer's commands, columns and words.
//!
//! Unlike PgBouncer it also takes the extended protocol, comments, and binary results, so that every
//! driver can ask. What differs otherwise: databases are shown as `tenant.database`, by their name
//! on the server, and users in `SHOW USERS` as `user.tenant`, since neither name is unique on a
//! node of many tenants; times of day are UTC, as the session's `TimeZone` says.
//!
//! # Layout
//!
//! - `grammar` → `command` (what was asked) → `execute` (whether it may be, and the doing) →
//!   `answer`.
//! - `show`: one file for each topic. `table`: columns, values and how they are written.
//! - `conversation`: the messages, simple and extended. `line`: the bytes.

mod answer;
mod asked;
mod command;
mod conversation;
mod error;
mod execute;
mod grammar;
mod line;
mod show;
mod statements;
mod table;
mod welcome;

use std::sync::Arc;

use tidegate_proto::backend::ReportText;
use tidegate_proto::backend::Severity;
use tidegate_proto::sqlstate::SqlState;
use tokio::time::Instant;

use self::conversation::Conversation;
use self::execute::Asker;
use self::line::Line;
use self::line::LineError;
use crate::admin::Desk;
use crate::admin::Operator;
use crate::session::Ending;
use crate::telemetry::Untrusted;

/// Talks to an operator until one of the two has enough. To be run on a worker.
pub async fn converse(operator: Operator, desk: Arc<Desk>) {
    let now = Instant::now();
    let place = desk.roster.enroll(&operator, desk.counts.next_id(), now);
    let Operator {
        socket,
        name,
        role,
        origin,
        ..
    } = operator;
    let log = |reason: &str| {
        let (user, client) = (Untrusted::new(&name), origin.client());
        let role = role.label();
        tracing::info!(target: "tidegate::connection", %client, %user, role, reason, "console session ended");
    };
    let mut line = Line::new(socket);
    let place = match place {
        Ok(place) => place,
        Err(full) => {
            let (sqlstate, message) = (SqlState::TOO_MANY_CONNECTIONS, full.to_string());
            let report = ReportText::new(Severity::Fatal, sqlstate, &message);
            log("too_many");
            return line.farewell(report.hint("Close one of them.")).await;
        },
    };
    let talking = async {
        welcome::write(&mut line, desk.random)?;
        line.flush().await?;
        let name = &name;
        Conversation::new(&mut line, &desk, Asker { name, role })
            .run()
            .await
    };
    let end = tokio::select! {
        end = talking => end,
        () = place.enrolled.killed() => Err(LineError::Killed),
    };
    match &end {
        Ok(()) | Err(LineError::Gone(_)) => {},
        Err(LineError::Killed) => {
            let report = ReportText::new(
                Severity::Fatal,
                Ending::Killed.sqlstate(),
                Ending::Killed.message(),
            );
            line.farewell(report).await;
        },
        Err(LineError::Violation(violation)) => {
            let detail = violation.to_string();
            let sqlstate = SqlState::PROTOCOL_VIOLATION;
            let report = ReportText::new(Severity::Fatal, sqlstate, "bad packet").detail(&detail);
            line.farewell(report).await;
        },
        Err(LineError::Encode(error)) => {
            let detail = error.to_string();
            let sqlstate = error.sqlstate();
            let report = ReportText::new(Severity::Fatal, sqlstate, "internal error");
            line.farewell(report.detail(&detail)).await;
        },
    }
    let reason = end
        .as_ref()
        .map_or_else(LineError::label, |()| "terminated");
    log(reason);
}

#[cfg(test)]
mod tests;
