//! The text of one file, and where in it a byte stands.
//!
//! The text may hold secrets: it is overwritten when it goes, and never printed.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::config::reading::finding::Place;

/// One file of the configuration.
pub(in crate::config) struct Source {
    path: Arc<Path>,
    text: Zeroizing<String>,
    /// The offset at which each line begins, ascending; the first is 0.
    line_starts: Vec<usize>,
}

impl Source {
    /// Takes the text of the file at this path over.
    pub(in crate::config) fn new(path: &Path, text: String) -> Self {
        let line_ends = text
            .match_indices('\n')
            .map(|(offset, newline)| offset + newline.len());
        let line_starts = std::iter::once(0).chain(line_ends).collect();
        Self {
            path: Arc::from(path),
            text: Zeroizing::new(text),
            line_starts,
        }
    }

    /// The whole text.
    pub(in crate::config) fn text(&self) -> &str {
        &self.text
    }

    /// Where the byte at this offset stands; an offset past the end is the end.
    pub(in crate::config) fn place(&self, offset: usize) -> Place {
        let lines = self.line_starts.partition_point(|start| *start <= offset);
        let start = self
            .line_starts
            .get(lines.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        let from_start = self.text.get(start..).unwrap_or_default();
        let before = from_start
            .char_indices()
            .take_while(|(at, _)| start + at < offset);
        Place {
            file: Arc::clone(&self.path),
            line: lines,
            column: before.count() + 1,
        }
    }

    /// A path written in this file: relative ones are relative to the file's folder.
    pub(in crate::config) fn resolve(&self, written: &str) -> PathBuf {
        match self.path.parent() {
            Some(folder) => folder.join(written),
            None => PathBuf::from(written),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let source = Source::new(Path::new("a.toml"), "a = 1\nö = 22\n".to_owned());
        assert_eq!(source.place(0).to_string(), "a.toml:1:1");
        assert_eq!(source.place(6).to_string(), "a.toml:2:1");
        assert_eq!(source.place(11).to_string(), "a.toml:2:5");
        assert_eq!(source.place(1000).to_string(), "a.toml:3:1");
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let source = Source::new(Path::new("/etc/tidegate/config.toml"), String::new());
        assert_eq!(source.resolve("ca.crt"), Path::new("/etc/tidegate/ca.crt"));
        assert_eq!(source.resolve("/ca.crt"), Path::new("/ca.crt"));
    }
}
