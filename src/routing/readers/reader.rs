//! One endpoint as something to read from.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Endpoint;
use crate::limits::SIGHTING_AGE_MAX;
use crate::limits::WARM_IN;
use crate::routing::Life;
use crate::routing::Lsn;
use crate::routing::RoundTrip;
use crate::routing::State;
use crate::routing::known::One;
use crate::routing::known::Pace;
use crate::routing::known::Proof;
use crate::routing::readers::Preferences;

/// One endpoint as something to read from, as it was when it was last looked at.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Its configuration.
    pub endpoint: Arc<Endpoint>,
    /// Where it was looked at, if it has a name: what is known of it says nothing of what is elsewhere.
    pub address: Option<SocketAddr>,
    /// The tenant's writes go there.
    pub is_primary: bool,
    /// Whether it takes writes; none if it never said.
    pub state: Option<State>,
    /// Which life of it that was.
    pub life: Option<Life>,
    /// What it had replayed, or as the primary written.
    pub replayed: Lsn,
    /// When it was asked. Only what a connection shows that was open by then is known to be no older
    /// than `replayed`: see [`Self::vouches_for`].
    pub asked_at: Option<Instant>,
    /// How far away it is.
    pub round_trip: Option<RoundTrip>,
    /// It has replayed all that was written before this moment; none if nobody knows.
    pub fresh_at: Option<Instant>,
    /// Why it is not read from at all.
    pub unfit: Option<Unfit>,
    /// Until when it is left out because servers of it failed.
    pub ejected_until: Option<Instant>,
    /// Since when it is back after an absence.
    pub warm_since: Option<Instant>,
    /// Until then what it said is young enough.
    pub(super) seen_until: Option<Instant>,
    pub(super) pace: Option<Pace>,
    /// What it is compared by: see [`Self::distance`].
    pub(super) distance: u64,
    pub(super) tier: usize,
    pub(super) is_here: bool,
}

/// Why an endpoint is not read from at all, whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// The configuration gives it no share.
    NoWeight,
    /// There are too many before it.
    TooMany,
    /// It has not been looked at yet.
    Unseen,
    /// It does not answer.
    Silent,
    /// It has not answered for too long, and nobody knows yet why.
    Stale,
    /// It takes writes and is not the primary.
    NoStandby,
    /// The primary has not been looked at yet, so that nobody knows what it must be like.
    PrimaryUnseen,
    /// It is a copy of another database system than the primary.
    OtherSystem,
    /// It is not on the timeline of the primary, or that is not the newest, as far as the user that asks
    /// may see: `pg_read_all_stats` shows at once whom it follows, and its control file only after a
    /// restartpoint.
    OtherTimeline,
}

impl Unfit {
    /// In words, for an operator.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoWeight => "its weight is 0",
            Self::TooMany => "there are too many endpoints before it",
            Self::Unseen => "it has not been looked at yet",
            Self::Silent => "it does not answer",
            Self::Stale => "it has not been asked for a while, or has not answered",
            Self::NoStandby => "it is no standby",
            Self::PrimaryUnseen => "the primary has not answered yet",
            Self::OtherSystem => "its system identifier is not the primary's",
            Self::OtherTimeline => {
                "it is not known to be on the newest timeline, with the primary: it does not follow, \
                 or has made no restartpoint since"
            },
        }
    }
}

/// The part of the reads that an endpoint gets which has been there all the time: see
/// [`Reader::share`].
pub const WHOLE_SHARE: u32 = 256;

/// What it gets at first.
const FIRST_SHARE: u32 = WHOLE_SHARE / 16;

/// How near something in the node's own region is, and how far something in another one, until that is
/// measured.
const HERE: Duration = Duration::from_millis(1);
const ELSEWHERE: Duration = Duration::from_millis(30);

impl Reader {
    pub(in crate::routing) fn of(
        one: &One,
        is_primary: bool,
        proof: Option<&Proof>,
        newest_timeline: u32,
    ) -> Self {
        let lsn = one.sighting.map(|sighting| sighting.lsn);
        Self {
            endpoint: Arc::clone(&one.endpoint),
            address: one.address,
            is_primary,
            state: one.sighting.map(|sighting| sighting.state),
            life: one.life(),
            replayed: lsn.unwrap_or_default(),
            asked_at: one.look.map(|look| look.asked_at),
            round_trip: one.round_trip,
            fresh_at: None,
            unfit: unfit(one, is_primary, proof, newest_timeline),
            ejected_until: None,
            warm_since: one.warm_since,
            seen_until: one.look.map(|look| look.answered_at + SIGHTING_AGE_MAX),
            pace: one.pace,
            distance: u64::MAX,
            tier: 0,
            is_here: false,
        }
    }

    pub(super) fn judge(&mut self, preferences: &Preferences) {
        let region = &self.endpoint.region;
        let is_here = preferences.is_here(region);
        self.tier = preferences.tier(region);
        self.is_here = is_here == Some(true);
        let known = self.round_trip;
        let distance = known.map_or(Duration::MAX, |known| distance(known, is_here));
        self.distance = u64::try_from(distance.as_nanos()).unwrap_or(u64::MAX);
    }

    /// Whether a server's connection, opened at this moment, shows at least what this endpoint had
    /// replayed when it was asked. One that was opened after that may belong to another life, which has
    /// begun again farther back.
    pub fn vouches_for(&self, opened_at: Instant) -> bool {
        self.asked_at.is_some_and(|asked_at| opened_at < asked_at)
    }

    /// How old what it shows may be; none if nobody knows.
    pub fn lag(&self, now: Instant) -> Option<Duration> {
        self.fresh_at.map(|fresh| now.duration_since(fresh))
    }

    /// Its part of the reads that it would get by its weight, in 256ths: less while its caches are
    /// cold.
    pub fn share(&self, now: Instant) -> u32 {
        let Some(since) = self.warm_since else {
            return WHOLE_SHARE;
        };
        let age = now.duration_since(since);
        if age >= WARM_IN {
            return WHOLE_SHARE;
        }
        let grown = age.as_millis() * u128::from(WHOLE_SHARE) / WARM_IN.as_millis();
        u32::try_from(grown).unwrap_or(WHOLE_SHARE).max(FIRST_SHARE)
    }

    /// Why it is not read from at all at this moment.
    pub fn unfit_now(&self, now: Instant) -> Option<Unfit> {
        let stale = (!self.is_seen(now)).then_some(Unfit::Stale);
        self.unfit.or(stale)
    }

    /// Whether it can be read from at this moment, as far as nothing depends on who reads.
    #[inline]
    pub(super) fn is_fit(&self, now: Instant) -> bool {
        self.unfit.is_none()
            && !self.is_primary
            && self.is_seen(now)
            && self.ejected_until.is_none_or(|until| until <= now)
    }

    /// Whether it has answered of late.
    #[inline]
    pub(super) fn is_seen(&self, now: Instant) -> bool {
        self.seen_until.is_some_and(|until| now <= until)
    }
}

/// How far away something is: measured, as soon as there is enough of that. Before, the region is the
/// better guess.
fn distance(known: RoundTrip, is_here: Option<bool>) -> Duration {
    if known.is_measured() {
        return known.smoothed;
    }
    match is_here {
        Some(true) => known.least.min(HERE),
        Some(false) => known.least.max(ELSEWHERE),
        None => known.least,
    }
}

fn unfit(one: &One, is_primary: bool, proof: Option<&Proof>, newest: u32) -> Option<Unfit> {
    if one.endpoint.weight == 0 {
        return Some(Unfit::NoWeight);
    }
    let Some(sighting) = one.sighting.filter(|_| one.answers()) else {
        let is_silent = one.trouble.is_some() || one.is_lost;
        return Some(if is_silent {
            Unfit::Silent
        } else {
            Unfit::Unseen
        });
    };
    if is_primary {
        return None;
    }
    if sighting.state != State::Standby {
        return Some(Unfit::NoStandby);
    }
    let Some(proof) = proof else {
        return Some(Unfit::PrimaryUnseen);
    };
    if proof.system.is_none() || sighting.system != proof.system {
        return Some(Unfit::OtherSystem);
    }
    let is_newest = proof.timeline == newest && sighting.timeline() == Some(newest);
    (!is_newest).then_some(Unfit::OtherTimeline)
}
