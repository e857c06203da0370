//! On what a run took place: figures of two machines say nothing about each other.

use std::fs;
use std::path::Path;
use std::process::Command;

use tidegate_harness::programs;

use super::programs::Programs;
use super::target::Target;

/// The machine, and the versions of what was measured.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    lines: Vec<String>,
    peers: Vec<(Target, String)>,
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
        let lines = vec![
            format!("{} x {model}, Linux {}", models.len(), kernel.trim()),
            format!("PostgreSQL {postgres}"),
        ];
        let peers = programs.peers().into_iter();
        let peers = peers.filter_map(|(target, _, program)| Some((target, version(program?)?)));
        Self {
            lines,
            peers: peers.collect(),
        }
    }

    /// One with these peers, for a test.
    #[cfg(test)]
    pub(crate) fn of_peers(peers: Vec<(Target, String)>) -> Self {
        Self {
            lines: Vec::new(),
            peers,
        }
    }

    /// What a peer says of its version.
    pub(crate) fn version_of(&self, target: Target) -> Option<&str> {
        let peer = self.peers.iter().find(|(peer, _)| *peer == target);
        peer.map(|(_, version)| version.as_str())
    }

    /// In one line.
    pub(crate) fn description(&self) -> String {
        let peers = self.peers.iter().map(|(_, version)| version);
        let lines: Vec<&str> = self.lines.iter().chain(peers).map(String::as_str).collect();
        lines.join("; ")
    }
}

/// The first words of what a program says of its version.
pub(crate) fn version(program: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version");
    let text = programs::output_of(command).ok()?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map(str::to_owned)
}
