//! What a byte of a text may be to the lexer: part of a word, white space, or a token by itself.

/// How many bytes, from the first on, are of a class.
#[inline]
pub(super) fn run(bytes: &[u8], wanted: u8) -> usize {
    let end = bytes.iter().position(|byte| class(*byte) & wanted == 0);
    end.unwrap_or(bytes.len())
}

/// What a word may consist of behind its first byte.
#[inline]
pub(super) fn is_word_byte(byte: u8) -> bool {
    class(byte) & WORD != 0
}

/// What a word may begin with.
pub(super) const WORD_START: u8 = 1;
/// What it may go on with.
pub(super) const WORD: u8 = 2;
/// White space.
pub(super) const SPACE: u8 = 4;
/// What is a token by itself, whatever stands beside it.
pub(super) const MARK: u8 = 8;

/// The classes of a byte.
#[inline]
pub(super) fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or_default()
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses what is out of bounds"
)]
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = u8::MAX;
    loop {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => WORD_START | WORD,
            b'0'..=b'9' | b'$' => WORD,
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => SPACE,
            b'\'' | b'"' | b'-' | b'/' | b'*' => 0,
            _ => MARK,
        };
        if byte == 0 {
            break classes;
        }
        byte -= 1;
    }
};
