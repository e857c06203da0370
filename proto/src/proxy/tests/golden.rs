//! Headers as real load balancers send them: recorded from HAProxy 2.6 and AWS, written from the
//! documentation of the others. Every other test that needs legal headers takes them from here.

use super::*;

pub(super) struct Golden {
    pub(super) name: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) command: Command,
    pub(super) tlvs: Tlvs,
}

fn golden(name: &'static str, bytes: Vec<u8>, command: Command, tlvs: Tlvs) -> Golden {
    Golden {
        name,
        bytes,
        command,
        tlvs,
    }
}

pub(super) fn all() -> Vec<Golden> {
    let mut all = v1();
    all.extend(v2());
    all
}

pub(super) fn v1() -> Vec<Golden> {
    let line = |name, text: &str, command| {
        golden(name, text.as_bytes().to_vec(), command, Tlvs::default())
    };
    vec![
        line(
            "haproxy send-proxy, IPv4",
            "PROXY TCP4 127.0.0.1 127.0.0.1 53330 46001\r\n",
            proxy("127.0.0.1:53330", "127.0.0.1:46001"),
        ),
        line(
            "haproxy send-proxy, IPv6",
            "PROXY TCP6 ::1 ::1 41406 46001\r\n",
            proxy("[::1]:41406", "[::1]:46001"),
        ),
        line(
            "haproxy check-send-proxy",
            "PROXY TCP4 127.0.0.1 127.0.0.1 55436 46102\r\n",
            proxy("127.0.0.1:55436", "127.0.0.1:46102"),
        ),
        line(
            "the longest IPv4 line",
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            proxy("255.255.255.255:65535", "255.255.255.255:65535"),
        ),
        line(
            "the longest IPv6 line",
            "PROXY TCP6 ffff:f00f:ffff:ffff:ffff:ffff:ffff:ffff \
             ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
            proxy(
                "[ffff:f00f:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
                "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            ),
        ),
        line("a sender in doubt", "PROXY UNKNOWN\r\n", Command::Unknown),
        line(
            "the longest line of a sender in doubt",
            "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
             ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
            Command::Unknown,
        ),
    ]
}

pub(super) fn v2() -> Vec<Golden> {
    let mut all = haproxy();
    all.extend(haproxy_with_tls());
    all.extend(clouds());
    all
}

fn haproxy() -> Vec<Golden> {
    vec![
        golden(
            "haproxy send-proxy-v2, health check",
            hex("0d0a0d0a000d0a515549540a 20000000"),
            Command::Local,
            Tlvs::default(),
        ),
        golden(
            "haproxy send-proxy-v2, IPv4",
            hex("0d0a0d0a000d0a515549540a 2111000c 7f000001 7f000001 a9c0 b3b2"),
            proxy("127.0.0.1:43456", "127.0.0.1:46002"),
            Tlvs::default(),
        ),
        golden(
            "haproxy send-proxy-v2, IPv6",
            hex("0d0a0d0a000d0a515549540a 21210024
                 00000000000000000000000000000001 00000000000000000000000000000001 b898 b3b2"),
            proxy("[::1]:47256", "[::1]:46002"),
            Tlvs::default(),
        ),
        golden(
            "haproxy proxy-v2-options unique-id,crc32c",
            hex(
                "0d0a0d0a000d0a515549540a 2111003a 7f000001 7f000001 82f2 b3b3
                 030004 6c5d95da
                 050024 38376335656666652d343761662d343435392d386430652d363365396431333530333266",
            ),
            proxy("127.0.0.1:33522", "127.0.0.1:46003"),
            Tlvs {
                unique_id: Some((*b"87c5effe-47af-4459-8d0e-63e9d135032f").into()),
                ..Tlvs::default()
            },
        ),
    ]
}

fn haproxy_with_tls() -> Vec<Golden> {
    vec![
        golden(
            "haproxy send-proxy-v2-ssl, no certificate",
            hex(
                "0d0a0d0a000d0a515549540a 2111001e 7f000001 7f000001 b4d8 b3b5
                 20000f 01 00000000 210007 544c5376312e32",
            ),
            proxy("127.0.0.1:46296", "127.0.0.1:46005"),
            Tlvs {
                ssl: Some(Box::new(Ssl {
                    client: 0x01,
                    version: Some("TLSv1.2".into()),
                    ..Ssl::default()
                })),
                ..Tlvs::default()
            },
        ),
        golden(
            "haproxy send-proxy-v2-ssl-cn",
            hex(
                "0d0a0d0a000d0a515549540a 21110045 7f000001 7f000001 ccf8 b3b4
                 01000a 706f737467726573716c
                 200029 07 00000000 210007 544c5376312e33
                 220017 6170702d6dc3bc6c6c65722e6578616d706c652e636f6d",
            ),
            proxy("127.0.0.1:52472", "127.0.0.1:46004"),
            Tlvs {
                alpn: Some((*b"postgresql").into()),
                ssl: Some(Box::new(Ssl {
                    client: 0x07,
                    version: Some("TLSv1.3".into()),
                    common_name: Some("app-müller.example.com".into()),
                    ..Ssl::default()
                })),
                ..Tlvs::default()
            },
        ),
        haproxy_with_every_option(),
    ]
}

fn haproxy_with_every_option() -> Golden {
    golden(
        "haproxy with every proxy-v2-option",
        hex(
            "0d0a0d0a000d0a515549540a 211100b9 7f000001 7f000001 d246 b3b6
             030004 56aab0cf
             01000a 706f737467726573716c
             02000e 64622e4578616d706c652e636f6d
             050024 34313939333139372d393866302d343065372d623236652d316331326635356437383930
             20005e 07 00000000 210007 544c5376312e33
             220017 6170702d6dc3bc6c6c65722e6578616d706c652e636f6d
             250005 4543323536
             240011 65636473612d776974682d534841323536
             230016 544c535f4145535f3235365f47434d5f534841333834",
        ),
        proxy("127.0.0.1:53830", "127.0.0.1:46006"),
        Tlvs {
            alpn: Some((*b"postgresql").into()),
            authority: Some("db.example.com".into()),
            unique_id: Some((*b"41993197-98f0-40e7-b26e-1c12f55d7890").into()),
            ssl: Some(Box::new(Ssl {
                client: 0x07,
                version: Some("TLSv1.3".into()),
                common_name: Some("app-müller.example.com".into()),
                cipher: Some("TLS_AES_256_GCM_SHA384".into()),
                signature_algorithm: Some("ecdsa-with-SHA256".into()),
                key_algorithm: Some("EC256".into()),
                ..Ssl::default()
            })),
            ..Tlvs::default()
        },
    )
}

fn clouds() -> Vec<Golden> {
    let behind = |cloud, id| Tlvs {
        private_endpoint: PrivateEndpoint::new(cloud, id),
        ..Tlvs::default()
    };
    vec![
        golden(
            "aws network load balancer behind PrivateLink",
            aws_nlb(),
            proxy("172.31.7.113:51442", "172.31.10.31:80"),
            behind(Cloud::Aws, "vpce-08d2bf15fac5001c9"),
        ),
        golden(
            "azure private link service",
            hex(
                "0d0a0d0a000d0a515549540a 21110014 0a000005 0a010004 c8f2 1538
                 ee0005 01 c1450021",
            ),
            proxy("10.0.0.5:51442", "10.1.0.4:5432"),
            behind(Cloud::Azure, "553665985"),
        ),
        golden(
            "google private service connect",
            hex(
                "0d0a0d0a000d0a515549540a 21110017 0a000005 0a010004 c8f2 1538
                 e00008 0098a1b2c3d4e5f6",
            ),
            proxy("10.0.0.5:51442", "10.1.0.4:5432"),
            behind(Cloud::Gcp, "42961985621779958"),
        ),
    ]
}

pub(super) fn aws_nlb() -> Vec<u8> {
    let mut bytes = hex(
        "0d0a0d0a000d0a515549540a 21110054 ac1f0771 ac1f0a1f c8f2 0050
         030004 e8d6892d
         ea0017 01 767063652d3038643262663135666163353030316339
         040024",
    );
    bytes.extend([0; 36]);
    bytes
}

#[test]
fn every_golden_header_says_what_its_sender_meant() {
    for golden in all() {
        let header = accept(&golden.bytes);
        assert_eq!(header.command, golden.command, "{}", golden.name);
        assert_eq!(header.tlvs, golden.tlvs, "{}", golden.name);
    }
}

#[test]
fn proxy_golden_aws_nlb() {
    let bytes = aws_nlb();
    assert_eq!(bytes.len(), 100);
    let header = accept(&bytes);
    assert_eq!(header.version, Version::V2);
    assert_eq!(
        header.command,
        proxy("172.31.7.113:51442", "172.31.10.31:80")
    );
    let endpoint = header.tlvs.private_endpoint.expect("an endpoint");
    assert_eq!(endpoint.cloud(), Cloud::Aws);
    assert_eq!(endpoint.id(), "vpce-08d2bf15fac5001c9");
    assert_eq!(endpoint.to_string(), "aws:vpce-08d2bf15fac5001c9");
}

#[test]
fn only_a_shown_and_verified_certificate_counts_as_verified() {
    let certificate_of = |name: &str| {
        let golden = all()
            .into_iter()
            .find(|golden| golden.name == name)
            .expect("a golden header of this name");
        accept(&golden.bytes).tlvs.ssl.expect("TLS facts")
    };
    let with = certificate_of("haproxy send-proxy-v2-ssl-cn");
    assert!(with.is_tls() && with.has_verified_certificate());
    // HAProxy writes a verify word of 0 here too.
    let without = certificate_of("haproxy send-proxy-v2-ssl, no certificate");
    assert!(without.is_tls() && !without.has_verified_certificate());
    assert_eq!(without.verify, 0);
    // A certificate that was shown and found wanting.
    let refuted = encode::V2::unspecified().ssl(0x07, 1, &[]);
    let refuted = accept(&refuted.finish().expect("it fits")).tlvs.ssl;
    assert!(!refuted.expect("TLS facts").has_verified_certificate());
}
