//! The TLVs of a PROXY v2 header, found in the simplest way that can be read at a glance: the third
//! opinion beside the parser's and `ppp`'s.

use tidegate_proto::proxy::tlv::PP2_TYPE_SSL;

/// The TLVs of one header.
pub struct NaiveTlvs {
    /// Those found before the first that does not fit, in order.
    pub all: Vec<NaiveTlv>,
    /// Whether every TLV ended within its space and nothing was left over.
    pub fill_the_header: bool,
}

/// One TLV.
pub struct NaiveTlv {
    /// Its type.
    pub kind: u8,
    /// Where its value begins, counted from the start of the header.
    pub value_offset: usize,
    /// Whether it lies within a `PP2_TYPE_SSL`.
    pub is_inner: bool,
}

impl NaiveTlvs {
    /// The TLVs of `header`, which is a whole header of a family that exists.
    ///
    /// # Panics
    /// If it is not.
    pub fn of(header: &[u8]) -> Self {
        let address_bytes = [0, 12, 36, 216][usize::from(header[13] >> 4)];
        let mut all = Vec::new();
        let fill_the_header = collect(header, 16 + address_bytes, header.len(), false, &mut all);
        Self {
            all,
            fill_the_header,
        }
    }
}

fn collect(
    header: &[u8],
    start: usize,
    end: usize,
    is_inner: bool,
    all: &mut Vec<NaiveTlv>,
) -> bool {
    let mut offset = start;
    let mut inner_fit = true;
    while offset < end {
        let value_offset = offset + 3;
        if value_offset > end {
            return false;
        }
        let kind = header[offset];
        let value_bytes = u16::from_be_bytes([header[offset + 1], header[offset + 2]]);
        offset = value_offset + usize::from(value_bytes);
        if offset > end {
            return false;
        }
        all.push(NaiveTlv {
            kind,
            value_offset,
            is_inner,
        });
        if !is_inner && kind == PP2_TYPE_SSL && value_bytes >= 5 {
            inner_fit &= collect(header, value_offset + 5, offset, true, all);
        }
    }
    inner_fit
}
