//! Whether the machine was asleep meanwhile. The clock that everything is timed with stands still
//! while it is, so that nobody is timed out for it; but firewalls and servers forget connections.

use std::time::Duration;

use crate::limits::SUSPENSION_MIN;

/// Tells for how long the machine has slept since it was started.
pub(super) type SleepClock = fn() -> Duration;

/// Notices when the machine was asleep.
#[derive(Debug)]
pub(super) struct Suspension {
    clock: SleepClock,
    /// What the clock said when sleep was last noticed.
    known: Duration,
}

impl Suspension {
    /// What the machine has slept before is not counted.
    pub(super) fn new(clock: SleepClock) -> Self {
        let known = clock();
        Self { clock, known }
    }

    /// For how long the machine has slept since this was last noticed, if that is long enough to end
    /// connections. Short naps add up.
    pub(super) fn noticed(&mut self) -> Option<Duration> {
        let now = (self.clock)();
        let slept = now.saturating_sub(self.known);
        if slept < SUSPENSION_MIN {
            return None;
        }
        self.known = now;
        Some(slept)
    }
}

/// The clock of the system: the one that counts sleep, less the one that does not. Whatever becomes
/// of the time of day, both go on.
#[cfg(target_os = "linux")]
pub(super) fn slept_since_start() -> Duration {
    use rustix::time::ClockId;
    use rustix::time::clock_gettime;

    let read = |clock| {
        let time = clock_gettime(clock);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    };
    read(ClockId::Boottime).saturating_sub(read(ClockId::Monotonic))
}

/// Elsewhere no clock tells.
#[cfg(not(target_os = "linux"))]
pub(super) fn slept_since_start() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static SLEPT: Cell<Duration> = const { Cell::new(Duration::from_hours(3)) };
    }

    fn suspend(time: Duration) {
        SLEPT.set(SLEPT.get() + time);
    }

    #[test]
    fn sleep_is_noticed_once_and_short_naps_add_up() {
        let mut suspension = Suspension::new(|| SLEPT.get());
        assert_eq!(suspension.noticed(), None, "what was before does not count");
        suspend(Duration::from_hours(8));
        assert_eq!(suspension.noticed(), Some(Duration::from_hours(8)));
        assert_eq!(suspension.noticed(), None);
        for _ in 0..3 {
            suspend(SUSPENSION_MIN / 4);
            assert_eq!(suspension.noticed(), None);
        }
        suspend(SUSPENSION_MIN / 4);
        assert_eq!(suspension.noticed(), Some(SUSPENSION_MIN));
    }

    #[test]
    fn the_clocks_of_the_system_go_on_together() {
        let mut suspension = Suspension::new(slept_since_start);
        assert_eq!(suspension.noticed(), None);
    }
}
