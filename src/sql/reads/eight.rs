//! Words as numbers, eight bytes at a time.

/// A word of fewer than eight bytes, with zeros behind it. Of a longer one, something else.
#[inline]
pub(super) const fn padded(word: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (word.first_chunk(), word.last_chunk()) {
        // Where the two overlap they are the same.
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        let shift = (word.len() - 4) * 8 % 64;
        return first as u64 | (last as u64) << shift;
    }
    match *word {
        [one, two, three] => u32::from_le_bytes([one, two, three, 0]) as u64,
        [one, two] => u16::from_le_bytes([one, two]) as u64,
        [one] => one as u64,
        _ => 0,
    }
}

/// Eight bytes with the letters of ASCII in lower case.
#[inline]
pub(super) const fn folded(bytes: u64) -> u64 {
    // The highest bit of each byte is what was asked of it: no sum of the others reaches the next.
    let low = bytes & (EACH * 0x7f);
    let is_a_or_behind = low + EACH * (0x80 - b'A' as u64);
    let is_behind_z = low + EACH * (0x7f - b'Z' as u64);
    let is_capital = is_a_or_behind & !is_behind_z & !bytes & (EACH * 0x80);
    bytes | is_capital >> 2
}

const EACH: u64 = 0x0101_0101_0101_0101;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_folded_as_by_itself_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                for others in [b'@', b'Z', b'[', 0x7f, 0xff] {
                    let mut bytes = [others; 8];
                    bytes[at] = byte;
                    let expected = bytes.map(|byte| byte.to_ascii_lowercase());
                    assert_eq!(folded(u64::from_le_bytes(bytes)).to_le_bytes(), expected);
                }
            }
        }
    }

    #[test]
    fn a_short_word_is_all_there_and_nothing_behind_it() {
        let word = *b"abcdefg\0";
        for length in 0..8 {
            let mut expected = word;
            expected[length..].fill(0);
            assert_eq!(padded(&word[..length]).to_le_bytes(), expected);
        }
    }
}
