//! What is known of one tenant's endpoints, behind the lock of its topology.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Endpoint;
use crate::config::Role;
use crate::limits::FIRST_LOOK_WAIT;
use crate::routing::Life;
use crate::routing::Look;
use crate::routing::Lsn;
use crate::routing::NoPrimary;
use crate::routing::Place;
use crate::routing::RoundTrip;
use crate::routing::Sighting;
use crate::routing::State;
use crate::routing::ejection::Ejection;
use crate::routing::primary::Candidate;
use crate::routing::primary::Primary;
use crate::routing::progress::Progress;

/// What is known of one tenant's endpoints.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) endpoints: Vec<One>,
    /// When the first of them was seen to take writes.
    pub(super) first_found: Option<Instant>,
    pub(super) place: Place,
    /// What the primary last said, whether or not there is one now.
    pub(super) proof: Option<Proof>,
    /// How far it had come before.
    pub(super) progress: Progress,
}

/// What is known of one endpoint.
#[derive(Debug, Clone)]
pub(super) struct One {
    pub(super) endpoint: Arc<Endpoint>,
    /// Where its name led whoever looks at it.
    pub(super) address: Option<SocketAddr>,
    pub(super) sighting: Option<Sighting>,
    pub(super) look: Option<Look>,
    pub(super) round_trip: Option<RoundTrip>,
    pub(super) trouble: Option<Trouble>,
    /// The connection over which it said what it said has ended.
    pub(super) is_lost: bool,
    /// Servers of it failed.
    pub(super) ejection: Ejection,
    /// What the last of them said.
    pub(super) blame: Option<String>,
    /// Since when it has been back.
    pub(super) warm_since: Option<Instant>,
    /// How fast it last went on.
    pub(super) pace: Option<Pace>,
    /// It has answered, or could not be reached, since somebody looks at it again.
    pub(super) is_looked_at: bool,
    pub(super) is_attended: bool,
}

/// It cannot be asked at the moment.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) error: String,
    pub(super) failures: u32,
}

/// All that the primary had written at a moment, and whose it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proof {
    /// It was asked then, and was at `lsn` or less far before that.
    pub(super) asked_at: Instant,
    pub(super) lsn: Lsn,
    pub(super) timeline: u32,
    pub(super) system: Option<u64>,
}

/// The primary has said something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proven {
    pub(super) proof: Proof,
    /// It is of another history than what was said before.
    pub(super) is_other: bool,
}

/// How many bytes of the write-ahead log were replayed in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

impl One {
    pub(super) fn new(endpoint: &Arc<Endpoint>) -> Self {
        Self {
            endpoint: Arc::clone(endpoint),
            address: None,
            sighting: None,
            look: None,
            round_trip: None,
            trouble: None,
            is_lost: false,
            ejection: Ejection::default(),
            blame: None,
            warm_since: None,
            pace: None,
            is_looked_at: false,
            is_attended: false,
        }
    }

    fn candidate(&self) -> Candidate {
        match (self.is_looked_at, self.sighting) {
            (false, _) => Candidate::Unseen,
            (true, None) => Candidate::Silent,
            (true, Some(sighting)) => Candidate::Said(sighting),
        }
    }

    pub(super) fn may_write(&self) -> bool {
        self.endpoint.role != Role::Replica
    }

    /// Takes over what it has said.
    pub(super) fn saw(&mut self, mut sighting: Sighting, look: Look) {
        let is_back = self.trouble.take().is_some();
        let before = self.sighting.zip(self.look);
        let is_restarted = before.is_some_and(|(before, _)| before.started != sighting.started);
        if is_back || is_restarted {
            self.warm_since = Some(look.answered_at);
        }
        if let Some((before, looked)) = before {
            let is_same_life = before.life(looked) == sighting.life(look);
            if is_same_life && sighting.state == State::Standby {
                // It never goes back. Before its next restartpoint it tells of it only while its primary is
                // there, and reads must go on while that is away.
                sighting.followed = sighting.followed.max(before.followed);
            }
            let goes_on = is_same_life && before.lsn < sighting.lsn;
            self.pace = goes_on.then(|| Pace {
                bytes: before.lsn.behind(sighting.lsn),
                time: look.asked_at - looked.asked_at,
            });
        }
        let measured = look.answered_at - look.asked_at;
        self.round_trip = Some(match self.round_trip {
            Some(known) => known.with(measured),
            None => RoundTrip::first(measured),
        });
        self.sighting = Some(sighting);
        self.look = Some(look);
        self.is_lost = false;
        self.is_looked_at = true;
    }

    /// Whether what it last said holds.
    pub(super) fn answers(&self) -> bool {
        self.sighting.is_some() && self.trouble.is_none() && !self.is_lost
    }

    /// How bad it is as something to read from. The primary is what remains when all others fail.
    pub(super) fn ejection_of_reads(&self, place: &Place) -> Ejection {
        let is_primary = matches!(place, Place::At(primary) if *primary == self.endpoint);
        if is_primary {
            Ejection::default()
        } else {
            self.ejection
        }
    }

    /// Which life it is in, as far as is known.
    pub(super) fn life(&self) -> Option<Life> {
        Some(self.sighting?.life(self.look?))
    }
}

impl Known {
    pub(super) fn place(&mut self, reached: u32, now: Instant) -> Place {
        let candidates: Vec<&One> = self
            .endpoints
            .iter()
            .filter(|one| one.may_write())
            .collect();
        if candidates.iter().all(|one| one.endpoint.role != Role::Auto) {
            // The configuration says which it is.
            let first = candidates.first();
            return first.map_or(Place::Nowhere(NoPrimary::Nobody), |one| {
                Place::At(Arc::clone(&one.endpoint))
            });
        }
        let known: Vec<Candidate> = candidates.iter().map(|one| one.candidate()).collect();
        let takes_writes = |known: &Candidate| {
            let writable = |sighting: &Sighting| matches!(sighting.state, State::Writable { .. });
            matches!(known, Candidate::Said(sighting) if writable(sighting))
        };
        let is_found = known.iter().any(takes_writes);
        let found = is_found.then(|| *self.first_found.get_or_insert(now));
        let is_late = found.is_some_and(|found| now.duration_since(found) >= FIRST_LOOK_WAIT);
        let at = |place: usize| candidates.get(place).map(|one| &one.endpoint);
        let name = |place| at(place).map_or_else(String::new, |one| one.name.clone());
        match Primary::among(&known, reached, is_late) {
            Primary::At(place) => at(place).map_or(Place::Nowhere(NoPrimary::Nobody), |endpoint| {
                Place::At(Arc::clone(endpoint))
            }),
            Primary::Split(one, two) => Place::Nowhere(NoPrimary::Split(name(one), name(two))),
            Primary::Behind(one) => Place::Nowhere(NoPrimary::Behind(name(one))),
            Primary::Nobody => Place::Nowhere(NoPrimary::Nobody),
            Primary::NotYetKnown => Place::Nowhere(NoPrimary::NotYetKnown),
        }
    }

    pub(super) fn find(&mut self, endpoint: &Endpoint) -> Option<&mut One> {
        let mut endpoints = self.endpoints.iter_mut();
        // Who looks at it may know it with another share of the work.
        endpoints.find(|one| one.endpoint.is_same_instance(endpoint))
    }

    pub(super) fn is_primary(&self, endpoint: &Endpoint) -> bool {
        matches!(&self.place, Place::At(primary) if primary.is_same_instance(endpoint))
    }

    /// Nobody can write, as far as is known.
    pub(super) fn is_urgent(&self) -> bool {
        let Place::At(primary) = &self.place else {
            return true;
        };
        let mut endpoints = self.endpoints.iter();
        endpoints.any(|one| *one.endpoint == **primary && one.trouble.is_some())
    }

    /// Takes over what the primary has said, if that is news and it is out of recovery.
    pub(super) fn prove(&mut self) -> Option<Proven> {
        let Place::At(primary) = &self.place else {
            return None;
        };
        let one = self.endpoints.iter().find(|one| one.endpoint == *primary)?;
        let (sighting, look) = one.sighting.zip(one.look)?;
        let proof = Proof {
            asked_at: look.asked_at,
            lsn: sighting.lsn,
            timeline: sighting.state.timeline()?,
            system: sighting.system,
        };
        if self.proof == Some(proof) {
            return None;
        }
        let history = |proof: Proof| (proof.timeline, proof.system);
        let is_other = self
            .proof
            .is_some_and(|before| history(before) != history(proof));
        if is_other {
            self.progress.forget();
        }
        self.progress.note(proof.asked_at, proof.lsn);
        self.proof = Some(proof);
        Some(Proven { proof, is_other })
    }

    /// What was written before this moment has been replayed by an endpoint; none if nobody knows.
    pub(super) fn fresh_at(&self, one: &One) -> Option<Instant> {
        let (sighting, look) = one.sighting.zip(one.look)?;
        let by_place = self.progress.replayed_at(sighting.lsn);
        let by_clock = sighting
            .replay_age
            .and_then(|age| look.asked_at.checked_sub(age));
        by_place.max(by_clock)
    }

    /// The newest timeline that any of the primary's system has reached.
    pub(super) fn newest_timeline(&self, reached: u32) -> u32 {
        let system = self.proof.and_then(|proof| proof.system);
        let sightings = self.endpoints.iter().filter_map(|one| one.sighting);
        let own = sightings.filter(|sighting| sighting.system == system);
        own.filter_map(|sighting| sighting.timeline())
            .fold(reached, u32::max)
    }
}
