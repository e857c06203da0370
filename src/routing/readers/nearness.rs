//! Which of those that could take a read does.
//!
//! **Distance** is the smoothed round trip: a short read costs little else. **Load** makes an endpoint
//! count as farther away: with [`LOAD_UNIT`] reads under way for each of its weight, twice as far. One
//! read more or less says nothing of a server with several processors, so that a single one must not
//! send the next to another continent; hundreds of them do.
//!
//! Those within the band of the nearest are near, and share: two of them are drawn by weight, and the
//! one with less under way for its weight takes the read. With two, no endpoint is flooded by all
//! workers at once, as the one with the least would be; and while nothing is under way, the first
//! that was drawn takes it, so that shares follow the weights.
//!
//! **The primary** reads, too, if it is nearer than the whole band that a replica would have to be in:
//! one in the band relieves it. It is compared by distance alone. Load never moves reads to the primary:
//! it has the writes, which cannot go elsewhere.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits::MONITOR_INTERVAL;
use crate::limits::MONITOR_INTERVAL_WANTED;
use crate::routing::Lsn;
use crate::routing::Unfit;
use crate::routing::readers::Candidates;
use crate::routing::readers::Choice;
use crate::routing::readers::Read;
use crate::routing::readers::Reader;
use crate::routing::readers::Readers;
use crate::routing::readers::Rule;
use crate::routing::readers::Target;
use crate::routing::readers::reader::WHOLE_SHARE;

/// With that many reads under way on one worker, for each of its weight, something counts as twice as far.
const LOAD_UNIT: u64 = 16;

/// Random bits for one choice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(random: u32) -> Self {
        Self(u64::from(random) ^ 0x5851_F42D_4C95_7F2D)
    }

    /// One of the numbers below a limit.
    #[inline]
    fn below(&mut self, limit: u32) -> u32 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        let scaled = (mixed >> 32) * u64::from(limit);
        u32::try_from(scaled >> 32).unwrap_or(0)
    }
}

/// The places of the bits that are set.
#[derive(Debug)]
struct Places(u64);

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let next = (self.0 != 0).then(|| self.0.trailing_zeros())?;
        self.0 &= self.0 - 1;
        usize::try_from(next).ok()
    }
}

impl Readers {
    /// Of those that are ready, one that is near; or the primary, or a wait for one that is behind.
    pub(super) fn nearest(
        &self,
        read: &Read<'_>,
        candidates: &Candidates,
        outstanding: impl Fn(usize) -> u32,
        random: u32,
    ) -> Choice {
        let mut dice = Dice::new(random);
        let choice = self.of_ready(read, candidates.ready, &outstanding, &mut dice);
        if candidates.behind == 0 || read.wish.causal_wait.is_zero() {
            return choice;
        }
        let awaited = self.awaited(read, candidates.behind, &choice);
        awaited.unwrap_or(choice)
    }

    /// The choice among those that need no wait.
    fn of_ready(
        &self,
        read: &Read<'_>,
        ready: u64,
        outstanding: &impl Fn(usize) -> u32,
        dice: &mut Dice,
    ) -> Choice {
        let Read { wish, now, .. } = *read;
        let (ready, tier) = self.of_first_tier(ready);
        if ready == 0 {
            return Choice::primary(Rule::AllBehind);
        }
        let primary = self
            .primary_reads(now)
            .filter(|_| !wish.is_replica_demanded);
        if let Some(primary) = primary {
            if primary.tier < tier {
                return Choice::primary(Rule::PrimaryIsPreferred);
            }
            let nearest = self.distances(ready).min().unwrap_or(u64::MAX);
            if primary.tier == tier && self.preferences.near(primary.distance) < nearest {
                return Choice::primary(Rule::PrimaryIsNearer);
            }
        }
        let warm = self.warm(ready, dice, now);
        let ready = match warm {
            0 if !wish.is_replica_demanded && self.primary_answers(now) => {
                return Choice::primary(Rule::WarmingUp);
            },
            // Slowly is better than not before there is another primary.
            0 => ready,
            warm => warm,
        };
        if ready.is_power_of_two() {
            let index = usize::try_from(ready.trailing_zeros()).unwrap_or(0);
            return Choice::replica(index, Rule::OnlyOne);
        }
        self.of_near(ready, outstanding, dice)
    }

    /// Those that are read from before all others, and their tier.
    #[inline]
    fn of_first_tier(&self, ready: u64) -> (u64, usize) {
        let mut first = (0, usize::MAX);
        for (index, reader) in self.at(ready) {
            if reader.tier < first.1 {
                first = (0, reader.tier);
            }
            if reader.tier == first.1 {
                first.0 |= 1 << index;
            }
        }
        first
    }

    /// Whether the primary can take a read at all, wanted or not.
    fn primary_answers(&self, now: Instant) -> bool {
        let primary = self.primary.and_then(|index| self.get(index));
        primary.is_some_and(|one| one.is_seen(now) && one.unfit != Some(Unfit::Silent))
    }

    /// The primary, if it can be read from as if it were a replica. That is more than that it must take
    /// what nobody else can.
    #[inline]
    fn primary_reads(&self, now: Instant) -> Option<&Reader> {
        let primary = self.get(self.primary?)?;
        (primary.unfit.is_none() && primary.is_seen(now)).then_some(primary)
    }

    /// Those of which none came back from an absence so lately that this read is not in its share.
    #[inline]
    fn warm(&self, ready: u64, dice: &mut Dice, now: Instant) -> u64 {
        let mut warm = ready;
        for (index, reader) in self.at(ready) {
            if reader.warm_since.is_some() && dice.below(WHOLE_SHARE) >= reader.share(now) {
                warm &= !(1 << index);
            }
        }
        warm
    }

    /// Of those that are near, one that has little to do.
    fn of_near(&self, ready: u64, outstanding: &impl Fn(usize) -> u32, dice: &mut Dice) -> Choice {
        let cost = |index: usize, reader: &Reader| match u64::from(outstanding(index)) {
            0 => reader.distance,
            load => {
                let more = reader.distance.saturating_mul(load) / (LOAD_UNIT * weight(reader));
                reader.distance.saturating_add(more)
            },
        };
        let costs = self.at(ready).map(|(index, reader)| cost(index, reader));
        let limit = self.preferences.near(costs.min().unwrap_or(u64::MAX));
        let (mut near, mut weights) = (0_u64, 0_u64);
        for (index, reader) in self.at(ready) {
            if cost(index, reader) <= limit {
                near |= 1 << index;
                weights += weight(reader);
            }
        }
        let one = self.drawn(near, weights, dice);
        let others = near & !(1 << one);
        if others == 0 {
            return Choice::replica(one, Rule::Nearest);
        }
        let other_weights = weights - self.get(one).map_or(0, weight);
        let two = self.drawn(others, other_weights, dice);
        let is_better = self.is_better(two, one, outstanding);
        Choice::replica(if is_better { two } else { one }, Rule::Shared)
    }

    /// One of these, whose weights are so much together, with a chance that is its weight.
    #[inline]
    fn drawn(&self, of: u64, weights: u64, dice: &mut Dice) -> usize {
        let mut left = u64::from(dice.below(u32::try_from(weights).unwrap_or(u32::MAX)));
        let mut last = 0;
        for (index, reader) in self.at(of) {
            last = index;
            match left.checked_sub(weight(reader)) {
                Some(rest) => left = rest,
                None => break,
            }
        }
        last
    }

    /// Whether one of two that are near should take a read instead of the other, which was drawn first.
    #[inline]
    fn is_better(&self, one: usize, other: usize, outstanding: &impl Fn(usize) -> u32) -> bool {
        let (Some(own), Some(others)) = (self.get(one), self.get(other)) else {
            return false;
        };
        let load = u64::from(outstanding(one)) * weight(others);
        let other_load = u64::from(outstanding(other)) * weight(own);
        // Regions tip the balance only: they cost money, and the round trips say that both are near.
        load < other_load || load == other_load && own.is_here && !others.is_here
    }

    /// A wait for the nearest of those that are behind, if that is likely to be over sooner than what is
    /// chosen without a wait. The worst that can come of it is the time that was to be gained.
    #[cold]
    fn awaited(&self, read: &Read<'_>, behind: u64, chosen: &Choice) -> Option<Choice> {
        let Read { wish, floor, now } = *read;
        let (behind, tier) = self.of_first_tier(behind);
        let (index, reader) = self.at(behind).min_by_key(|(_, reader)| reader.distance)?;
        let (instead, instead_tier) = match chosen.target {
            Target::Replica(index) => self
                .get(index)
                .map(|reader| (reader.distance, reader.tier))?,
            // What is demanded is worth the whole wait.
            Target::Primary | Target::Await { .. } if wish.is_replica_demanded => {
                (u64::MAX, usize::MAX)
            },
            Target::Primary | Target::Await { .. } => {
                let primary = self.get(self.primary?)?;
                (primary.distance, primary.tier)
            },
        };
        let gained = Duration::from_nanos(instead.checked_sub(reader.distance)?);
        let limit = gained.min(wish.causal_wait);
        let is_worth_it = tier <= instead_tier && wait(reader, floor, now)? < limit;
        is_worth_it.then_some(Choice {
            target: Target::Await {
                index,
                floor,
                limit,
            },
            rule: Rule::AwaitsReplay,
        })
    }

    fn distances(&self, of: u64) -> impl Iterator<Item = u64> {
        self.at(of).map(|(_, reader)| reader.distance)
    }

    fn at(&self, places: u64) -> impl Iterator<Item = (usize, &Reader)> {
        Places(places).filter_map(|index| Some((index, self.get(index)?)))
    }
}

/// Never 0: what has no weight is not fit.
fn weight(reader: &Reader) -> u64 {
    u64::from(reader.endpoint.weight.max(1))
}

/// How long it will probably take until it is known that a standby has replayed this much; none if it
/// seems to stand still.
fn wait(reader: &Reader, floor: Lsn, now: Instant) -> Option<Duration> {
    let asked_at = reader.asked_at?;
    let is_stuck = reader
        .fresh_at
        .is_none_or(|fresh| asked_at.duration_since(fresh) > STUCK_AFTER);
    if is_stuck {
        return None;
    }
    let missing = reader.replayed.behind(floor);
    let replay = reader.pace.map_or(Duration::ZERO, |pace| {
        let seconds = pace.time.as_secs_f64() * as_f64(missing) / as_f64(pace.bytes.max(1));
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    });
    // It has gone on since it was asked; and it must be asked again, which takes a round trip.
    let rest = replay.saturating_sub(now.duration_since(asked_at));
    Some(rest.saturating_add(MONITOR_INTERVAL_WANTED + Duration::from_nanos(reader.distance)))
}

/// What one shows may be this much older than the moment at which it was asked, even if it replays all at
/// once: the primary is asked so seldom.
const STUCK_AFTER: Duration = MONITOR_INTERVAL.saturating_mul(2);

#[expect(
    clippy::cast_precision_loss,
    reason = "an estimate: no more than a few digits of it count"
)]
const fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}
