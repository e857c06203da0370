//! What the kernel says of this process, where it is cheap to ask: Linux's `/proc`. Elsewhere these
//! metrics are left out.

use std::fs;

use super::exposition::Kind;
use super::exposition::Page;

/// Ticks a second in `/proc/self/stat`: `USER_HZ`, which Linux promises to programs on every
/// architecture that Rust has.
const TICKS_BY_SECOND: u64 = 100;

/// Appends the metrics that every Prometheus client library has under these names.
pub(super) fn write(page: &mut Page) {
    if let Some(status) = fs::read_to_string("/proc/self/status").ok().as_deref() {
        let resident = bytes(status, "VmRSS:");
        let help = "Memory that the process has in RAM.";
        gauge(page, "process_resident_memory_bytes", help, resident);
        let help = "Address space of the process.";
        gauge(
            page,
            "process_virtual_memory_bytes",
            help,
            bytes(status, "VmSize:"),
        );
        gauge(
            page,
            "process_threads",
            "Threads of the process.",
            number(status, "Threads:"),
        );
    }
    gauge(
        page,
        "process_open_fds",
        "Open file descriptors.",
        open_files(),
    );
    let limits = fs::read_to_string("/proc/self/limits").ok();
    let files_max = limits.as_deref().and_then(files_max);
    gauge(
        page,
        "process_max_fds",
        "File descriptors that may be open.",
        files_max,
    );
    let ticks = fs::read_to_string("/proc/self/stat")
        .ok()
        .as_deref()
        .and_then(cpu_ticks);
    if let Some(ticks) = ticks {
        let (seconds, hundredths) = (ticks / TICKS_BY_SECOND, ticks % TICKS_BY_SECOND);
        let help = "Processor time of the process, in user and in system mode.";
        let value = format_args!("{seconds}.{hundredths:02}");
        page.single(Kind::Counter, "process_cpu_seconds_total", help, value);
    }
}

fn gauge(page: &mut Page, name: &str, help: &str, value: Option<u64>) {
    if let Some(value) = value {
        page.single(Kind::Gauge, name, help, value);
    }
}

fn number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A number that the kernel gives in kibibytes.
fn bytes(status: &str, name: &str) -> Option<u64> {
    number(status, name)?.checked_mul(1024)
}

fn files_max(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Since Linux 6.2 the size of the folder is the number of its entries; before, they are counted.
fn open_files() -> Option<u64> {
    let folder = "/proc/self/fd";
    let size = fs::metadata(folder).ok()?.len();
    if size > 0 {
        return Some(size);
    }
    fs::read_dir(folder)
        .ok()
        .map(|entries| entries.count() as u64)
}

/// `utime` and `stime`: fields 14 and 15, counted after the name, which may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_name, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_names() {
        let status = "Name:\tx\nVmSize:\t  2048 kB\nVmRSS:\t 1024 kB\nThreads:\t3\n";
        assert_eq!(bytes(status, "VmRSS:"), Some(1024 * 1024));
        assert_eq!(number(status, "Threads:"), Some(3));
        assert_eq!(number(status, "VmSwap:"), None);
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files   1024   4096   files\n";
        assert_eq!(files_max(limits), Some(1024));
        assert_eq!(
            files_max("Max open files unlimited unlimited files\n"),
            None
        );
    }

    #[test]
    fn the_name_of_the_process_cannot_pass_for_fields() {
        let stat = "1 (a) S 9 9) S 1 1 1 0 -1 4194560 2 0 0 0 700 55 0 0 20 0 3 0 1 1 1";
        assert_eq!(cpu_ticks(stat), Some(755));
        assert_eq!(cpu_ticks("1 (a) S 1"), None);
    }
}
