//! The endpoints over real sockets, and the page of metrics read back line by line.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::Server;
use super::metrics;
use crate::admin::Desk;
use crate::admin::sample;
use crate::limits::HTTP_CONNECTION_TIME_MAX;
use crate::limits::HTTP_CONNECTIONS_MAX;
use crate::limits::HTTP_REQUEST_BYTES_MAX;
use crate::session::Mailboxes;

/// A sample of a page: its family, its labels, its value.
type Sample = (String, BTreeMap<String, String>, f64);

/// Reads a page as the format says, strictly: every family declared once, before its samples, and
/// these together; no sample twice.
fn read(page: &str) -> Vec<Sample> {
    let (mut families, mut samples) = (BTreeMap::new(), Vec::new());
    let mut current = String::new();
    let mut seen = BTreeSet::new();
    assert!(page.ends_with('\n'));
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap();
            assert!(!text.is_empty(), "{line}");
            assert!(families.insert(name.to_owned(), None).is_none(), "{line}");
            current = name.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, current);
            assert!(matches!(kind, "counter" | "gauge"), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            families.insert(name.to_owned(), Some(kind));
        } else {
            let sample = read_sample(line);
            assert_eq!(sample.0, current, "a sample outside of its family");
            assert!(families[&current].is_some(), "{line}");
            assert!(
                seen.insert((sample.0.clone(), sample.1.clone())),
                "twice: {line}"
            );
            samples.push(sample);
        }
    }
    samples
}

fn read_sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let mut rest = labels.strip_suffix('}').unwrap();
    let mut read = BTreeMap::new();
    while let Some((label, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut characters = after.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => break,
                '\\' => value.push(match characters.next().unwrap() {
                    'n' => '\n',
                    escaped @ ('\\' | '"') => escaped,
                    other => panic!("\\{other}"),
                }),
                other => value.push(other),
            }
        }
        assert!(
            read.insert(label.trim_start_matches(',').to_owned(), value)
                .is_none()
        );
        rest = characters.as_str();
    }
    assert!(rest.is_empty(), "{line}");
    (name.to_owned(), read, value.parse().unwrap())
}

fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels: BTreeMap<String, String> = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let is_it = |sample: &&Sample| sample.0 == name && sample.1 == labels;
    samples.iter().find(is_it).map(|sample| sample.2)
}

#[tokio::test]
async fn the_page_of_metrics_is_what_the_workers_told() {
    let looking = async {
        let (desk, _orders) = sample::desk(2);
        metrics::page(&desk).await
    };
    let page = LocalSet::new().run_until(looking).await;
    let samples = read(&page);
    let acme = [("tenant", "acme")];
    let pool = |state| {
        [
            ("tenant", "acme"),
            ("database", "shop"),
            ("user", "app"),
            ("state", state),
        ]
    };
    for (name, labels, expected) in [
        (
            "tidegate_build_info",
            &[("version", env!("CARGO_PKG_VERSION"))][..],
            1.0,
        ),
        ("tidegate_draining", &[], 0.0),
        ("tidegate_worker_up", &[("worker", "1")], 1.0),
        ("tidegate_clients_max", &[], 1000.0),
        ("tidegate_unauthenticated_connections", &[], 0.0),
        ("tidegate_login_throttle_entries", &[], 0.0),
        ("tidegate_tenant_clients", &acme, 0.0),
        ("tidegate_pool_clients", &pool("waiting"), 2.0),
        ("tidegate_pool_servers", &pool("active"), 2.0),
        ("tidegate_pool_servers", &pool("login"), 2.0),
        ("tidegate_pool_wait_seconds", &pool("")[..3], 1.500_25),
        ("tidegate_queries_total", &acme, 240.0),
        ("tidegate_query_time_us_total", &acme, 480_000.0),
        (
            "tidegate_refused_connections_total",
            &[("reason", "tenant_unknown")],
            2.0,
        ),
        (
            "tidegate_refused_connections_total",
            &[("reason", "tls")],
            0.0,
        ),
        (
            "tidegate_refused_connections_total",
            &[("tenant", "acme"), ("reason", "network")],
            2.0,
        ),
    ] {
        let found = value(&samples, name, labels);
        let is_it = found.is_some_and(|found| (found - expected).abs() < 1e-9);
        assert!(is_it, "{name} {labels:?}: {found:?}\n{page}");
    }
    assert!(!page.contains(sample::SECRET));
    if cfg!(target_os = "linux") {
        assert!(value(&samples, "process_resident_memory_bytes", &[]).unwrap() > 1e6);
        assert!(value(&samples, "process_open_fds", &[]).unwrap() >= 3.0);
    }
}

#[tokio::test(start_paused = true)]
async fn counters_are_left_out_rather_than_too_low() {
    let (mailboxes, letters) = Mailboxes::new(1);
    let (desk, _orders) = sample::desk_over(mailboxes);
    let samples = read(&metrics::page(&desk).await);
    assert_eq!(
        value(&samples, "tidegate_worker_up", &[("worker", "0")]),
        Some(0.0)
    );
    assert!(
        !samples
            .iter()
            .any(|sample| sample.0 == "tidegate_queries_total")
    );
    drop(letters);
}

/// Serves a desk for as long as the test talks to it.
async fn served<T>(desk: Arc<Desk>, talk: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = server.local_address().unwrap();
    tokio::select! {
        end = server.serve(desk) => panic!("{end:?}"),
        done = talk(address) => done,
    }
}

/// The whole answer to a request.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
}

#[tokio::test]
async fn each_path_answers_once_and_closes() {
    let looking = async {
        let (desk, _orders) = sample::desk(2);
        served(desk, async |address| {
            for (path, status, body) in [
                ("/healthz", "200 OK", "ok\n"),
                ("/readyz", "200 OK", "ready\n"),
                ("/", "404 Not Found", "not found\n"),
                ("/metrics/", "404 Not Found", "not found\n"),
            ] {
                let answer = get(address, path).await;
                assert!(
                    answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
                    "{answer}"
                );
                assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
                assert!(answer.contains("connection: close\r\n"), "{answer}");
            }
            let answer = get(address, "/metrics").await;
            let (head, page) = answer.split_once("\r\n\r\n").unwrap();
            assert!(
                head.contains("content-type: text/plain; version=0.0.4"),
                "{head}"
            );
            assert!(!read(page).is_empty());
        })
        .await;
    };
    LocalSet::new().run_until(looking).await;
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let looking = async {
        let (desk, _orders) = sample::desk(1);
        served(desk, async |address| {
            for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
                let request = format!("{method} /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut start = [0; 12];
                stream.read_exact(&mut start).await.unwrap();
                assert_eq!(&start, b"HTTP/1.1 405", "{method}");
            }
        })
        .await;
    };
    LocalSet::new().run_until(looking).await;
}

#[tokio::test]
async fn a_process_that_drains_is_healthy_and_not_ready() {
    let looking = async {
        let (desk, _orders) = sample::desk(1);
        desk.begin_draining();
        served(desk, async |address| {
            let answer = get(address, "/readyz").await;
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert!(answer.ends_with("draining\n"), "{answer}");
            assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200 "));
        })
        .await;
    };
    LocalSet::new().run_until(looking).await;
}

#[tokio::test]
async fn a_process_whose_worker_is_gone_is_not_ready() {
    let (mailboxes, letters) = Mailboxes::new(1);
    drop(letters);
    let (desk, _orders) = sample::desk_over(mailboxes);
    served(desk, async |address| {
        let answer = get(address, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.ends_with("no answer from workers [0]\n"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_request_that_is_too_long_is_cut_off() {
    let (desk, _orders) = sample::desk_over(Mailboxes::new(0).0);
    served(desk, async |address| {
        let before = tokio::time::Instant::now();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let header = format!(
            "GET /healthz HTTP/1.1\r\nx: {}",
            "x".repeat(HTTP_REQUEST_BYTES_MAX)
        );
        stream.write_all(header.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Reset or closed: but without an answer.
        drop(stream.read_to_end(&mut answer).await);
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
        assert!(
            before.elapsed() < HTTP_CONNECTION_TIME_MAX,
            "not only by its deadline"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn slow_senders_are_cut_off_and_make_room() {
    let (desk, _orders) = sample::desk_over(Mailboxes::new(0).0);
    served(desk, async |address| {
        let before = tokio::time::Instant::now();
        let mut slow = Vec::new();
        for _ in 0..HTTP_CONNECTIONS_MAX {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /hea").await.unwrap();
            slow.push(stream);
        }
        let answer = get(address, "/healthz").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(
            before.elapsed() >= HTTP_CONNECTION_TIME_MAX,
            "it had to wait for a place"
        );
    })
    .await;
}
