//! The one place where commands are run: whoever gets here with a command is asked for the right to
//! it, by the table of [`crate::admin::access`].

use super::answer::Answer;
use super::answer::Notice;
use super::command::Command;
use super::error::ConsoleError;
use super::show;
use super::table::Column;
use crate::admin::Desk;
use crate::admin::access::Role;
use crate::telemetry::Untrusted;

/// The columns of what a command shows; none if it shows no rows.
pub(super) const fn columns(command: &Command) -> Option<&'static [Column]> {
    match command {
        Command::Show(topic) => show::columns(*topic),
        Command::ShowRoute(_) => Some(show::route::COLUMNS),
        Command::Nothing
        | Command::SetIgnored
        | Command::Set
        | Command::Reload
        | Command::KillClient(_) => None,
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) name: &'a str,
    pub(super) role: Role,
}

/// Runs a command. What is more than looking is logged, with who asked.
///
/// # Errors
/// [`ConsoleError::NoAdmin`], before anything is done; then what the command itself refuses.
pub(super) async fn run(
    command: &Command,
    asker: Asker<'_>,
    desk: &Desk,
) -> Result<Answer, ConsoleError> {
    if let Some(action) = command.action() {
        if !asker.role.may(action) {
            return Err(ConsoleError::NoAdmin);
        }
        if action.least_role() == Some(Role::Admin) {
            let user = Untrusted::new(asker.name);
            tracing::info!(%user, ?command, "an operator asked");
        }
    }
    desk.roster.count_command();
    match command {
        Command::Nothing => Ok(Answer::done("")),
        Command::Show(topic) => Ok(show::show(*topic, desk).await),
        Command::ShowRoute(asked) => show::route::show(asked, desk),
        Command::SetIgnored => Ok(Answer::done("SET").with(Notice::information("SET ignored"))),
        Command::Set => Err(ConsoleError::SetFailed),
        Command::Reload => reload(desk).await,
        Command::KillClient(id) => kill_client(id, desk).await,
    }
}

async fn reload(desk: &Desk) -> Result<Answer, ConsoleError> {
    let outcome = desk
        .orders
        .reload()
        .await
        .map_err(ConsoleError::ShuttingDown)?;
    let reloaded = outcome.map_err(ConsoleError::ReloadRefused)?;
    let answer = Answer::done("RELOAD");
    if reloaded.needs_restart.is_empty() {
        return Ok(answer);
    }
    let notice = Notice::warning("some changes wait for a restart".to_owned());
    Ok(answer.with(notice.detail(reloaded.needs_restart.join("\n"))))
}

async fn kill_client(id: &str, desk: &Desk) -> Result<Answer, ConsoleError> {
    let id = id.parse().map_err(|_no_number| ConsoleError::NoClientId)?;
    if desk.kill(id).await {
        Ok(Answer::done("KILL_CLIENT"))
    } else {
        Err(ConsoleError::NoClient)
    }
}
