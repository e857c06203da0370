//! The TCP options of connections, to clients and to servers.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::SockRef;
use socket2::TcpKeepalive;

/// What the configuration says about TCP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SocketOptions {
    /// `None` probes no idle connection.
    pub keepalive: Option<Keepalive>,
    /// `TCP_USER_TIMEOUT`; `None` leaves it to the system.
    pub user_timeout: Option<Duration>,
}

/// How an idle connection is probed. `None` leaves a value to the system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// How long it is idle before the first probe.
    pub idle: Option<Duration>,
    /// The time between probes.
    pub interval: Option<Duration>,
    /// How many may go unanswered.
    pub retries: Option<u32>,
}

impl SocketOptions {
    /// Sets the options on a connection, and `TCP_NODELAY` always. A connection that was reset
    /// meanwhile refuses them; its first read will say so.
    pub fn set(&self, stream: &impl AsFd) {
        if let Err(error) = self.try_set(stream) {
            tracing::debug!(%error, "an option of a TCP connection could not be set");
        }
    }

    /// Sets the options on a listening socket, whose connections have them from then on, if the
    /// system lets connections inherit them. Whether it does: if not, each wants them set. `usual`
    /// is what the system chose for this socket: it may have been set to something else since.
    ///
    /// A connection that nobody has accepted yet keeps those it was made with.
    pub fn set_for_all(&self, listener: &impl AsFd, usual: &Keepalive) -> bool {
        let mut options = self.clone();
        if let Some(keepalive) = &mut options.keepalive {
            keepalive.idle = keepalive.idle.or(usual.idle);
            keepalive.interval = keepalive.interval.or(usual.interval);
            keepalive.retries = keepalive.retries.or(usual.retries);
        }
        cfg!(target_os = "linux") && options.try_set(listener).is_ok()
    }

    fn try_set(&self, socket: &impl AsFd) -> io::Result<()> {
        let socket = SockRef::from(socket);
        socket.set_tcp_nodelay(true)?;
        match &self.keepalive {
            Some(keepalive) => socket.set_tcp_keepalive(&keepalive.for_socket())?,
            None => socket.set_keepalive(false)?,
        }
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(self.user_timeout)?;
        Ok(())
    }
}

impl Keepalive {
    /// What a socket has.
    pub fn of(socket: &impl AsFd) -> Self {
        let socket = SockRef::from(socket);
        Self {
            idle: socket.tcp_keepalive_time().ok(),
            interval: socket.tcp_keepalive_interval().ok(),
            retries: socket.tcp_keepalive_retries().ok(),
        }
    }

    fn for_socket(&self) -> TcpKeepalive {
        let mut keepalive = TcpKeepalive::new();
        if let Some(idle) = self.idle {
            keepalive = keepalive.with_time(idle);
        }
        if let Some(interval) = self.interval {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(retries) = self.retries {
            keepalive = keepalive.with_retries(retries);
        }
        keepalive
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn every_option_of_the_configuration_reaches_the_socket() {
        let seconds = Duration::from_secs;
        let keepalive = Keepalive {
            idle: Some(seconds(31)),
            interval: Some(seconds(7)),
            retries: Some(4),
        };
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
