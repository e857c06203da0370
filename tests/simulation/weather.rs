//! What may go wrong in a world. Each seed draws which kinds of faults it has at all, so that some
//! worlds are calm and others have one kind of trouble only.

use std::time::Duration;

use crate::challenge::Challenge;
use crate::random::Random;

/// What may go wrong, and how often. Chances are per thousand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weather {
    /// Bytes that a connection holds before its writer waits.
    pub(crate) pipe_bytes: usize,
    /// The longest piece that goes over the network at once, in bytes.
    pub(crate) segment_bytes_max: usize,
    /// How many pieces are delayed.
    pub(crate) delays: u32,
    /// The longest delay of a piece, of a reply, and of a client's next word.
    pub(crate) delay_max: Duration,
    /// How many connections of clients break somewhere.
    pub(crate) client_cuts: u32,
    /// How many connections to servers break somewhere.
    pub(crate) server_cuts: u32,
    /// How many servers die, at a message or in their sleep.
    pub(crate) server_deaths: u32,
    /// How many messages make a server say something unasked.
    pub(crate) notices: u32,
    /// How many connections to servers cannot be opened.
    pub(crate) dial_failures: u32,
    /// How many logins a server refuses.
    pub(crate) login_refusals: u32,
    /// How many statements of a client that cancels are canceled.
    pub(crate) cancels: u32,
    /// How many clients go without a word, or close only their own direction.
    pub(crate) vanishings: u32,
    /// How many sessions are gone at one of their polls.
    pub(crate) drops: u32,
    /// How many clients an operator ends.
    pub(crate) kills: u32,
    /// How often an operator who looks brings a new configuration.
    pub(crate) reloads: u32,
    /// How often an operator who looks brings the end of it all: nobody stays.
    pub(crate) drains: u32,
    /// How many of these bring a new configuration as well.
    pub(crate) reloads_in_drains: u32,
    /// How servers ask who somebody is.
    pub(crate) challenge: Challenge,
    /// Whether servers are spoken to under TLS.
    pub(crate) has_server_tls: bool,
    /// How many workers the node has: each may have a part of every pool.
    pub(crate) workers: usize,
    /// How many letters from one worker to another find no room.
    pub(crate) full_mailboxes: u32,
    /// How many clients replicate.
    pub(crate) replications: u32,
    /// The limit of a wait in the queue, if it is short enough to be reached.
    pub(crate) wait_timeout: Option<Duration>,
    /// The limit of a query, a transaction and an idle client, if there is any.
    pub(crate) patience: Option<Duration>,
}

impl Weather {
    /// Nothing goes wrong, and nothing is slow.
    pub(crate) fn calm() -> Self {
        Self {
            pipe_bytes: 4096,
            segment_bytes_max: 4096,
            delay_max: Duration::from_millis(5),
            workers: 1,
            ..Self::default()
        }
    }

    /// The weather of a seed.
    pub(crate) fn of(random: &mut Random) -> Self {
        let is_calm = random.chance(200);
        let mut fault = |chance: u32| {
            let is_on = !is_calm && random.chance(300);
            let chance = u32::try_from(random.between(1, u64::from(chance))).unwrap();
            if is_on { chance } else { 0 }
        };
        let mut weather = Self {
            client_cuts: fault(400),
            server_cuts: fault(300),
            server_deaths: fault(500),
            notices: fault(200),
            dial_failures: fault(400),
            login_refusals: fault(300),
            cancels: fault(500),
            vanishings: fault(500),
            drops: fault(500),
            kills: fault(60),
            reloads: fault(200),
            drains: fault(20),
            reloads_in_drains: fault(700),
            delays: fault(500),
            replications: fault(300),
            full_mailboxes: fault(500),
            ..Self::calm()
        };
        weather.pieces_scale(random);
        weather.pipe_bytes = *random.pick(&[1, 7, 64, 512, 4096, 65536]);
        weather.delay_max = Duration::from_millis(random.between(1, 60));
        weather.wait_timeout = (!is_calm && random.chance(150)).then(|| Duration::from_secs(1));
        let millis = Duration::from_millis(random.between(1, 100));
        weather.patience = (!is_calm && random.chance(150)).then_some(millis);
        let challenges = [Challenge::None, Challenge::Md5, Challenge::Scram];
        weather.challenge = *random.pick(&challenges);
        weather.workers = *random.pick(&[1, 1, 2, 3]);
        weather.has_server_tls = random.chance(250);
        if weather.has_server_tls {
            // In a handshake nobody listens who has something to say: what both say must fit.
            weather.pipe_bytes = weather.pipe_bytes.max(64);
            // It is thousands of bytes, and there is a limit to its time.
            let piece = weather.pipe_bytes.min(weather.segment_bytes_max);
            weather.delays = weather.delays.div_ceil(scale(piece));
        }
        weather
    }

    /// The more pieces there are, the fewer of them are late.
    fn pieces_scale(&mut self, random: &mut Random) {
        self.segment_bytes_max = *random.pick(&[1, 5, 50, 1000, 8192]);
        self.delays = self.delays.div_ceil(scale(self.segment_bytes_max));
    }
}

fn scale(piece_bytes: usize) -> u32 {
    u32::try_from(1 + 300 / piece_bytes).unwrap()
}
