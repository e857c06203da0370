//! The chart of the documentation: what a transaction costs each target, as bars.

use std::fmt::Write;

use super::figures::Figures;
use super::figures::Metric;
use super::table::shown;
use super::target::Target;

/// What is drawn, from the top.
const SCENARIOS: [(&str, &str); 4] = [
    ("simple-32", "simple"),
    ("extended-32", "extended"),
    ("prepared-32", "prepared"),
    ("simple-tls", "simple, TLS"),
];

const BAR: u32 = 16;
const GAP: u32 = 18;
const LEFT: u32 = 190;
const WIDTH: f64 = 420.0;
const USER: &str = "#1f7a8c";
const SYSTEM: &str = "#9cc5cf";

/// One bar.
#[derive(Debug)]
struct Bar {
    label: String,
    user: f64,
    system: f64,
    total: f64,
}

/// The chart as SVG; it needs nothing but itself.
pub(crate) fn svg(figures: &Figures, machine: &str) -> String {
    let groups: Vec<(&str, Vec<Bar>)> = SCENARIOS
        .iter()
        .map(|(scenario, title)| (*title, bars(figures, scenario)))
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    let longest = groups
        .iter()
        .flat_map(|(_, bars)| bars)
        .map(|bar| bar.total);
    let scale = WIDTH / longest.fold(f64::MIN_POSITIVE, f64::max);
    let mut body = String::new();
    let mut y = 52;
    for (title, bars) in &groups {
        // Writing to a string cannot fail.
        writeln!(
            body,
            "<text x=\"12\" y=\"{}\" font-weight=\"bold\">{}</text>",
            y + 12,
            escaped(title)
        )
        .ok();
        for bar in bars {
            draw(&mut body, bar, y, scale);
            y += BAR + 4;
        }
        y += GAP;
    }
    let height = y + 8;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 700 {height}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"#777\">\n\
         <text x=\"12\" y=\"20\" font-size=\"14\">CPU of the pooler per transaction, in microseconds: \
         <tspan fill=\"{USER}\">user</tspan> and <tspan fill=\"{SYSTEM}\">system</tspan></text>\n\
         <text x=\"12\" y=\"38\" font-size=\"10\">32 clients, 20 servers; {}</text>\n{body}</svg>\n",
        escaped(machine)
    )
}

fn bars(figures: &Figures, scenario: &str) -> Vec<Bar> {
    let bar = |target: Target| {
        let median = |metric| figures.median(scenario, target, metric);
        Some(Bar {
            label: target.name().to_owned(),
            user: median(Metric::CpuUser)?,
            system: median(Metric::CpuSystem)?,
            total: median(Metric::Cpu)?,
        })
    };
    figures
        .targets(scenario)
        .into_iter()
        .filter_map(bar)
        .collect()
}

fn draw(body: &mut String, bar: &Bar, y: u32, scale: f64) {
    let (user, system) = (bar.user * scale, bar.system * scale);
    let (middle, text) = (f64::from(LEFT) + user, y + 12);
    let (label, total) = (escaped(&bar.label), shown(Some(bar.total)));
    // Writing to a string cannot fail.
    writeln!(
        body,
        "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{label}</text>\
         <rect x=\"{LEFT}\" y=\"{y}\" width=\"{user:.1}\" height=\"{BAR}\" fill=\"{USER}\"/>\
         <rect x=\"{middle:.1}\" y=\"{y}\" width=\"{system:.1}\" height=\"{BAR}\" fill=\"{SYSTEM}\"/>\
         <text x=\"{:.1}\" y=\"{text}\">{total}</text>",
        LEFT - 8,
        middle + system + 6.0
    )
    .ok();
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figures::Sample;

    #[test]
    fn the_longest_bar_fills_the_width_and_others_are_in_proportion() {
        let mut figures = Figures::default();
        for (target, user, system) in [(Target::Tidegate1, 1.0, 4.0), (Target::PgBouncer, 2.0, 8.0)]
        {
            let sample = Sample::from([
                (Metric::CpuUser, user),
                (Metric::CpuSystem, system),
                (Metric::Cpu, user + system),
            ]);
            figures.add("simple-32", target, sample);
        }
        let svg = svg(&figures, "2 x A & B");
        for width in ["42.0", "168.0", "84.0", "336.0"] {
            assert!(
                svg.contains(&format!("width=\"{width}\"")),
                "{width}: {svg}"
            );
        }
        assert!(svg.contains("A &amp; B"));
        assert!(!svg.contains("extended"));
    }

    #[test]
    fn nothing_measured_is_an_empty_chart() {
        let svg = svg(&Figures::default(), "");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(!svg.contains("<rect"));
    }
}
