//! Whether the other side of a loopback connection has read what was sent to it, as the kernel
//! knows it: lets a test send a message in pieces that are certainly read one by one.

use std::fs;
use std::net::SocketAddr;
use std::net::SocketAddrV4;

/// Bytes that have arrived at `remote` from `local` and wait to be read; 0 if there is no such
/// connection.
pub(super) fn unread_bytes(local: SocketAddr, remote: SocketAddr) -> u64 {
    let (SocketAddr::V4(local), SocketAddr::V4(remote)) = (local, remote) else {
        return 0;
    };
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    // The other side's socket: what is remote to us is local to it.
    let ends = format!(" {} {} ", spelt(remote), spelt(local));
    let line = sockets.lines().find(|line| line.contains(&ends));
    let queues = line.and_then(|line| line.split_whitespace().nth(4));
    let received = queues.and_then(|queues| queues.split_once(':'));
    received.map_or(0, |(_, bytes)| u64::from_str_radix(bytes, 16).unwrap_or(0))
}

/// `0100007F:1538` for 127.0.0.1:5432, as the kernel writes it on a little-endian machine.
fn spelt(address: SocketAddrV4) -> String {
    let ip = u32::from_ne_bytes(address.ip().octets());
    format!("{ip:08X}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::io::Write;
    use std::net::TcpListener;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn bytes_are_unread_until_they_are_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let (local, remote) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
        assert_eq!(unread_bytes(local, remote), 0);
        client.write_all(b"hello").unwrap();
        assert_eq!(unread_bytes(local, remote), 5);
        server.read_exact(&mut [0; 3]).unwrap();
        assert_eq!(unread_bytes(local, remote), 2);
    }
}
