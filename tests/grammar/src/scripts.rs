//! The statements of psql's scripts, as PostgreSQL's regression tests have them.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Longer statements are left out.
const LINES_MAX: usize = 300;

/// All statements of all scripts below these folders. What is not understood is left out; whether
/// it is SQL, the grammar decides later.
pub(crate) fn statements(folders: &[PathBuf]) -> Vec<String> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(folder, &mut paths);
    }
    paths.sort();
    let texts = paths.iter().filter_map(|path| fs::read(path).ok());
    texts
        .flat_map(|text| of_script(&String::from_utf8_lossy(&text)))
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            paths.push(path);
        }
    }
}

fn of_script(script: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    let mut is_data = false;
    for line in script.lines() {
        if is_data {
            is_data = line != "\\.";
            continue;
        }
        if line.starts_with('\\') {
            continue;
        }
        // A command of psql ends a statement as well.
        let line = line.replace("\\;", ";");
        let line = match line.find(" \\g").or(line.find(" \\c")) {
            Some(at) => format!("{};", &line[..at]),
            None => line,
        };
        lines.push(line);
        let ends = lines
            .last()
            .is_some_and(|line| line.trim_end().ends_with(';'));
        if ends && let Ok(found) = pg_query::split_with_scanner(&lines.join("\n")) {
            let text = found.last().map(|text| text.to_ascii_lowercase());
            is_data = text.is_some_and(|text| text.contains("from stdin"));
            statements.extend(found.into_iter().map(str::to_owned));
            lines.clear();
        }
        if lines.len() > LINES_MAX {
            lines.clear();
        }
    }
    statements
}
