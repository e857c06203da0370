//! The TCP options of client connections.

use socket2::SockRef;
use socket2::TcpKeepalive;
use tokio::net::TcpStream;

use crate::config::Node;

/// What the configuration says about TCP, ready to be set on each connection.
#[derive(Debug, Clone, Default)]
pub struct SocketOptions {
    keepalive: Option<TcpKeepalive>,
    /// `TCP_USER_TIMEOUT`; `None` leaves it to the system.
    user_timeout: Option<std::time::Duration>,
}

impl SocketOptions {
    /// The options of a configuration, in which zero leaves a value to the system.
    pub fn new(node: &Node) -> Self {
        let keepalive = node.tcp_keepalive.then(|| {
            let mut keepalive = TcpKeepalive::new();
            if !node.tcp_keepidle.is_zero() {
                keepalive = keepalive.with_time(node.tcp_keepidle);
            }
            if !node.tcp_keepintvl.is_zero() {
                keepalive = keepalive.with_interval(node.tcp_keepintvl);
            }
            if node.tcp_keepcnt > 0 {
                keepalive = keepalive.with_retries(node.tcp_keepcnt);
            }
            keepalive
        });
        Self {
            keepalive,
            user_timeout: (!node.tcp_user_timeout.is_zero()).then_some(node.tcp_user_timeout),
        }
    }

    /// Sets the options on a connection, and `TCP_NODELAY` always. A connection that was reset
    /// meanwhile refuses them; its first read will say so.
    pub(super) fn set(&self, stream: &TcpStream) {
        if let Err(error) = self.try_set(stream) {
            tracing::debug!(%error, "an option of a TCP connection could not be set");
        }
    }

    fn try_set(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(stream);
        if let Some(keepalive) = &self.keepalive {
            socket.set_tcp_keepalive(keepalive)?;
        }
        #[cfg(target_os = "linux")]
        if self.user_timeout.is_some() {
            socket.set_tcp_user_timeout(self.user_timeout)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn every_option_of_the_configuration_reaches_the_socket() {
        let node = Node {
            tcp_keepalive: true,
            tcp_keepidle: Duration::from_secs(31),
            tcp_keepintvl: Duration::from_secs(7),
            tcp_keepcnt: 4,
            tcp_user_timeout: Duration::from_secs(11),
            ..Node::default()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        SocketOptions::new(&node).set(&stream);
        let socket = SockRef::from(&stream);
        assert!(stream.nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), 31);
        assert_eq!(socket.tcp_keepalive_interval().unwrap().as_secs(), 7);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
        #[cfg(target_os = "linux")]
        assert_eq!(
            socket.tcp_user_timeout().unwrap(),
            Some(node.tcp_user_timeout)
        );
    }
}
