//! Tokens of SQL, in pieces cut anywhere. Knows texts, quoted names, dollar quotes and comments as the server
//! does; everything else is a word or a mark.

use crate::sql::Session;
use crate::sql::byte_class::MARK;
use crate::sql::byte_class::SPACE;
use crate::sql::byte_class::WORD;
use crate::sql::byte_class::WORD_START;
use crate::sql::byte_class::class;
use crate::sql::byte_class::is_word_byte;
use crate::sql::byte_class::run;

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

/// Who is told the tokens.
pub(super) trait Sink {
    /// The next one.
    fn token(&mut self, token: Token<'_>);

    /// The next one is a word that ended where it was read, which most of them do.
    #[inline]
    fn word(&mut self, word: &[u8]) {
        self.token(Token::Word(word));
    }

    /// The next one is a mark beside such words.
    #[inline]
    fn mark(&mut self, mark: u8) {
        self.token(Token::Mark(mark));
    }

    /// Whether it wants to know, at the moment, what stands in a text between quotes.
    fn reads_texts(&self) -> bool;

    /// Something stands here of which there is no token: a number, a parameter, `-`, `/`, or a text
    /// that begins.
    #[inline]
    fn between(&mut self) {}
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
    pub(super) fn feed(&mut self, bytes: &[u8], session: &impl Session, sink: &mut impl Sink) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match self.mode {
                Mode::Base => self.base(rest, sink),
                Mode::Word => self.in_word(rest, sink),
                Mode::Number => self.in_number(rest, sink),
                Mode::Text { escapes } if !sink.reads_texts() => {
                    self.over_text(rest, escapes, session, sink)
                },
                Mode::Name
                | Mode::Text { .. }
                | Mode::Escaped
                | Mode::TextEnd { .. }
                | Mode::LineComment
                | Mode::BlockComment
                | Mode::Tag
                | Mode::Dollar => {
                    self.step(byte, session, sink);
                    after
                },
            };
        }
    }

    /// The next byte, where every byte counts.
    fn step(&mut self, byte: u8, session: &impl Session, sink: &mut impl Sink) {
        match self.mode {
            Mode::Base | Mode::Word | Mode::Number => self.mark(byte, sink),
            Mode::Name if byte == b'"' => {
                self.mode = Mode::Base;
                sink.token(Token::Name(self.read()));
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

    /// The text is over.
    pub(super) fn finish(&mut self, sink: &mut impl Sink) {
        if self.mode == Mode::Word {
            sink.token(Token::Word(self.read()));
            self.word_bytes = 0;
        }
    }

    /// What stands between words, and words that the piece does not cut, which are read where they stand.
    /// Returns what is left, where something else begins.
    fn base<'a>(&mut self, mut rest: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        while let Some((&byte, after)) = rest.split_first() {
            let class = class(byte);
            if class & (WORD_START | SPACE | MARK) == 0 {
                self.mark(byte, sink);
                if self.mode != Mode::Base {
                    return after;
                }
                rest = after;
                continue;
            }
            self.end_mark(sink);
            if class & WORD_START == 0 {
                if class & MARK != 0 {
                    sink.mark(byte);
                }
                rest = after;
                continue;
            }
            let (word, after) = rest.split_at(run(rest, WORD));
            if after.is_empty() {
                self.mode = Mode::Word;
                for byte in word {
                    self.push(*byte);
                }
                return after;
            }
            if let ([b'e' | b'E'], Some((b'\'', text))) = (word, after.split_first()) {
                self.mode = self.text(true);
                sink.between();
                return text;
            }
            sink.word(word.get(..WORD_BYTES).unwrap_or(word));
            rest = after;
        }
        rest
    }

    /// One byte that begins no word, or whatever follows something that turned out not to be what
    /// it looked like.
    fn mark(&mut self, byte: u8, sink: &mut impl Sink) {
        let is_comment = matches!((self.previous, byte), (b'-', b'-') | (b'/', b'*'));
        if is_comment {
            self.previous = 0;
        } else {
            self.end_mark(sink);
        }
        self.mode = match byte {
            b'-' if is_comment => Mode::LineComment,
            b'*' if is_comment => {
                self.depth = 1;
                Mode::BlockComment
            },
            b'-' | b'/' => {
                self.previous = byte;
                Mode::Base
            },
            b'\'' => {
                sink.between();
                self.text(false)
            },
            b'"' => Mode::Name,
            b'$' => {
                sink.between();
                self.tag_bytes = 0;
                Mode::Tag
            },
            b'0'..=b'9' => {
                sink.between();
                Mode::Number
            },
            byte if class(byte) & WORD != 0 => {
                self.push(byte);
                Mode::Word
            },
            byte if class(byte) & SPACE != 0 => Mode::Base,
            byte => {
                sink.token(Token::Mark(byte));
                Mode::Base
            },
        };
    }

    /// A `-` or a `/` before turned out to begin no comment, if there was one.
    #[inline]
    fn end_mark(&mut self, sink: &mut impl Sink) {
        if std::mem::take(&mut self.previous) != 0 {
            sink.between();
        }
    }

    /// The rest of a word that began in an earlier piece, or of one of a single byte so far.
    fn in_word<'a>(&mut self, rest: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        let (more, after) = rest.split_at(run(rest, WORD));
        for byte in more {
            self.push(*byte);
        }
        let Some((&byte, behind)) = after.split_first() else {
            return after;
        };
        let is_escape = byte == b'\'' && matches!(self.read(), b"e" | b"E");
        if is_escape {
            self.word_bytes = 0;
            self.mode = self.text(true);
            sink.between();
            return behind;
        }
        self.mode = Mode::Base;
        sink.token(Token::Word(self.read()));
        self.word_bytes = 0;
        after
    }

    fn in_number<'a>(&mut self, rest: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        let is_of_number = |byte: &u8| class(*byte) & WORD != 0 && *byte != b'$' || *byte == b'.';
        let end = rest.iter().position(|byte| !is_of_number(byte));
        if end.is_some() {
            self.mode = Mode::Base;
        }
        let (number, after) = rest.split_at(end.unwrap_or(rest.len()));
        // What servers before version 15 took for a word behind the number, as in `1for update`.
        let is_letter =
            |byte: &u8| !matches!(byte, b'0'..=b'9' | b'.' | b'_' | b'a'..=b'f' | b'A'..=b'F');
        if number
            .iter()
            .any(|byte| is_letter(byte) && !matches!(byte | b' ', b'o' | b'x'))
        {
            sink.token(Token::Doubt);
        }
        after
    }

    /// A text that nobody reads, up to the next byte that may end it.
    fn over_text<'a>(
        &mut self,
        rest: &'a [u8],
        escapes: bool,
        session: &impl Session,
        sink: &mut impl Sink,
    ) -> &'a [u8] {
        self.word_bytes = 0;
        let stop = memchr::memchr2(b'\'', b'\\', rest);
        let (over, rest) = rest.split_at(stop.unwrap_or(rest.len()));
        self.previous = over.last().copied().unwrap_or(self.previous);
        let Some((&byte, after)) = rest.split_first() else {
            return rest;
        };
        self.in_text(byte, escapes, session, sink);
        after
    }

    fn text(&mut self, escapes: bool) -> Mode {
        self.previous = 0;
        Mode::Text { escapes }
    }

    fn in_text(&mut self, byte: u8, escapes: bool, session: &impl Session, sink: &mut impl Sink) {
        let previous = std::mem::replace(&mut self.previous, byte);
        if byte == b'\\' && (escapes || session.has_backslash_escapes()) {
            if previous >= 0x80 && session.has_backslash_in_characters() {
                sink.token(Token::Doubt);
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

    fn behind_text(&mut self, byte: u8, escapes: bool, has_newline: bool, sink: &mut impl Sink) {
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
            if escapes && matches!(byte, b'-' | 0x0b | 0x0c) {
                // A comment may stand before the rest of the text, and other white space.
                sink.token(Token::Doubt);
            }
            self.previous = 0;
            self.mark(byte, sink);
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

    fn in_tag(&mut self, byte: u8, sink: &mut impl Sink) {
        let may_follow = if self.tag_bytes == 0 {
            !byte.is_ascii_digit()
        } else {
            true
        };
        if byte == b'$' {
            if self.tag_bytes > WORD_BYTES {
                sink.token(Token::Doubt);
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
            self.mark(byte, sink);
        }
    }

    fn in_dollar(&mut self, byte: u8, sink: &mut impl Sink) {
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

    fn text_byte(&mut self, byte: u8, sink: &mut impl Sink) {
        if is_word_byte(byte) {
            self.push(byte);
        } else {
            self.end_text_word(sink);
            sink.token(Token::TextMark(byte));
        }
    }

    fn end_text_word(&mut self, sink: &mut impl Sink) {
        if self.word_bytes > 0 {
            sink.token(Token::TextWord(self.read()));
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
