//! Clients that leave in the middle of a transcript, without a goodbye: the next client must get its
//! own rows, on a server that nobody has left anything on, and every count must be back at rest.

use std::time::Duration;

use tidegate_harness::polling;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;
use tidegate_proto::error::Sender;
use tidegate_proto::frame::FrameHeader;

use super::replay;
use super::script::Script;
use super::stage::Stage;

/// One server, so that the next client needs the one that was left, or its place.
const POOL_SIZE: u32 = 1;

/// Longer transcripts say nothing that shorter ones do not.
const BYTES_MAX: usize = 200;

const REST_LIMIT: Duration = Duration::from_mins(1);

/// What a client leaves on a server, seen by the next one.
const LEFT: &str = "current_setting('TimeZone'), current_setting('work_mem'), \
                    current_setting('application_name'), \
                    (select count(*) from pg_cursors), \
                    (select count(*) from pg_listening_channels()), \
                    (select count(*) from pg_class where relnamespace = pg_my_temp_schema()), \
                    (select count(*) from pg_locks \
                     where locktype = 'advisory' and pid = pg_backend_pid())";

/// Leaves every short transcript everywhere, through the listener of a pool mode; returns how often
/// that was, or `None` if the machine has no Postgres.
pub(crate) fn leave(mode: &str, names: &[&str]) -> Option<usize> {
    let stage = Stage::with_servers(POOL_SIZE)?;
    let logins = stage.modes().into_iter();
    let (_, login) = logins.into_iter().find(|(name, _)| *name == mode).unwrap();
    let left = canary(&login, "nobody was here");
    let mut count = 0;
    for name in names {
        let script = Script::load(name);
        let bytes: usize = script.steps.iter().map(|step| step.bytes.len()).sum();
        let suits = script.suits(stage.major_version()) && script.holds_in(mode);
        if !suits || script.is_slow || bytes > BYTES_MAX {
            continue;
        }
        for (step, bytes) in places(&script) {
            count += 1;
            let what = format!("{name}: step {}, byte {bytes}", step + 1);
            stage.set_up(&script.setup);
            leave_at(&script, &login, step, bytes);
            assert_eq!(
                canary(&login, &what),
                left.replace("nobody was here", &what)
            );
        }
        let rests = || stage.pools().is_at_rest(POOL_SIZE);
        let what = format!("{name}: rest, while the pools are {:?}: it", stage.pools());
        polling::until_true(&what, REST_LIMIT, rests).unwrap();
    }
    Some(count)
}

/// After each message, and in the middle of the last of a step: the number of the step and of its
/// bytes.
fn places(script: &Script) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    for (number, step) in script.steps.iter().enumerate() {
        let mut at = 0;
        while let Some(rest) = step.bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let header = FrameHeader::parse(Sender::Frontend, rest).unwrap().unwrap();
            if rest.len() == header.total_bytes() {
                places.push((number, at + rest.len() / 2));
            }
            at += header.total_bytes();
            places.push((number, at));
        }
    }
    places
}

fn leave_at(script: &Script, login: &Login, step: usize, bytes: usize) {
    let mut wire = Wire::connect(login).unwrap();
    for step in &script.steps[..step] {
        wire.send(&step.bytes).unwrap();
        replay::answer(&mut wire, step);
    }
    wire.send(&script.steps[step].bytes[..bytes]).unwrap();
}

/// What the next client is answered.
fn canary(login: &Login, what: &str) -> String {
    let mut client = Wire::connect(login).unwrap();
    let what = what.replace('\'', "''");
    client.query(&format!("select '{what}', {LEFT}")).unwrap()
}
