//! Ways to a server on which something happens to what is said.

use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::thread;

/// Passes on what comes, a read at a time, until it ends.
type Pass = fn(TcpStream, TcpStream) -> io::Result<()>;

/// A beginning that a server is not told as it was said.
pub(super) const BEGIN: &str = "begin isolation level repeatable read";
const GARBLED: &str = "bogus isolation level repeatable read";

/// The end of a reply behind which a block is open.
const IN_BLOCK: &[u8] = b"Z\0\0\0\x05T";

/// The port of a way on which what begins a block is garbled.
pub(super) fn garbling(server: u16) -> u16 {
    way(server, garble, pass)
}

/// The port of a way on which what tells of an open block comes together with whatever the server says
/// next.
pub(super) fn gathering(server: u16) -> u16 {
    way(server, pass, gather)
}

fn way(server: u16, there: Pass, back: Pass) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).unwrap();
            let other = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || there(client, server));
            thread::spawn(move || back(other.0, other.1));
        }
    });
    port
}

fn pass(from: TcpStream, to: TcpStream) -> io::Result<()> {
    pass_changed(from, to, |_| true)
}

/// A message of a client without more to say comes in one read.
fn garble(from: TcpStream, to: TcpStream) -> io::Result<()> {
    pass_changed(from, to, |said| {
        let mut places = said.windows(BEGIN.len());
        if let Some(at) = places.position(|it| it == BEGIN.as_bytes()) {
            said[at..at + GARBLED.len()].copy_from_slice(GARBLED.as_bytes());
        }
        true
    })
}

fn gather(from: TcpStream, to: TcpStream) -> io::Result<()> {
    pass_changed(from, to, |said| !said.ends_with(IN_BLOCK))
}

/// Passes on what has come whenever `is_ready` says so of it, and the rest at the end.
fn pass_changed(
    mut from: TcpStream,
    mut to: TcpStream,
    is_ready: impl Fn(&mut Vec<u8>) -> bool,
) -> io::Result<()> {
    let mut said = Vec::new();
    let mut bytes = [0; 16 * 1024];
    loop {
        let count = from.read(&mut bytes)?;
        said.extend_from_slice(&bytes[..count]);
        if count == 0 || is_ready(&mut said) {
            to.write_all(&said)?;
            said.clear();
        }
        if count == 0 {
            return to.shutdown(Shutdown::Write);
        }
    }
}
