//! The table of a run: a block for each scenario, a line for each target.

use std::fmt::Write;

use super::figures::Figures;
use super::regions::Routing;
use super::scenario::Scenario;
use super::target::Target;

/// The block of one scenario.
pub(crate) fn block(scenario: &Scenario, figures: &Figures) -> String {
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
        text.push('\n');
    }
    text
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

    #[test]
    fn a_number_is_shown_with_the_digits_that_count() {
        assert_eq!(shown(Some(23_456.7)), "23457");
        assert_eq!(shown(Some(11.26)), "11.3");
        assert_eq!(shown(Some(0.857)), "0.86");
        assert_eq!(shown(None), "-");
    }
}
