//! Tokens of SQL, byte by byte. Knows texts, quoted names, dollar quotes and comments as the server
//! does; everything else is a word or a mark.

use crate::sql::Session;

/// Longer words are cut; no word that matters is as long.
pub(super) const WORD_BYTES: usize = 64;

/// A token. Words and names come with at most [`WORD_BYTES`] of their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword or a name, in whatever case it was written.
    Word(&'a [u8]),
    /// A name in double quotes.
    Name(&'a [u8]),
    /// A word within a text or between dollar quotes.
    TextWord(&'a [u8]),
    /// Any other byte there; not the quotes themselves.
    TextMark(u8),
    /// Any other byte but white space and what begins a text or a comment.
    Mark(u8),
    /// The text cannot be told from code with certainty.
    Doubt,
}

/// Where the reading stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Base,
    Word,
    Number,
    /// Within `"…"`.
    Name,
    /// Within `'…'`; `escapes` in `E'…'`.
    Text {
        escapes: bool,
    },
    /// Behind a backslash within a text.
    Escaped,
    /// Behind the `'` of a text: another one goes on with it, also on the next line.
    TextEnd {
        escapes: bool,
        has_newline: bool,
    },
    LineComment,
    BlockComment,
    /// Behind a `$`, within what may be the tag of a dollar quote.
    Tag,
    /// Between dollar quotes.
    Dollar,
}

/// Reads a text in pieces.
#[derive(Debug)]
pub(super) struct Lexer {
    mode: Mode,
    /// The byte before, where two bytes make a mark.
    previous: u8,
    /// Block comments nest.
    depth: u32,
    word: [u8; WORD_BYTES],
    word_bytes: usize,
    tag: [u8; WORD_BYTES],
    tag_bytes: usize,
    /// How much of the closing dollar quote was met.
    matched: usize,
}

impl Lexer {
    pub(super) fn new() -> Self {
        Self {
            mode: Mode::Base,
            previous: 0,
            depth: 0,
            word: [0; WORD_BYTES],
            word_bytes: 0,
            tag: [0; WORD_BYTES],
            tag_bytes: 0,
            matched: 0,
        }
    }

    /// Reads the next piece of the text.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        session: &impl Session,
        sink: &mut impl FnMut(Token<'_>),
    ) {
        for &byte in bytes {
            match self.mode {
                Mode::Base => self.base(byte, sink),
                Mode::Word => self.in_word(byte, sink),
                Mode::Number if is_word_byte(byte) && byte != b'$' || byte == b'.' => {},
                Mode::Number => self.base(byte, sink),
                Mode::Name if byte == b'"' => {
                    self.mode = Mode::Base;
                    sink(Token::Name(self.read()));
                    self.word_bytes = 0;
                },
                Mode::Name => self.push(byte),
                Mode::Text { escapes } => self.in_text(byte, escapes, session, sink),
                Mode::Escaped => self.mode = Mode::Text { escapes: true },
                Mode::TextEnd {
                    escapes,
                    has_newline,
                } => self.behind_text(byte, escapes, has_newline, sink),
                Mode::LineComment if matches!(byte, b'\n' | b'\r') => self.mode = Mode::Base,
                Mode::LineComment => {},
                Mode::BlockComment => self.in_comment(byte),
                Mode::Tag => self.in_tag(byte, sink),
                Mode::Dollar => self.in_dollar(byte, sink),
            }
        }
    }

    /// The text is over.
    pub(super) fn finish(&mut self, sink: &mut impl FnMut(Token<'_>)) {
        if self.mode == Mode::Word {
            sink(Token::Word(self.read()));
            self.word_bytes = 0;
        }
    }

    fn base(&mut self, byte: u8, sink: &mut impl FnMut(Token<'_>)) {
        let previous = std::mem::take(&mut self.previous);
        self.mode = match byte {
            b'-' if previous == b'-' => Mode::LineComment,
            b'*' if previous == b'/' => {
                self.depth = 1;
                Mode::BlockComment
            },
            b'-' | b'/' => {
                self.previous = byte;
                Mode::Base
            },
            b'\'' => self.text(false),
            b'"' => Mode::Name,
            b'$' => {
                self.tag_bytes = 0;
                Mode::Tag
            },
            b'0'..=b'9' => Mode::Number,
            byte if is_word_byte(byte) => {
                self.push(byte);
                Mode::Word
            },
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => Mode::Base,
            byte => {
                sink(Token::Mark(byte));
                Mode::Base
            },
        };
    }

    fn in_word(&mut self, byte: u8, sink: &mut impl FnMut(Token<'_>)) {
        if is_word_byte(byte) {
            return self.push(byte);
        }
        let is_escape = byte == b'\'' && matches!(self.read(), b"e" | b"E");
        if is_escape {
            self.word_bytes = 0;
            self.mode = self.text(true);
            return;
        }
        self.mode = Mode::Base;
        sink(Token::Word(self.read()));
        self.word_bytes = 0;
        self.base(byte, sink);
    }

    fn text(&mut self, escapes: bool) -> Mode {
        self.previous = 0;
        Mode::Text { escapes }
    }

    fn in_text(
        &mut self,
        byte: u8,
        escapes: bool,
        session: &impl Session,
        sink: &mut impl FnMut(Token<'_>),
    ) {
        let previous = std::mem::replace(&mut self.previous, byte);
        if byte == b'\\' && (escapes || session.has_backslash_escapes()) {
            if previous >= 0x80 && session.has_backslash_in_characters() {
                sink(Token::Doubt);
            }
            self.mode = Mode::Escaped;
        } else if byte == b'\'' {
            self.mode = Mode::TextEnd {
                escapes,
                has_newline: false,
            };
            self.end_text_word(sink);
            return;
        }
        self.text_byte(byte, sink);
    }

    fn behind_text(
        &mut self,
        byte: u8,
        escapes: bool,
        has_newline: bool,
        sink: &mut impl FnMut(Token<'_>),
    ) {
        let is_newline = matches!(byte, b'\n' | b'\r');
        // `''` is a quote within the text. A text on the next line is the rest of this one.
        if byte == b'\'' && (has_newline || self.previous == b'\'') {
            self.mode = self.text(escapes);
        } else if is_newline || matches!(byte, b' ' | b'\t') {
            self.previous = 0;
            self.mode = Mode::TextEnd {
                escapes,
                has_newline: has_newline || is_newline,
            };
        } else {
            self.previous = 0;
            self.base(byte, sink);
        }
    }

    fn in_comment(&mut self, byte: u8) {
        let previous = std::mem::replace(&mut self.previous, byte);
        match (previous, byte) {
            (b'/', b'*') => {
                self.depth = self.depth.saturating_add(1);
                self.previous = 0;
            },
            (b'*', b'/') => {
                self.depth = self.depth.saturating_sub(1);
                self.previous = 0;
            },
            _ => {},
        }
        if self.depth == 0 {
            self.mode = Mode::Base;
        }
    }

    fn in_tag(&mut self, byte: u8, sink: &mut impl FnMut(Token<'_>)) {
        let may_follow = if self.tag_bytes == 0 {
            !byte.is_ascii_digit()
        } else {
            true
        };
        if byte == b'$' {
            if self.tag_bytes > WORD_BYTES {
                sink(Token::Doubt);
            }
            self.matched = 0;
            self.mode = Mode::Dollar;
        } else if is_word_byte(byte) && may_follow {
            if let Some(place) = self.tag.get_mut(self.tag_bytes) {
                *place = byte;
            }
            self.tag_bytes = (self.tag_bytes + 1).min(WORD_BYTES + 1);
        } else {
            // A parameter, or an operator of somebody's own.
            self.mode = Mode::Base;
            self.base(byte, sink);
        }
    }

    fn in_dollar(&mut self, byte: u8, sink: &mut impl FnMut(Token<'_>)) {
        // The closing quote is `$`, the tag, `$`; no tag has a `$` in it.
        let expected = match self.matched {
            0 => b'$',
            matched if matched > self.tag_bytes => b'$',
            matched => self.tag.get(matched - 1).copied().unwrap_or(b'$'),
        };
        self.matched = if byte == expected {
            self.matched + 1
        } else {
            usize::from(byte == b'$')
        };
        if self.matched == self.tag_bytes + 2 {
            // What of the closing quote looked like a word is none; a word that was cut stays cut.
            if self.word_bytes < WORD_BYTES {
                self.word_bytes = self.word_bytes.saturating_sub(self.tag_bytes + 1);
            }
            self.end_text_word(sink);
            self.mode = Mode::Base;
            return;
        }
        self.text_byte(byte, sink);
    }

    fn text_byte(&mut self, byte: u8, sink: &mut impl FnMut(Token<'_>)) {
        if is_word_byte(byte) {
            self.push(byte);
        } else {
            self.end_text_word(sink);
            sink(Token::TextMark(byte));
        }
    }

    fn end_text_word(&mut self, sink: &mut impl FnMut(Token<'_>)) {
        if self.word_bytes > 0 {
            sink(Token::TextWord(self.read()));
            self.word_bytes = 0;
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.word.get_mut(self.word_bytes) {
            *place = byte;
            self.word_bytes += 1;
        }
    }

    fn read(&self) -> &[u8] {
        self.word.get(..self.word_bytes).unwrap_or_default()
    }
}

/// What a word may consist of behind its first byte.
fn is_word_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'$' | 0x80..)
}
