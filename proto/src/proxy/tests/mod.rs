//! What the PROXY parser promises, by kind of promise. The names that begin with `proxy_` are
//! those of known defects of other receivers, each of which must never appear here.

use super::*;

mod cloud_endpoints;
mod encoding;
mod framing;
mod golden;
mod properties;
mod second_opinion;
mod text_line;
mod tlv_values;
mod v2_fields;

/// The bytes written in hexadecimal, spaces ignored.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|character| character.to_digit(16).expect("a hexadecimal digit"))
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("two digits make a byte"))
        .collect()
}

/// A v2 header with a correct length: the bytes after the signature up to the length, the block.
fn v2_bytes(version_and_command: u8, family_and_transport: u8, block: &[u8]) -> Vec<u8> {
    let mut bytes = framing_signature().to_vec();
    bytes.extend([version_and_command, family_and_transport]);
    bytes.extend(
        u16::try_from(block.len())
            .expect("a short block")
            .to_be_bytes(),
    );
    bytes.extend(block);
    bytes
}

/// The block of 127.0.0.1:1 to 127.0.0.2:2 with these TLVs after it, as a PROXY header.
fn inet_with(tlvs: &[u8]) -> Vec<u8> {
    let mut block = hex("7f000001 7f000002 0001 0002");
    block.extend(tlvs);
    v2_bytes(0x21, 0x11, &block)
}

fn framing_signature() -> [u8; 12] {
    *b"\r\n\r\n\0\r\nQUIT\n"
}

/// The header that fills `bytes` exactly.
fn accept(bytes: &[u8]) -> Header {
    match parse(bytes, Versions::V1AndV2) {
        Ok(Progress::Header { header, consumed }) if consumed == bytes.len() => header,
        answer => panic!("expected a header of {} bytes, got {answer:?}", bytes.len()),
    }
}

fn refuse(bytes: &[u8]) -> ProxyError {
    parse(bytes, Versions::V1AndV2).expect_err("the header must be refused")
}

fn needs_more(bytes: &[u8]) -> bool {
    parse(bytes, Versions::V1AndV2) == Ok(Progress::NeedMore)
}

fn proxy(source: &str, destination: &str) -> Command {
    Command::Proxy {
        source: source.parse().expect("a socket address"),
        destination: destination.parse().expect("a socket address"),
    }
}

/// Receives the segments as a connection does: each is appended, then everything is parsed again.
/// Returns the header and what follows it in the segments received by then.
fn receive<'a>(segments: impl IntoIterator<Item = &'a [u8]>) -> (Header, Vec<u8>) {
    let mut buffer = Vec::new();
    let mut decoded = None;
    for segment in segments {
        buffer.extend_from_slice(segment);
        if decoded.is_none() {
            match parse(&buffer, Versions::V1AndV2).expect("the header is legal") {
                Progress::NeedMore => {},
                Progress::Header { header, consumed } => decoded = Some((header, consumed)),
            }
        }
    }
    let (header, consumed) = decoded.expect("the header is complete");
    (header, buffer.split_off(consumed))
}

/// One TLV.
fn one(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut tlv = vec![kind];
    tlv.extend(u16::try_from(value.len()).expect("short").to_be_bytes());
    tlv.extend(value);
    tlv
}

/// What a header says whose only TLV is this one.
fn tlvs_of(kind: u8, value: &[u8]) -> Tlvs {
    accept(&inet_with(&one(kind, value))).tlvs
}

fn refuse_value(kind: u8, value: &[u8]) -> ProxyError {
    refuse(&inet_with(&one(kind, value)))
}
