//! What must hold for the PROXY parser on any bytes, whichever version they claim to be.

use tidegate_proto::limits::PROXY_HEADER_BYTES_MAX;
use tidegate_proto::proxy::Command;
use tidegate_proto::proxy::Header;
use tidegate_proto::proxy::Progress;
use tidegate_proto::proxy::ProxyError;
use tidegate_proto::proxy::Version;
use tidegate_proto::proxy::Versions;
use tidegate_proto::proxy::parse;

/// Checks the promises of [`parse`] on `data` and returns its answer for `versions`.
///
/// # Errors
/// Those of [`parse`].
///
/// # Panics
/// If one of them is broken.
pub fn check(data: &[u8], versions: Versions) -> Result<Progress, ProxyError> {
    let whole = parse(data, versions);
    check_every_prefix(data, versions, &whole);
    match &whole {
        Ok(Progress::NeedMore) => assert!(
            data.len() < PROXY_HEADER_BYTES_MAX,
            "a full buffer never gets an answer"
        ),
        Ok(Progress::Header { header, consumed }) => {
            assert!(*consumed <= data.len() && *consumed <= PROXY_HEADER_BYTES_MAX);
            check_header(header);
            // What follows belongs to the client and changes nothing, even another header.
            let mut twice = data[..*consumed].to_vec();
            twice.extend_from_slice(&data[..*consumed]);
            assert_eq!(parse(&twice, versions), whole);
        },
        Err(error) => {
            assert!(!error.label().is_empty());
            let text = error.to_string();
            assert!(text.bytes().all(|byte| matches!(byte, 0x20..=0x7E)));
        },
    }
    check_other_listeners(data, &whole);
    whole
}

/// Every strict prefix of a header needs more, and an error once given stays the same.
fn check_every_prefix(data: &[u8], versions: Versions, whole: &Result<Progress, ProxyError>) {
    let mut settled = None;
    // The interesting cuts lie in the first bytes; the long tail of a long input is sampled.
    let cuts = (0..data.len().min(160)).chain((160..data.len()).step_by(97));
    for cut in cuts {
        let answer = parse(&data[..cut], versions);
        match (&settled, &answer) {
            (None, Ok(Progress::NeedMore)) => {},
            (None, _) => settled = Some(answer),
            (Some(settled), answer) => assert_eq!(settled, answer, "the answer changed at {cut}"),
        }
    }
    if let Some(settled) = settled {
        assert_eq!(&settled, whole, "the whole differs from its prefix");
    }
}

/// A listener for one version gives the same answer as one for both, or refuses the version.
fn check_other_listeners(data: &[u8], whole: &Result<Progress, ProxyError>) {
    let either = parse(data, Versions::V1AndV2);
    for (versions, other) in [(Versions::V1, Version::V2), (Versions::V2, Version::V1)] {
        let answer = parse(data, versions);
        assert!(
            answer == either || answer == Err(ProxyError::VersionNotAccepted(other)),
            "{versions:?} gives {answer:?}, both give {either:?}, the target got {whole:?}"
        );
    }
}

fn check_header(header: &Header) {
    if let Command::Proxy {
        source,
        destination,
    } = header.command
    {
        assert_eq!(source.ip(), source.ip().to_canonical());
        assert_eq!(destination.ip(), destination.ip().to_canonical());
    }
    if let Some(authority) = &header.tlvs.authority {
        assert!(!authority.is_empty() && authority.is_ascii());
        assert!(!authority.bytes().any(|byte| byte.is_ascii_uppercase()));
    }
    if let Some(endpoint) = &header.tlvs.private_endpoint {
        assert!(endpoint.id().bytes().all(|byte| byte.is_ascii_graphic()));
    }
}
