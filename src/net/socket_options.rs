//! The TCP options of connections, to clients and to servers.

use socket2::SockRef;
use socket2::TcpKeepalive;
use tokio::net::TcpStream;

/// What the configuration says about TCP, ready to be set on each connection.
#[derive(Debug, Clone, Default)]
pub struct SocketOptions {
    /// `None` probes no idle connection.
    pub keepalive: Option<TcpKeepalive>,
    /// `TCP_USER_TIMEOUT`; `None` leaves it to the system.
    pub user_timeout: Option<std::time::Duration>,
}

impl SocketOptions {
    /// Sets the options on a connection, and `TCP_NODELAY` always. A connection that was reset
    /// meanwhile refuses them; its first read will say so.
    pub fn set(&self, stream: &TcpStream) {
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
        let seconds = Duration::from_secs;
        let keepalive = TcpKeepalive::new()
            .with_time(seconds(31))
            .with_interval(seconds(7))
            .with_retries(4);
        let options = SocketOptions {
            keepalive: Some(keepalive),
            user_timeout: Some(seconds(11)),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        options.set(&stream);
        let socket = SockRef::from(&stream);
        assert!(stream.nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), 31);
        assert_eq!(socket.tcp_keepalive_interval().unwrap().as_secs(), 7);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(seconds(11)));
    }
}
