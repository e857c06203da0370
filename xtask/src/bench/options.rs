//! What `cargo xtask bench` is told, and the sizes that follow from it.

use std::path::PathBuf;

use clap::Args;

use super::load::Timing;

/// How the benchmark is run.
#[derive(Debug, Clone, Args)]
pub(crate) struct BenchOptions {
    /// The scenarios that matter most, once: under three minutes.
    #[arg(long)]
    quick: bool,
    /// Every scenario, as small as it can be, with answers checked and nothing measured: for CI.
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,
    /// Only this scenario; may be given several times.
    #[arg(long = "scenario", value_name = "NAME")]
    pub(crate) scenarios: Vec<String>,
    /// Only this target; may be given several times.
    #[arg(long = "target", value_name = "NAME")]
    pub(crate) targets: Vec<String>,
    /// How often everything is measured; medians are shown.
    #[arg(long)]
    rounds: Option<u32>,
    /// How long one measurement takes, in seconds.
    #[arg(long)]
    seconds: Option<f64>,
    /// Measure this program and build none.
    #[arg(long, value_name = "PATH")]
    pub(crate) tidegate: Option<PathBuf>,
    /// Draw the chart of the documentation into this file.
    #[arg(long, value_name = "PATH")]
    pub(crate) svg: Option<PathBuf>,
    /// Say what scenarios there are, and measure none.
    #[arg(long)]
    pub(crate) list: bool,
}

/// How thorough a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Full,
    /// What matters most.
    Quick,
    /// Whether it works at all.
    Smoke,
}

/// How large everything is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sizes {
    /// How thorough the run is.
    pub(crate) extent: Extent,
    /// How often everything is measured.
    pub(crate) rounds: u32,
    /// How long one measurement takes.
    pub(crate) seconds: f64,
    /// How long the load runs before.
    pub(crate) warm_up: f64,
    /// Rows of the table.
    pub(crate) accounts: u32,
    /// Bytes of a COPY.
    pub(crate) copy_bytes: u64,
    /// Bytes of a large result.
    pub(crate) large_bytes: u64,
    /// Rows of a result of many.
    pub(crate) rows: u64,
}

impl Sizes {
    /// Those of a run with these options.
    pub(crate) fn of(options: &BenchOptions) -> Self {
        let mut sizes = match (options.smoke, options.quick) {
            (true, _) => Self::SMOKE,
            (false, true) => Self::QUICK,
            (false, false) => Self::FULL,
        };
        sizes.rounds = options.rounds.unwrap_or(sizes.rounds).max(1);
        sizes.seconds = options.seconds.unwrap_or(sizes.seconds);
        sizes
    }

    /// How long one load runs.
    pub(crate) fn timing(&self) -> Timing {
        Timing {
            warm_up: self.warm_up,
            seconds: self.seconds,
            settle: match self.extent {
                Extent::Full | Extent::Quick => 1.0,
                Extent::Smoke => 0.05,
            },
        }
    }

    /// A number of clients or the like: a twentieth of it is enough to see whether it works.
    pub(crate) fn scaled(&self, count: u32) -> u32 {
        match self.extent {
            Extent::Smoke if count > 100 => count / 20,
            Extent::Smoke if count > 8 => 8,
            Extent::Full | Extent::Quick | Extent::Smoke => count,
        }
    }

    /// Those of a full run.
    pub(crate) const FULL: Self = Self {
        extent: Extent::Full,
        rounds: 3,
        seconds: 3.0,
        warm_up: 0.5,
        accounts: 1_000_000,
        copy_bytes: 1_000_000_000,
        large_bytes: 10_000_000,
        rows: 1_000_000,
    };
    const QUICK: Self = Self {
        rounds: 1,
        seconds: 1.5,
        warm_up: 0.3,
        extent: Extent::Quick,
        accounts: 200_000,
        copy_bytes: 200_000_000,
        ..Self::FULL
    };
    const SMOKE: Self = Self {
        extent: Extent::Smoke,
        rounds: 1,
        seconds: 0.2,
        warm_up: 0.05,
        accounts: 1_000,
        copy_bytes: 1_000_000,
        large_bytes: 1_000_000,
        rows: 10_000,
    };
}
