//! Servers that stream from one another, as far as what they show matters.

use crate::routing::Lsn;
use crate::routing::Sighting;
use crate::routing::State;
use crate::routing::readers::tests::model::RECORD;
use crate::routing::readers::tests::model::SERVERS;

/// The servers, and which of them takes the writes.
pub(super) struct Servers {
    pub(super) all: [Server; SERVERS],
    pub(super) primary: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Server {
    pub(super) is_up: bool,
    pub(super) writes: bool,
    pub(super) timeline: u32,
    pub(super) position: u64,
    /// What it shows of what is the tenant's: less than its position where it went another way.
    pub(super) shows: u64,
    pub(super) flushed: u64,
    pub(super) started: i64,
    /// No connection outlives it.
    pub(super) incarnation: u32,
}

impl Servers {
    pub(super) fn new() -> Self {
        let server = |number: usize| Server {
            is_up: true,
            writes: number == 0,
            timeline: 1,
            position: 100,
            shows: 100,
            flushed: 100,
            started: i64::try_from(number).unwrap() * 1000,
            incarnation: 0,
        };
        Self {
            all: std::array::from_fn(server),
            primary: 0,
        }
    }

    /// The primary writes one record, and has come this far then.
    pub(super) fn write(&mut self) -> u64 {
        let primary = &mut self.all[self.primary];
        primary.position += RECORD;
        primary.shows = primary.position;
        primary.position
    }

    pub(super) fn replay(&mut self, server: usize, far: u64) {
        let primary = self.all[self.primary];
        let server = &mut self.all[server];
        if !server.writes && server.is_up && server.timeline == primary.timeline {
            server.position = (server.position + far).min(primary.position);
            server.shows = server.position;
        }
    }

    pub(super) fn flush(&mut self, server: usize) {
        self.all[server].flushed = self.all[server].position;
    }

    pub(super) fn go_down(&mut self, server: usize) {
        let server = &mut self.all[server];
        if !server.writes {
            server.is_up = false;
            server.incarnation += 1;
        }
    }

    pub(super) fn follow(&mut self, server: usize) {
        let timeline = self.all[self.primary].timeline;
        let server = &mut self.all[server];
        if !server.writes && server.is_up && server.shows == server.position {
            server.timeline = timeline;
        }
    }

    pub(super) fn haunt(&mut self, server: usize) {
        let server = &mut self.all[server];
        server.is_up |= server.writes;
    }

    pub(super) fn begin_again(&mut self, server: usize, far: u64) {
        let server = &mut self.all[server];
        server.incarnation += 1;
        if !server.writes && server.shows == server.position {
            server.position = server.position.saturating_sub(far).max(server.flushed);
            server.shows = server.position;
        }
    }

    pub(super) fn restart(&mut self, number: usize, far: u64) {
        self.begin_again(number, far);
        let primary = self.all[self.primary];
        let server = &mut self.all[number];
        server.started += 1;
        server.is_up = true;
        let has_strayed = server.writes || server.shows != server.position;
        if has_strayed && number != self.primary {
            // Rewound to where the two went different ways.
            server.writes = false;
            server.timeline = primary.timeline;
            server.position = server.shows.saturating_sub(far);
            server.shows = server.position;
            server.flushed = server.position;
        }
    }

    pub(super) fn take_over(&mut self, number: usize, other: usize) {
        let before = self.all[self.primary];
        let is_able =
            |server: &Server| !server.writes && server.is_up && server.timeline == before.timeline;
        if !is_able(&self.all[number]) {
            return;
        }
        self.all[self.primary].is_up = false;
        self.all[self.primary].incarnation += 1;
        let next = &mut self.all[number];
        next.position = before.position;
        next.shows = before.position;
        next.timeline += 1;
        next.writes = true;
        self.primary = number;
        let other = &mut self.all[other];
        if is_able(other) {
            other.shows = before.position;
            other.position = before.position + RECORD * 3;
        }
    }
}

pub(super) fn sighting(server: &Server) -> Sighting {
    let timeline = server.timeline;
    let state = if server.writes {
        State::Writable { timeline }
    } else {
        State::Standby
    };
    Sighting {
        state,
        started: server.started,
        system: Some(7),
        followed: (!server.writes).then_some(timeline),
        lsn: Lsn(server.position),
        received: None,
        lag: None,
        replay_age: None,
    }
}
