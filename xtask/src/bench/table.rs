//! The table of a run: a block for each scenario, a line for each target.

use std::fmt::Write;

use super::figures::Figures;
use super::machine::Machine;
use super::regions::Routing;
use super::scenario::Scenario;
use super::target::Target;

/// The block of one scenario.
pub(crate) fn block(scenario: &Scenario, figures: &Figures, machine: &Machine) -> String {
    let (columns, lead) = (scenario.shape.columns(), scenario.shape.lead());
    let clients = scenario.clients + scenario.idle;
    let (name, about) = (&scenario.name, scenario.about);
    let mut text = format!("\n{name} ({clients} clients): {about}\n{:<12}", "");
    for metric in columns {
        // Writing to a string cannot fail.
        write!(text, "{:>12}", metric.name()).ok();
    }
    let own = lead.name();
    if scenario.routing == Routing::Off {
        writeln!(text, "{:>16}{:>8}", format!("{own}/pgb"), "/relay").ok();
    } else {
        writeln!(text, "{:>20}", format!("{own} more")).ok();
    }
    for target in figures.targets(&scenario.name) {
        write!(text, "{:<12}", target.name()).ok();
        for metric in columns {
            let value = figures.median(&scenario.name, target, *metric);
            write!(text, "{:>12}", shown(value)).ok();
        }
        if scenario.routing == Routing::Off {
            for (base, width) in [(Target::PgBouncer, 16), (Target::Relay, 8)] {
                let ratio = figures.ratio(&scenario.name, target, base, lead);
                let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
                write!(text, "{ratio:>width$}").ok();
            }
        } else {
            let more = figures.difference(&scenario.name, target, Target::Unrouted, lead);
            write!(text, "{:>20}", shown(more)).ok();
        }
        if let Some(version) = machine.version_of(target) {
            write!(text, "  {version}").ok();
        }
        text.push('\n');
    }
    let gaps = figures.gaps.iter().filter(|gap| gap.scenario == *name);
    for gap in gaps {
        let (target, why) = (gap.target.name(), reason(&gap.why));
        writeln!(text, "{target:<12}{:>12}  {why}", "-").ok();
    }
    text
}

/// What a program said went wrong, if it did; else the first line.
fn reason(why: &str) -> &str {
    let said = why.lines().find_map(|line| line.strip_prefix("error: "));
    said.or_else(|| why.lines().next()).unwrap_or_default()
}

/// Three digits that count, and no more.
pub(crate) fn shown(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figures::Gap;
    use crate::bench::figures::Metric;
    use crate::bench::figures::Sample;

    #[test]
    fn a_peer_is_shown_with_its_version_or_with_the_reason_why_it_was_not_measured() {
        let scenario = Scenario::new("simple-32", "one Query", 32);
        let mut figures = Figures::default();
        for target in [Target::Tidegate1, Target::PgCat] {
            let sample = Sample::from([(Metric::Cpu, 11.0)]);
            figures.add("simple-32", target, sample);
        }
        for name in ["simple-32", "simple-1"] {
            figures.gaps.push(Gap {
                scenario: name.to_owned(),
                target: Target::PgDog,
                why: format!("it refuses {name}\nand logs why"),
            });
        }
        let machine = Machine::of_peers(vec![(Target::PgCat, "pgcat 1.3.0".to_owned())]);
        let text = block(&scenario, &figures, &machine);
        let line = |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap();
        assert!(line("pgcat ").ends_with("  pgcat 1.3.0"), "{text}");
        assert!(line("tidegate-1 ").ends_with('-'), "{text}");
        assert!(
            line("pgdog ").ends_with(" -  it refuses simple-32"),
            "{text}"
        );
        assert!(
            !text.contains("logs why") && !text.contains("simple-1\n"),
            "{text}"
        );
    }

    #[test]
    fn the_reason_is_what_a_program_said_and_not_how_it_was_started() {
        let why = "load --clients 32 ended with exit status: 1:\nerror: refused\nand its log";
        assert_eq!(reason(why), "refused");
        assert_eq!(reason("it is too old\nand its log"), "it is too old");
        assert_eq!(reason(""), "");
    }

    #[test]
    fn a_number_is_shown_with_the_digits_that_count() {
        assert_eq!(shown(Some(23_456.7)), "23457");
        assert_eq!(shown(Some(11.26)), "11.3");
        assert_eq!(shown(Some(0.857)), "0.86");
        assert_eq!(shown(None), "-");
    }
}
