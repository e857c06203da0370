//! What clients saw of counters that only rise, and whether a database may show that.
//!
//! A write raises one counter by one and is told its new value, so that of two values of a counter
//! the larger one is the newer. All counters begin at zero.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// One statement about one counter, as its client saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    /// Whose: a client from its login until it is closed, or as long as it takes its past along.
    pub(crate) session: u32,
    /// The node that it spoke to.
    pub(crate) node: usize,
    /// The counter.
    pub(crate) key: u32,
    /// When it was sent, on the clock of the whole history.
    pub(crate) began: Duration,
    /// When its answer was there.
    pub(crate) ended: Duration,
    pub(crate) what: What,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// It was raised to this value, and that was acknowledged.
    Wrote(u64),
    /// This was its value.
    Read(u64),
    /// It was to be raised, and nobody knows whether it was.
    Unknown,
}

/// What reads may not be older than.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// What their own session has written or read.
    Session,
    /// That, and what was acknowledged by their node before they began.
    Tenant,
}

/// What no database may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A session saw less than it had written or read before.
    Backwards { event: Event, known: u64 },
    /// A read saw less than its node had acknowledged before it began.
    Stale { event: Event, acknowledged: u64 },
    /// Two writes were told the same value: one of them is lost.
    Twice { key: u32, value: u64 },
    /// More was read than anybody had asked for by then.
    Invented { event: Event, asked: u64 },
    /// At the end a counter is less than what was acknowledged or read, or more than what was
    /// acknowledged together with what is unknown.
    Lost {
        key: u32,
        found: u64,
        least: u64,
        most: u64,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backwards { event, known } => {
                write!(formatter, "{event:?}, though it knew of {known}")
            },
            Self::Stale {
                event,
                acknowledged,
            } => write!(
                formatter,
                "{event:?}, though its node had acknowledged {acknowledged}"
            ),
            Self::Twice { key, value } => {
                write!(formatter, "counter {key} was raised to {value} twice")
            },
            Self::Invented { event, asked } => {
                write!(
                    formatter,
                    "{event:?}, though only {asked} had been asked for"
                )
            },
            Self::Lost {
                key,
                found,
                least,
                most,
            } => write!(
                formatter,
                "counter {key} is {found} at the end, and must be {least} to {most}"
            ),
        }
    }
}

/// All that was seen. The events of one session are in the order in which it saw them.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) events: Vec<Event>,
    /// What the counters are at the end, when everything has come to rest.
    pub(crate) last: BTreeMap<u32, u64>,
}

impl History {
    /// Everything that is wrong with it.
    pub(crate) fn violations(&self, rule: Rule) -> Vec<Violation> {
        let stale = match rule {
            Rule::Session => Vec::new(),
            Rule::Tenant => self.stale(),
        };
        [
            self.backwards(),
            stale,
            self.twice(),
            self.invented(),
            self.lost(),
        ]
        .concat()
    }

    fn backwards(&self) -> Vec<Violation> {
        let mut known: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        let mut found = Vec::new();
        for event in &self.events {
            let (What::Wrote(value) | What::Read(value)) = event.what else {
                continue;
            };
            let known = known.entry((event.session, event.key)).or_default();
            // What is written is new, and never what was known.
            let is_behind = match event.what {
                What::Wrote(_) => value <= *known,
                What::Read(_) | What::Unknown => value < *known,
            };
            if is_behind {
                let (event, known) = (*event, *known);
                found.push(Violation::Backwards { event, known });
            }
            *known = value.max(*known);
        }
        found
    }

    fn stale(&self) -> Vec<Violation> {
        let acknowledged = Steps::of(&self.events, |event| match event.what {
            What::Wrote(value) => Some(((event.node, event.key), event.ended, value)),
            What::Read(_) | What::Unknown => None,
        });
        let stale = self.reads().filter_map(|(event, value)| {
            let acknowledged = acknowledged.before(&(event.node, event.key), event.began);
            (value < acknowledged).then_some(Violation::Stale {
                event,
                acknowledged,
            })
        });
        stale.collect()
    }

    fn twice(&self) -> Vec<Violation> {
        let mut told = BTreeSet::new();
        let again = self
            .writes()
            .filter(|(key, value)| !told.insert((*key, *value)));
        again
            .map(|(key, value)| Violation::Twice { key, value })
            .collect()
    }

    fn invented(&self) -> Vec<Violation> {
        let mut asked: BTreeMap<u32, Vec<Duration>> = BTreeMap::new();
        for event in &self.events {
            if !matches!(event.what, What::Read(_)) {
                asked.entry(event.key).or_default().push(event.began);
            }
        }
        for moments in asked.values_mut() {
            moments.sort_unstable();
        }
        let invented = self.reads().filter_map(|(event, value)| {
            let moments = asked.get(&event.key).map_or(&[][..], Vec::as_slice);
            let asked = moments.partition_point(|began| *began < event.ended) as u64;
            (value > asked).then_some(Violation::Invented { event, asked })
        });
        invented.collect()
    }

    fn lost(&self) -> Vec<Violation> {
        /// How often it was raised for certain, how often perhaps, and the most that was read.
        #[derive(Clone, Copy, Default)]
        struct Count {
            certain: u64,
            perhaps: u64,
            read: u64,
        }
        let mut counts: BTreeMap<u32, Count> = BTreeMap::new();
        for event in &self.events {
            let count = counts.entry(event.key).or_default();
            match event.what {
                What::Wrote(_) => count.certain += 1,
                What::Unknown => count.perhaps += 1,
                What::Read(value) => count.read = count.read.max(value),
            }
        }
        let keys: BTreeSet<u32> = counts.keys().chain(self.last.keys()).copied().collect();
        let wrong = keys.into_iter().filter_map(|key| {
            let found = self.last.get(&key).copied().unwrap_or_default();
            let count = counts.get(&key).copied().unwrap_or_default();
            let least = count.certain.max(count.read);
            let most = count.certain + count.perhaps;
            (found < least || found > most).then_some(Violation::Lost {
                key,
                found,
                least,
                most,
            })
        });
        wrong.collect()
    }

    fn reads(&self) -> impl Iterator<Item = (Event, u64)> {
        self.events.iter().filter_map(|event| match event.what {
            What::Read(value) => Some((*event, value)),
            What::Wrote(_) | What::Unknown => None,
        })
    }

    fn writes(&self) -> impl Iterator<Item = (u32, u64)> {
        self.events.iter().filter_map(|event| match event.what {
            What::Wrote(value) => Some((event.key, value)),
            What::Read(_) | What::Unknown => None,
        })
    }
}

/// The largest value of each thing, by time.
struct Steps<K>(BTreeMap<K, Vec<(Duration, u64)>>);

impl<K: Ord> Steps<K> {
    fn of(events: &[Event], step: impl Fn(&Event) -> Option<(K, Duration, u64)>) -> Self {
        let mut all: BTreeMap<K, Vec<(Duration, u64)>> = BTreeMap::new();
        for (thing, at, value) in events.iter().filter_map(step) {
            all.entry(thing).or_default().push((at, value));
        }
        for steps in all.values_mut() {
            steps.sort_unstable();
            let mut largest = 0;
            for (_, value) in steps {
                largest = largest.max(*value);
                *value = largest;
            }
        }
        Self(all)
    }

    /// Zero if nothing happened before.
    fn before(&self, thing: &K, moment: Duration) -> u64 {
        let steps = self.0.get(thing).map_or(&[][..], Vec::as_slice);
        let count = steps.partition_point(|(at, _)| *at < moment);
        count.checked_sub(1).map_or(0, |last| steps[last].1)
    }
}

mod tests {
    use super::*;

    const KEY: u32 = 7;

    /// A statement of a session at a node, from one second to another.
    fn event(session: u32, node: usize, began: u64, ended: u64, what: What) -> Event {
        Event {
            session,
            node,
            key: KEY,
            began: Duration::from_secs(began),
            ended: Duration::from_secs(ended),
            what,
        }
    }

    fn history(events: &[Event], last: u64) -> History {
        History {
            events: events.to_vec(),
            last: BTreeMap::from([(KEY, last)]),
        }
    }

    fn kinds(events: &[Event], last: u64, rule: Rule) -> Vec<&'static str> {
        let violations = history(events, last).violations(rule);
        let kind = |violation: &Violation| match violation {
            Violation::Backwards { .. } => "backwards",
            Violation::Stale { .. } => "stale",
            Violation::Twice { .. } => "twice",
            Violation::Invented { .. } => "invented",
            Violation::Lost { .. } => "lost",
        };
        violations.iter().map(kind).collect()
    }

    #[test]
    fn a_history_of_one_database_is_right_by_every_rule() {
        let events = [
            event(1, 0, 0, 1, What::Wrote(1)),
            event(2, 1, 0, 1, What::Read(1)),
            event(2, 1, 2, 3, What::Wrote(2)),
            event(1, 0, 3, 4, What::Read(2)),
            event(1, 0, 5, 6, What::Unknown),
            event(2, 1, 6, 7, What::Read(3)),
        ];
        assert_eq!(kinds(&events, 3, Rule::Tenant), [""; 0]);
    }

    #[test]
    fn a_session_that_does_not_see_its_own_write_is_found() {
        let events = [
            event(1, 0, 0, 1, What::Wrote(1)),
            event(1, 0, 2, 3, What::Read(0)),
        ];
        assert_eq!(kinds(&events, 1, Rule::Session), ["backwards"]);
        assert_eq!(kinds(&events, 1, Rule::Tenant), ["backwards", "stale"]);
    }

    #[test]
    fn a_session_that_goes_back_behind_what_it_has_read_is_found() {
        let events = [
            event(1, 0, 0, 1, What::Wrote(1)),
            event(2, 1, 2, 3, What::Read(1)),
            event(2, 1, 4, 5, What::Read(0)),
        ];
        assert_eq!(kinds(&events, 1, Rule::Session), ["backwards"]);
    }

    #[test]
    fn a_read_behind_anothers_write_at_the_same_node_is_wrong_for_the_tenant_only() {
        let events = [
            event(1, 0, 0, 1, What::Wrote(1)),
            event(2, 0, 2, 3, What::Read(0)),
        ];
        assert_eq!(kinds(&events, 1, Rule::Session), [""; 0]);
        assert_eq!(kinds(&events, 1, Rule::Tenant), ["stale"]);
    }

    #[test]
    fn neither_another_node_nor_a_write_that_was_not_acknowledged_yet_binds_a_read() {
        let events = [
            event(1, 1, 0, 1, What::Wrote(1)),
            event(2, 0, 2, 3, What::Read(0)),
            event(1, 1, 4, 6, What::Wrote(2)),
            event(3, 1, 5, 7, What::Read(1)),
        ];
        assert_eq!(kinds(&events, 2, Rule::Tenant), [""; 0]);
    }

    #[test]
    fn a_write_that_is_lost_is_found() {
        let events = [
            event(1, 0, 0, 1, What::Wrote(1)),
            event(2, 1, 2, 3, What::Wrote(2)),
        ];
        assert_eq!(kinds(&events, 1, Rule::Session), ["lost"]);
        assert_eq!(kinds(&events, 3, Rule::Session), ["lost"]);
        let twice = [events[0], event(2, 1, 2, 3, What::Wrote(1))];
        assert_eq!(kinds(&twice, 2, Rule::Session), ["twice"]);
    }

    #[test]
    fn what_was_read_and_is_gone_at_the_end_is_found() {
        let events = [
            event(1, 0, 0, 1, What::Unknown),
            event(2, 0, 2, 3, What::Read(1)),
        ];
        assert_eq!(kinds(&events, 1, Rule::Session), [""; 0]);
        assert_eq!(kinds(&events, 0, Rule::Session), ["lost"]);
    }

    #[test]
    fn a_session_whose_write_is_told_what_it_knew_already_is_found() {
        let events = [
            event(1, 0, 0, 1, What::Wrote(1)),
            event(2, 0, 2, 3, What::Read(1)),
            event(2, 0, 4, 5, What::Wrote(1)),
        ];
        assert_eq!(kinds(&events, 2, Rule::Session), ["backwards", "twice"]);
    }

    #[test]
    fn what_nobody_has_asked_for_is_found() {
        let events = [
            event(1, 0, 2, 3, What::Read(1)),
            event(2, 0, 4, 5, What::Wrote(1)),
        ];
        assert_eq!(kinds(&events, 1, Rule::Session), ["invented"]);
    }
}
