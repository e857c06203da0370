//! `/metrics`, `/healthz` and `/readyz`, on a listener of their own that nothing else uses: no
//! PROXY header, no TLS, no client.
//!
//! GET (and HEAD) only, one request a connection; how many there are at once, how long each lives
//! and what it may send is limited. Nothing is changed from here, and nothing secret can be read;
//! names of tenants, databases and users can.
//!
//! The exposition is written by `exposition`, not by the `metrics` crates: those have the program
//! push every change into a registry of atomics that all threads share, where Tidegate's counters
//! are plain cells of their worker, read only when somebody asks.

mod bounded;
mod endpoints;
mod exposition;
mod metrics;
mod process;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::http::header::CONNECTION;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::bounded::BoundedListener;
use crate::admin::Desk;
use crate::limits::METRICS_AGE_MAX;
use crate::session::Depth;

/// The endpoints, bound to their address.
#[derive(Debug)]
pub struct Server(std::net::TcpListener);

/// What the endpoints share.
#[derive(Debug)]
struct Shared {
    desk: Arc<Desk>,
    /// The last page of metrics, and when it was made. The lock is held while the next one is made,
    /// so that the workers are asked once, however many ask.
    page: Mutex<Option<(Instant, Arc<str>)>>,
}

impl Server {
    /// Binds. Nothing is accepted yet, but what comes waits.
    ///
    /// # Errors
    /// The operating system's: the address is in use, not ours, or not permitted.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Serves until it is dropped.
    ///
    /// # Errors
    /// The operating system's, if the listener cannot be used in this runtime.
    pub async fn serve(self, desk: Arc<Desk>) -> io::Result<()> {
        let listener = BoundedListener::new(tokio::net::TcpListener::from_std(self.0)?);
        axum::serve(listener, router(desk)).await
    }
}

fn router(desk: Arc<Desk>) -> Router {
    let page = Mutex::new(None);
    let shared = Arc::new(Shared { desk, page });
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .fallback(|| async { answer(StatusCode::NOT_FOUND, TEXT, "not found\n".to_owned()) })
        .with_state(shared)
}

const TEXT: &str = "text/plain; charset=utf-8";

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response {
    // One request a connection: an idle one would take the place of somebody who wants to know.
    let headers = [
        (CONTENT_TYPE, kind),
        (CONNECTION, "close"),
        (CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let mut page = shared.page.lock().await;
    let now = Instant::now();
    let text = match &*page {
        Some((made_at, text)) if now.duration_since(*made_at) < METRICS_AGE_MAX => Arc::clone(text),
        Some(_) | None => {
            let text: Arc<str> = metrics::page(&shared.desk).await.into();
            *page = Some((now, Arc::clone(&text)));
            text
        },
    };
    drop(page);
    answer(StatusCode::OK, exposition::CONTENT_TYPE, text.to_string())
}

/// Whether the process runs: it does, if it answers.
async fn healthz() -> Response {
    answer(StatusCode::OK, TEXT, "ok\n".to_owned())
}

/// Whether clients may come: every worker answers, and the process is not going.
async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    let unavailable = |why: String| answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, why);
    if shared.desk.is_draining() {
        return unavailable("draining\n".to_owned());
    }
    let silent = shared.desk.look(Depth::Pulse).await.silent;
    if silent.is_empty() {
        return answer(StatusCode::OK, TEXT, "ready\n".to_owned());
    }
    unavailable(format!("no answer from workers {silent:?}\n"))
}

#[cfg(test)]
mod tests;
