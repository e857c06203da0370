//! What an endpoint is asked, and what its answer says.
//!
//! The text finds only the system's own functions and operators if `search_path` is `pg_catalog`.

use std::time::Duration;

use tidegate_proto::backend::DataRow;

use crate::routing::Lsn;
use crate::routing::Sighting;
use crate::routing::State;

/// One row of eleven. That one user's, or one database's, transactions are read-only says nothing of
/// the endpoint. What only one in recovery, or only one that writes, can be asked is asked after
/// that; an endpoint that is promoted meanwhile answers both.
pub(super) const QUESTION: &[u8] = b"\
    SELECT r, \
    CASE WHEN r THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END, \
    CASE WHEN r THEN pg_last_wal_receive_lsn() END, \
    CASE WHEN NOT r THEN NULL \
        WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 \
        ELSE (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint END, \
    CASE WHEN NOT r THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END, \
    (SELECT setting = 'on' AND source NOT IN ('database', 'user', 'database user') \
        FROM pg_settings WHERE name = 'default_transaction_read_only'), \
    (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, \
    CASE WHEN r THEN (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint END, \
    (SELECT system_identifier FROM pg_control_system()), \
    (SELECT greatest(timeline_id, (SELECT min_recovery_end_timeline FROM pg_control_recovery())) \
        FROM pg_control_checkpoint()), \
    (SELECT received_tli FROM pg_stat_wal_receiver) \
    FROM (SELECT pg_is_in_recovery() AS r OFFSET 0) s";

/// The first five of these, and the eighth: how far it has come, and nothing that takes a server longer to
/// tell than the round trip takes. Asked many times a second while somebody waits for it.
pub(super) const QUESTION_AGAIN: &[u8] = b"\
    SELECT r, \
    CASE WHEN r THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END, \
    CASE WHEN r THEN pg_last_wal_receive_lsn() END, \
    CASE WHEN NOT r THEN NULL \
        WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 \
        ELSE (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint END, \
    CASE WHEN r THEN (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::bigint END \
    FROM (SELECT pg_is_in_recovery() AS r OFFSET 0) s";

/// The answer to [`QUESTION`].
pub(super) fn read(row: &[u8]) -> Option<Sighting> {
    let row = DataRow::decode(row).ok()?;
    let values = texts(&row);
    let [
        is_standby,
        lsn,
        received,
        lag,
        timeline,
        is_read_only,
        started,
        replay_age,
        system,
        timeline_on_disk,
        timeline_received,
    ] = *values.as_slice()
    else {
        return None;
    };
    let timeline = timeline.and_then(|timeline| u32::from_str_radix(timeline, 16).ok());
    let number = |timeline: Option<&str>| timeline.and_then(|number| number.parse::<u32>().ok());
    let (timeline_on_disk, timeline_received) =
        (number(timeline_on_disk), number(timeline_received));
    let state = match (is_standby?, is_read_only?) {
        ("t", _) => State::Standby,
        (_, "t") => State::ReadOnly {
            timeline: timeline?,
        },
        _ => State::Writable {
            timeline: timeline?,
        },
    };
    let is_standby = state == State::Standby;
    // Greatest of those that are told: a user without rights is not told what is received.
    let followed = timeline_on_disk
        .max(timeline_received)
        .filter(|_| is_standby);
    Some(Sighting {
        state,
        started: started?.parse().ok()?,
        system: system.and_then(|system| system.parse().ok()),
        followed,
        lsn: place(lsn, is_standby)?,
        received: received.and_then(|lsn| lsn.parse().ok()),
        lag: age(lag),
        replay_age: age(replay_age),
    })
}

/// The answer to [`QUESTION_AGAIN`], by one that said this before, over the same connection. None if it has
/// become something else since, and must be asked everything.
pub(super) fn read_again(row: &[u8], before: &Sighting) -> Option<Sighting> {
    let row = DataRow::decode(row).ok()?;
    let values = texts(&row);
    let [is_standby, lsn, received, lag, replay_age] = *values.as_slice() else {
        return None;
    };
    let was_standby = before.state == State::Standby;
    if (is_standby? == "t") != was_standby {
        return None;
    }
    Some(Sighting {
        lsn: place(lsn, was_standby)?,
        received: received.and_then(|lsn| lsn.parse().ok()),
        lag: age(lag),
        replay_age: age(replay_age),
        ..*before
    })
}

fn texts<'a>(row: &DataRow<'a>) -> Vec<Option<&'a str>> {
    let text = |value: Option<&'a [u8]>| value.and_then(|value| std::str::from_utf8(value).ok());
    row.values.iter().map(text).collect()
}

/// How far it has come. A standby that has replayed nothing yet says nothing.
fn place(lsn: Option<&str>, is_standby: bool) -> Option<Lsn> {
    let lsn = lsn.map_or(Some(Lsn::default()), |lsn| lsn.parse().ok())?;
    Some(if is_standby { lsn } else { lsn.end_of_record() })
}

/// A number of milliseconds; what is of the future by another clock is of this moment.
fn age(millis: Option<&str>) -> Option<Duration> {
    let millis = millis?.parse::<i64>().ok()?;
    Some(Duration::from_millis(millis.max(0).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(values: &[Option<&str>]) -> Option<Sighting> {
        read(&row(values))
    }

    fn row(values: &[Option<&str>]) -> Vec<u8> {
        let mut message = Vec::new();
        let values: Vec<_> = values
            .iter()
            .map(|value| value.map(str::as_bytes))
            .collect();
        DataRow::encode(&values, &mut message).unwrap();
        message.split_off(5)
    }

    const F: Option<&str> = Some("f");
    const T: Option<&str> = Some("t");
    const LSN: Option<&str> = Some("1/2");
    const ONE: Option<&str> = Some("1");

    /// What a primary says, with nothing special in it.
    const PRIMARY: [Option<&str>; 11] = [F, LSN, None, None, ONE, F, ONE, None, ONE, ONE, None];

    #[test]
    fn a_primary_tells_its_timeline_and_a_standby_its_lag() {
        let mut values = PRIMARY;
        values[1] = Some("1/3002018");
        values[4] = Some("0000000A");
        values[6] = Some("77");
        values[8] = Some("7655012345678901234");
        let expected = Sighting {
            state: State::Writable { timeline: 10 },
            started: 77,
            system: Some(7_655_012_345_678_901_234),
            followed: None,
            // Nothing ends between the header of a page and its first record.
            lsn: Lsn(0x1_0300_2000),
            received: None,
            lag: None,
            replay_age: None,
        };
        assert_eq!(told(&values), Some(expected));
        let (replayed, received) = (Some("0/2"), Some("0/3"));
        let (lag, age, started) = (Some("1500"), Some("1600"), Some("78"));
        let two = Some("2");
        let standby = told(&[
            T, replayed, received, lag, None, F, started, age, ONE, ONE, two,
        ]);
        let expected = Sighting {
            state: State::Standby,
            started: 78,
            system: Some(1),
            followed: Some(2),
            lsn: Lsn(2),
            received: Some(Lsn(3)),
            lag: Some(Duration::from_millis(1500)),
            replay_age: Some(Duration::from_millis(1600)),
        };
        assert_eq!(standby, Some(expected));
    }

    #[test]
    fn whose_transactions_are_all_read_only_is_no_primary() {
        let mut values = PRIMARY;
        values[5] = T;
        let told = told(&values);
        assert_eq!(told.unwrap().state, State::ReadOnly { timeline: 1 });
    }

    #[test]
    fn what_makes_no_sense_is_no_sighting() {
        let with = |at: usize, value| {
            let mut values = PRIMARY;
            values[at] = value;
            told(&values)
        };
        assert!(told(&PRIMARY).is_some());
        for (at, value) in [(0, None), (1, Some("?")), (4, None), (6, None)] {
            assert_eq!(with(at, value), None, "{at}");
        }
        assert_eq!(told(&PRIMARY[..10]), None);
        assert_eq!(read(b"\0"), None);
    }

    #[test]
    fn one_that_is_asked_again_says_how_far_it_has_come_and_is_what_it_was() {
        let before = told(&PRIMARY).unwrap();
        let again = read_again(&row(&[F, Some("1/2018"), None, None, None]), &before);
        let expected = Sighting {
            lsn: Lsn(0x1_0000_2000),
            ..before
        };
        assert_eq!(again, Some(expected));
        let mut values = PRIMARY;
        values[0] = T;
        let standby = told(&values).unwrap();
        let (lsn, lag, age) = (Some("1/2018"), Some("3"), Some("4"));
        let again = read_again(&row(&[T, lsn, lsn, lag, age]), &standby).unwrap();
        assert_eq!(
            again.lsn,
            Lsn(0x1_0000_2018),
            "what is replayed is replayed"
        );
        assert_eq!(again.lag, Some(Duration::from_millis(3)));
        assert_eq!(again.replay_age, Some(Duration::from_millis(4)));
        assert_eq!(again.followed, standby.followed);
    }

    #[test]
    fn one_that_has_become_something_else_must_be_asked_everything() {
        let before = told(&PRIMARY).unwrap();
        let standby = row(&[T, LSN, None, None, None]);
        assert_eq!(read_again(&standby, &before), None);
        assert!(read_again(&row(&[F, LSN, None, None, None]), &before).is_some());
        assert_eq!(read_again(&row(&[F, LSN, None, None]), &before), None);
        assert_eq!(
            read_again(&row(&[None, LSN, None, None, None]), &before),
            None
        );
        assert_eq!(read_again(b"\0", &before), None);
    }
}
