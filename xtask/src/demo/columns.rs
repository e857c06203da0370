//! Some columns of a table that psql has printed: all of them would not fit on a screen.

/// The columns of these names, as psql has aligned them, of the rows that begin with this value; all
/// rows if it is empty.
pub(crate) fn chosen(table: &str, first: &str, names: &[&str]) -> String {
    let widths = |rule: &str| rule.split('+').map(str::len).collect::<Vec<usize>>();
    let widths = table.lines().nth(1).map(widths).unwrap_or_default();
    let rows: Vec<Vec<String>> = table.lines().map(|line| cells(line, &widths)).collect();
    let Some(header) = rows.first() else {
        return String::new();
    };
    let place = |name: &&str| header.iter().position(|cell| cell.trim() == *name);
    let places: Vec<usize> = names.iter().filter_map(place).collect();
    let mut lines = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let is_rule = number == 1;
        // A row has all of its cells; what stands below the table does not.
        let is_row = row.len() == widths.len();
        let begins = row.first().is_some_and(|cell| cell.trim() == first);
        if number < 2 || (is_row && (first.is_empty() || begins)) {
            let cells = places.iter().filter_map(|place| row.get(*place));
            let cells: Vec<&str> = cells.map(String::as_str).collect();
            lines.push(cells.join(if is_rule { "+" } else { "|" }));
        }
    }
    let (shown, all) = (places.len(), header.len());
    lines.push(format!("({shown} of its {all} columns)"));
    lines.join("\n")
}

/// The cells of a line, each with the blanks around it. The last may be shorter than its column.
fn cells(line: &str, widths: &[usize]) -> Vec<String> {
    let mut rest = line.chars();
    let mut cells = Vec::new();
    for width in widths {
        let cell: String = rest.by_ref().take(*width).collect();
        if cell.is_empty() {
            break;
        }
        cells.push(cell);
        // The bar between two columns.
        rest.next();
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = " tenant | name | rtt_us | unfit  \n\
                         --------+------+--------+--------\n \
                         acme   | fra  |  30180 | \n \
                         vault  | fra  |     12 | silent\n\
                         (2 rows)\n";

    #[test]
    fn columns_keep_the_form_that_psql_gave_them() {
        let expected =
            " name | unfit  \n------+--------\n fra  | \n fra  | silent\n(2 of its 4 columns)";
        assert_eq!(chosen(TABLE, "", &["name", "unfit"]), expected);
    }

    #[test]
    fn only_rows_that_are_asked_for_are_shown() {
        let expected = " rtt_us \n--------\n  30180 \n(1 of its 4 columns)";
        assert_eq!(chosen(TABLE, "acme", &["rtt_us"]), expected);
    }
}
