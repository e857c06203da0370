//! On what a run took place: figures of two machines say nothing about each other.

use std::fs;
use std::path::Path;
use std::process::Command;

use tidegate_harness::programs;

use super::programs::Programs;

/// The machine, and the versions of what was measured.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    lines: Vec<String>,
}

impl Machine {
    /// This one.
    pub(crate) fn this(programs: &Programs, postgres: u32) -> Self {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let models = processors
            .lines()
            .filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let models: Vec<&str> = models.map(|(_, model)| model).collect();
        let model = models.first().copied().unwrap_or("unknown processor");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let mut lines = vec![
            format!("{} x {model}, Linux {}", models.len(), kernel.trim()),
            format!("PostgreSQL {postgres}"),
        ];
        let peers = programs.peers().into_iter();
        lines.extend(peers.filter_map(|(_, program)| version(program?)));
        Self { lines }
    }

    /// In one line.
    pub(crate) fn description(&self) -> String {
        self.lines.join("; ")
    }
}

/// The first line of what a program says of its version.
pub(crate) fn version(program: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version");
    let text = programs::output_of(command).ok()?;
    text.lines().next().map(str::to_owned)
}
