//! What speaks against each endpoint, for whoever wants to know why a read goes where it goes.
//!
//! Nothing is chosen by this: it looks at the same facts as the choice, and may take its time.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::routing::Past;
use crate::routing::readers::Reader;
use crate::routing::readers::Readers;
use crate::routing::readers::Unfit;
use crate::routing::readers::Wish;

/// What speaks against reading from an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing does.
    Fit,
    /// It is not read from at all, whoever asks.
    Unfit(Unfit),
    /// It is left out for so long because servers of it failed.
    Ejected(Duration),
    /// Nobody knows yet how far the primary had come with what the client must see.
    Unproven,
    /// It has not replayed so many bytes of what the client must see.
    Behind(u64),
    /// What it shows may be this old, which is more than the client wants; none if nobody knows.
    Lagging(Option<Duration>),
    /// There is another one in a region that the tenant would rather read from.
    LessPreferred,
    /// Another one is clearly nearer.
    TooFar {
        /// How far it is.
        distance: Duration,
        /// Up to which distance one is near.
        near: Duration,
    },
}

impl Readers {
    /// What speaks against each endpoint for a client that has seen this much, in the order of the
    /// configuration. Load is left out: it is another at each moment.
    pub fn verdicts(&self, wish: &Wish, past: &Past, now: Instant) -> Vec<Verdict> {
        let mut past = *past;
        self.settle(&mut past);
        let verdict = |reader: &Reader| self.against(reader, wish, &past, now);
        let mut verdicts: Vec<Verdict> = self.iter().map(verdict).collect();
        let ready = self.iter().zip(&verdicts);
        let ready =
            ready.filter(|(reader, verdict)| !reader.is_primary && matches!(verdict, Verdict::Fit));
        let first = ready
            .map(|(reader, _)| (reader.tier, reader.distance))
            .min();
        let Some((tier, nearest)) = first else {
            return verdicts;
        };
        let near = self.preferences.near(nearest);
        for (reader, verdict) in self.iter().zip(&mut verdicts) {
            if reader.is_primary || *verdict != Verdict::Fit {
                continue;
            }
            if reader.tier > tier {
                *verdict = Verdict::LessPreferred;
            } else if reader.distance > near {
                *verdict = Verdict::TooFar {
                    distance: Duration::from_nanos(reader.distance),
                    near: Duration::from_nanos(near),
                };
            }
        }
        verdicts
    }

    /// What speaks against one, whatever else there is.
    fn against(&self, reader: &Reader, wish: &Wish, past: &Past, now: Instant) -> Verdict {
        if let Some(unfit) = reader.unfit_now(now) {
            return Verdict::Unfit(unfit);
        }
        if reader.is_primary {
            return Verdict::Fit;
        }
        if let Some(until) = reader.ejected_until.filter(|until| *until > now) {
            return Verdict::Ejected(until - now);
        }
        let Some(need) = self.need(wish, past, now) else {
            return Verdict::Unproven;
        };
        if need.life.is_some() && reader.life != need.life {
            Verdict::Unproven
        } else if need.fresh_since.is_some() && reader.fresh_at < need.fresh_since {
            Verdict::Lagging(reader.lag(now))
        } else if reader.replayed < need.floor {
            Verdict::Behind(reader.replayed.behind(need.floor))
        } else {
            Verdict::Fit
        }
    }
}

impl fmt::Display for Verdict {
    /// In words, for an operator; nothing where nothing speaks against it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fit => Ok(()),
            Self::Unfit(unfit) => formatter.write_str(unfit.as_str()),
            Self::Ejected(left) => {
                let left = millis(*left);
                write!(formatter, "servers of it failed: it is left out for {left}")
            },
            Self::Unproven => formatter
                .write_str("nobody knows yet how far the primary had come with the last write"),
            Self::Behind(bytes) => write!(formatter, "it is {bytes} bytes behind"),
            Self::Lagging(None) => formatter.write_str("nobody knows how old it is"),
            Self::Lagging(Some(lag)) => {
                let lag = millis(*lag);
                write!(formatter, "it may be {lag} old, which is more than max_lag")
            },
            Self::LessPreferred => formatter.write_str("another region is preferred"),
            Self::TooFar { distance, near } => {
                let (distance, near) = (millis(*distance), millis(*near));
                write!(formatter, "it is {distance} away, and near is up to {near}")
            },
        }
    }
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}
