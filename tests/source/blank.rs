//! Blanks what is not code in Rust source, so that a check may search the rest for plain text.
//!
//! It must never change the number of lines, nor take a lifetime for a character literal.

/// The text with each character of a comment replaced by a space and each character inside a
/// string or character literal replaced by `"`. Line ends stay where they are.
pub(crate) fn blank(text: &str) -> String {
    let mut scan = Scan {
        rest: text,
        out: String::with_capacity(text.len()),
    };
    while !scan.rest.is_empty() {
        scan.step();
    }
    scan.out
}

struct Scan<'a> {
    rest: &'a str,
    out: String,
}

impl Scan<'_> {
    fn step(&mut self) {
        let after_word = self
            .out
            .ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if self.rest.starts_with("//") {
            self.replace(self.rest.find('\n').unwrap_or(self.rest.len()), ' ');
        } else if self.rest.starts_with("/*") {
            self.replace(block_comment_bytes(self.rest), ' ');
        } else if let Some(bytes) = raw_string_bytes(self.rest).filter(|_| !after_word) {
            self.replace(bytes, '"');
        } else if self.rest.starts_with('"') {
            self.replace(string_bytes(self.rest), '"');
        } else if let Some(bytes) = character_bytes(self.rest) {
            self.replace(bytes, '"');
        } else {
            let bytes = self.rest.chars().next().map_or(0, char::len_utf8);
            self.out.push_str(&self.rest[..bytes]);
            self.rest = &self.rest[bytes..];
        }
    }

    fn replace(&mut self, bytes: usize, with: char) {
        let blanked = self.rest[..bytes]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { with });
        self.out.extend(blanked);
        self.rest = &self.rest[bytes..];
    }
}

fn block_comment_bytes(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let here = &text.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// The length of `r"…"`, `r#"…"#`, `br"…"` and so on; `None` for anything else.
fn raw_string_bytes(text: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with(['"', '#']))
    })?;
    let hashes = text[prefix.len()..]
        .bytes()
        .take_while(|byte| *byte == b'#')
        .count();
    let start = prefix.len() + hashes;
    let body = text[start..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(
        body.find(&end)
            .map_or(text.len(), |at| start + 1 + at + end.len()),
    )
}

fn string_bytes(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {},
        }
    }
    text.len()
}

/// The length of `'x'` or `'\n'`; `None` for a lifetime or a label.
fn character_bytes(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    let first = body.chars().next()?;
    if first == '\\' {
        let close = body.get(2..)?.find('\'')?;
        return Some(1 + 2 + close + 1);
    }
    body[first.len_utf8()..]
        .starts_with('\'')
        .then(|| 1 + first.len_utf8() + 1)
}

mod tests {
    use super::blank;

    #[test]
    fn comments_become_spaces_and_lines_stay() {
        assert_eq!(
            blank("a // b\nc /* d\n /* e */ f */ g"),
            "a     \nc     \n              g"
        );
    }

    #[test]
    fn the_inside_of_strings_cannot_be_taken_for_code() {
        assert_eq!(
            blank(r#"x("{ // \" }")"#),
            format!("x({})", "\"".repeat(11))
        );
        assert_eq!(blank("r#\"a\"b\"#;"), format!("{};", "\"".repeat(8)));
        assert_eq!(blank("'{' '\\'' y"), "\"\"\" \"\"\"\" y");
    }

    #[test]
    fn lifetimes_are_not_character_literals() {
        assert_eq!(blank("fn f<'a>(x: &'a str) {"), "fn f<'a>(x: &'a str) {");
    }
}
