//! The TLVs by which the clouds name private endpoints.

use super::tlv::*;
use super::*;

#[test]
fn proxy_tlv_aws_empty() {
    assert_eq!(
        refuse_value(PP2_TYPE_AWS, &[]),
        ProxyError::TlvLength(PP2_TYPE_AWS)
    );
    assert_eq!(
        refuse_value(PP2_TYPE_AWS, &[1]),
        ProxyError::TlvLength(PP2_TYPE_AWS)
    );
    for id in [
        "vpce 1",
        "vpce_1",
        "vpce-\u{e9}",
        "vpce-1\n",
        "vpce-1\0",
        "../1",
    ] {
        let mut value = vec![PP2_SUBTYPE_AWS_VPCE_ID];
        value.extend(id.bytes());
        assert_eq!(
            refuse_value(PP2_TYPE_AWS, &value),
            ProxyError::TlvText(PP2_TYPE_AWS)
        );
    }
    let mut value = vec![PP2_SUBTYPE_AWS_VPCE_ID];
    value.extend([b'a'; 65]);
    assert_eq!(
        refuse_value(PP2_TYPE_AWS, &value),
        ProxyError::TlvText(PP2_TYPE_AWS)
    );
    // A subtype that names no endpoint is no error, and no endpoint.
    assert_eq!(tlvs_of(PP2_TYPE_AWS, &hex("02 414141")), Tlvs::default());
}

#[test]
fn proxy_tlv_azure_len4() {
    for value in [
        "",
        "01",
        "01 c14500",
        "01 c145002100",
        "01 c1450021 00000000",
    ] {
        assert_eq!(
            refuse_value(PP2_TYPE_AZURE, &hex(value)),
            ProxyError::TlvLength(PP2_TYPE_AZURE),
            "{value}"
        );
    }
    let endpoint = |value: &str| tlvs_of(PP2_TYPE_AZURE, &hex(value)).private_endpoint;
    assert_eq!(
        endpoint("01 01000000"),
        PrivateEndpoint::new(Cloud::Azure, "1"),
        "the id is little-endian"
    );
    assert_eq!(
        endpoint("01 ffffffff"),
        PrivateEndpoint::new(Cloud::Azure, "4294967295")
    );
    assert_eq!(endpoint("02 c1450021"), None);
}

#[test]
fn proxy_tlv_gcp_len7() {
    for value_bytes in (0..=16).filter(|bytes| *bytes != 8) {
        assert_eq!(
            refuse_value(PP2_TYPE_GCP, &vec![0; value_bytes]),
            ProxyError::TlvLength(PP2_TYPE_GCP)
        );
    }
    let endpoint = |value: &str| tlvs_of(PP2_TYPE_GCP, &hex(value)).private_endpoint;
    assert_eq!(
        endpoint("0000000000000001"),
        PrivateEndpoint::new(Cloud::Gcp, "1"),
        "the id is big-endian"
    );
    assert_eq!(
        endpoint("ffffffffffffffff"),
        PrivateEndpoint::new(Cloud::Gcp, "18446744073709551615")
    );
}

#[test]
fn endpoints_of_two_clouds_at_once_are_refused() {
    let azure = hex("01 01000000");
    let clouds = [
        one(PP2_TYPE_AWS, b"\x01vpce-1"),
        one(PP2_TYPE_AZURE, &azure),
        one(PP2_TYPE_GCP, &[0; 8]),
    ];
    for first in &clouds {
        for second in clouds.iter().filter(|second| *second != first) {
            let tlvs = [first.as_slice(), second.as_slice()].concat();
            assert_eq!(refuse(&inet_with(&tlvs)), ProxyError::TwoClouds);
        }
    }
}

#[test]
fn an_endpoint_is_its_cloud_and_its_id() {
    assert_ne!(
        tlvs_of(PP2_TYPE_AZURE, &hex("01 7b000000")).private_endpoint,
        tlvs_of(PP2_TYPE_GCP, &hex("000000000000007b")).private_endpoint
    );
    for (cloud, id) in [
        (Cloud::Aws, ""),
        (Cloud::Aws, "vpce 1"),
        (Cloud::Azure, ""),
        (Cloud::Azure, "+1"),
        (Cloud::Azure, "-1"),
        (Cloud::Azure, "01"),
        (Cloud::Azure, "4294967296"),
        (Cloud::Azure, "0x1"),
        (Cloud::Gcp, "18446744073709551616"),
        (Cloud::Gcp, "007"),
        (Cloud::Gcp, "+7"),
        (Cloud::Gcp, "vpce-1"),
    ] {
        assert_eq!(PrivateEndpoint::new(cloud, id), None, "{cloud:?} {id:?}");
    }
    for cloud in [Cloud::Aws, Cloud::Azure, Cloud::Gcp] {
        assert_eq!(Cloud::from_name(cloud.as_str()), Some(cloud));
    }
    assert_eq!(Cloud::from_name("AWS"), None);
}
