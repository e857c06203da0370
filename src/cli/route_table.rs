//! Where a text would go, as a table for a terminal.
//!
//! What servers say stays on its line and commands no terminal.

use std::time::Duration;

use tidegate::admin::RouteLine;

const HEADER: [&str; 8] = [
    "name",
    "chosen",
    "percent",
    "rule",
    "behind_bytes",
    "lag_ms",
    "rtt_ms",
    "why",
];

/// The columns of `SHOW ROUTE`, the longest one last.
pub(super) fn write(lines: &[RouteLine]) -> String {
    let header = HEADER.map(str::to_owned);
    let rows: Vec<[String; 8]> = std::iter::once(header)
        .chain(lines.iter().map(cells))
        .collect();
    let mut widths = [0; 8];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut table = String::new();
    for row in &rows {
        let padded = |(width, cell): (&usize, &String)| format!("{cell:<width$}");
        let line: Vec<String> = widths.iter().zip(row).map(padded).collect();
        table.push_str(line.join("  ").trim_end());
        table.push('\n');
    }
    table
}

fn cells(line: &RouteLine) -> [String; 8] {
    let millis = |duration: Option<Duration>| {
        duration.map_or(String::new(), |duration| {
            format!("{:.1}", duration.as_secs_f64() * 1000.0)
        })
    };
    let chosen = line.is_chosen.map(|is_so| if is_so { "yes" } else { "no" });
    [
        visible(&line.name),
        chosen.unwrap_or_default().to_owned(),
        line.percent.map_or(String::new(), |it| it.to_string()),
        line.rule.unwrap_or_default().to_owned(),
        line.behind_bytes.map_or(String::new(), |it| it.to_string()),
        millis(line.lag),
        millis(line.round_trip),
        visible(line.why.as_deref().unwrap_or_default()),
    ]
}

/// Without what moves a cursor, or begins a line.
fn visible(text: &str) -> String {
    let mut visible = String::new();
    for character in text.chars() {
        if matches!(character, '\'' | '"' | '\\') {
            visible.push(character);
        } else {
            visible.extend(character.escape_debug());
        }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other_and_nothing_leaves_its_line() {
        let lines = [
            RouteLine {
                name: "text".to_owned(),
                rule: Some("reads"),
                why: Some("a\nb \u{1b}[2J".to_owned()),
                ..RouteLine::default()
            },
            RouteLine {
                name: "far-away".to_owned(),
                is_chosen: Some(true),
                percent: Some(100),
                rule: Some("nearest"),
                round_trip: Some(Duration::from_micros(1250)),
                ..RouteLine::default()
            },
        ];
        let table = write(&lines);
        let [header, text, endpoint] = table.lines().collect::<Vec<_>>()[..] else {
            panic!("three lines: {table}");
        };
        assert_eq!(header.find("rule"), text.find("reads"));
        assert_eq!(header.find("rule"), endpoint.find("nearest"));
        assert_eq!(header.find("rtt_ms"), endpoint.find("1.2"));
        assert!(!table.contains('\u{1b}'), "{table}");
    }
}
