//! What a process has used, as the system tells in `/proc`: time of processors, and memory.
//!
//! The time a thread ran is known to the nanosecond; how it divides into user and system is known by
//! samples only, so the split is the weaker figure.

use std::fs;
use std::io;
use std::path::Path;

/// Ticks per second in `/proc`: part of the interface of Linux, whatever the kernel's own.
const TICK_NS: u64 = 1_000_000_000 / 100;

/// Time of processors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// All of it, in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// Samples in user space.
    pub(crate) user_ticks: u64,
    /// Samples in the kernel.
    pub(crate) system_ticks: u64,
}

impl Usage {
    /// What a process has used since it started.
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let ticks = Ticks::of(pid)?;
        Ok(Self {
            cpu_ns: threads_ns(pid)?,
            user_ticks: ticks.user,
            system_ticks: ticks.system,
        })
    }

    /// What a process and its children have used, those that have ended included.
    pub(crate) fn of_tree(pid: u32) -> io::Result<Self> {
        let mut sum = Self::of(pid)?;
        let ended = Ticks::of(pid)?.of_children;
        sum.cpu_ns += ended * TICK_NS;
        for child in children(pid)? {
            // A child may end while we look; then its parent's sum has it next time.
            if let Ok(usage) = Self::of(child) {
                sum.cpu_ns += usage.cpu_ns;
                sum.user_ticks += usage.user_ticks;
                sum.system_ticks += usage.system_ticks;
            }
        }
        Ok(sum)
    }

    /// What was used between `before` and now.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            user_ticks: self.user_ticks.saturating_sub(before.user_ticks),
            system_ticks: self.system_ticks.saturating_sub(before.system_ticks),
        }
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns + other.cpu_ns,
            user_ticks: self.user_ticks + other.user_ticks,
            system_ticks: self.system_ticks + other.system_ticks,
        }
    }

    /// The part of it in user space, in nanoseconds, by the samples.
    pub(crate) fn user_ns(self) -> u64 {
        let ticks = self.user_ticks + self.system_ticks;
        let share = u128::from(self.cpu_ns) * u128::from(self.user_ticks);
        share
            .checked_div(u128::from(ticks))
            .and_then(|ns| u64::try_from(ns).ok())
            .unwrap_or(0)
    }
}

/// Bytes of a process that are in memory.
pub(crate) fn resident_bytes(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes
        .map(|kilobytes: u64| kilobytes * 1024)
        .ok_or_else(odd)
}

/// Nanoseconds that the threads of a process ran.
fn threads_ns(pid: u32) -> io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end while we look.
        if let Ok(text) = fs::read_to_string(entry?.path().join("schedstat")) {
            sum += first_number(&text).ok_or_else(odd)?;
        }
    }
    Ok(sum)
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[derive(Debug, PartialEq, Eq)]
struct Ticks {
    parent: u32,
    user: u64,
    system: u64,
    /// Of children that have ended and were waited for.
    of_children: u64,
}

impl Ticks {
    fn of(pid: u32) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Self::parse(&text).ok_or_else(odd)
    }

    /// The name in parentheses may contain anything, so fields count from the last one.
    fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        // The state is field 3 of the manual page proc(5), and 0 here.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(4)?).ok()?,
            user: number(14)?,
            system: number(15)?,
            of_children: number(16)? + number(17)?,
        })
    }
}

fn children(pid: u32) -> io::Result<Vec<u32>> {
    let entries = fs::read_dir(Path::new("/proc"))?;
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |child: &u32| Ticks::of(*child).is_ok_and(|ticks| ticks.parent == pid);
    Ok(pids.filter(is_child).collect())
}

fn odd() -> io::Error {
    io::Error::other("not the format that proc(5) describes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_count_from_behind_the_name() {
        let stat = "7 (a) b (c)) S 5 7 7 0 -1 4194560 1 2 3 4 150 250 30 40 20 0 1 0 99 0 0";
        let ticks = Ticks {
            parent: 5,
            user: 150,
            system: 250,
            of_children: 70,
        };
        assert_eq!(Ticks::parse(stat), Some(ticks));
    }

    #[test]
    fn the_user_part_is_a_share_of_the_exact_time() {
        let usage = Usage {
            cpu_ns: 1_000,
            user_ticks: 1,
            system_ticks: 3,
        };
        assert_eq!(usage.user_ns(), 250);
        assert_eq!(Usage::default().user_ns(), 0);
    }

    #[test]
    fn this_process_has_used_something() {
        let pid = std::process::id();
        assert!(Usage::of(pid).unwrap().cpu_ns > 0);
        assert!(resident_bytes(pid).unwrap() > 100_000);
    }
}
