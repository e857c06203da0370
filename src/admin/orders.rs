//! What an operator asks of the main thread. A reload goes the way of SIGHUP: there is one thread
//! that does it, so that two never run at once, and none holds up the clients of a worker.

use std::fmt;

use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::limits::ORDERS_COUNT_MAX;

/// Something asked of the main thread.
#[derive(Debug)]
pub enum Order {
    /// Load the configuration again, and say what came of it.
    Reload(oneshot::Sender<ReloadOutcome>),
}

/// What came of a reload.
pub type ReloadOutcome = Result<Reloaded, ReloadRefused>;

/// What a reload did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// What is in force now, in words without values.
    pub applied: Vec<String>,
    /// What waits for a restart.
    pub needs_restart: Vec<String>,
}

/// The new configuration has mistakes; the running one stays. The operator's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ReloadRefused {
    /// Every mistake with its place, at least one.
    pub mistakes: Vec<String>,
}

/// The main thread takes no more orders: the process is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the process is shutting down")]
pub struct OrdersClosed;

/// The way to the main thread.
#[derive(Debug, Clone)]
pub struct Orders(mpsc::Sender<Order>);

impl Orders {
    /// The way, and its end at the main thread.
    pub fn new() -> (Self, mpsc::Receiver<Order>) {
        let (sender, receiver) = mpsc::channel(ORDERS_COUNT_MAX);
        (Self(sender), receiver)
    }

    /// Has the configuration loaded again, and waits until it is in force or refused.
    ///
    /// # Errors
    /// [`OrdersClosed`]: nothing was loaded.
    pub async fn reload(&self) -> Result<ReloadOutcome, OrdersClosed> {
        let (answer, question) = oneshot::channel();
        let sent = self.0.send(Order::Reload(answer)).await;
        sent.map_err(|_order| OrdersClosed)?;
        question.await.map_err(|_gone| OrdersClosed)
    }
}

impl fmt::Display for ReloadRefused {
    /// One mistake a line.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.mistakes.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reload_is_answered_by_whoever_takes_the_orders() {
        let (orders, mut taken) = Orders::new();
        let refused = ReloadRefused {
            mistakes: vec!["a.toml:1:1: node: unknown".to_owned()],
        };
        let answering = async {
            let Some(Order::Reload(answer)) = taken.recv().await else {
                panic!("an order was sent");
            };
            answer.send(Err(refused.clone())).unwrap();
        };
        let (outcome, ()) = tokio::join!(orders.reload(), answering);
        assert_eq!(outcome, Ok(Err(refused)));
    }

    #[tokio::test]
    async fn an_order_that_nobody_takes_is_refused() {
        let (orders, taken) = Orders::new();
        drop(taken);
        assert_eq!(orders.reload().await, Err(OrdersClosed));
    }
}
