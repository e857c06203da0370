//! One connection to the PostgreSQL that costs nothing.

use tidegate_proto::error::Sender;
use tidegate_proto::frame::Frame;
use tidegate_proto::startup::SslRequest;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::answer;
use super::answer::Special;
use crate::error::RigError;

/// What one read takes.
const INPUT_BYTES: usize = 16 * 1024;
/// What one write of a large row gives.
const CHUNK_BYTES: usize = 64 * 1024;
static ROW: [u8; CHUNK_BYTES] = [b'x'; CHUNK_BYTES];

/// Serves one client until it leaves.
pub(super) async fn serve(mut client: TcpStream) -> Result<(), RigError> {
    client
        .set_nodelay(true)
        .map_err(RigError::io("set an option"))?;
    let (mut input, mut output) = (Vec::new(), Vec::new());
    welcome(&mut client, &mut input, &mut output).await?;
    loop {
        let mut begin = 0;
        while let Some(rest) = input.get(begin..)
            && let Some((frame, _)) = Frame::split(Sender::Frontend, rest)?
        {
            begin += frame.header.total_bytes();
            match answer::answer(frame.header.tag(), frame.body, &mut output) {
                None => {},
                Some(Special::End) => return Ok(()),
                Some(Special::Late(time)) => tokio::time::sleep(time).await,
                Some(Special::Large(bytes)) => large(&mut client, &mut output, bytes).await?,
            }
        }
        input.drain(..begin);
        send(&mut client, &mut output).await?;
        receive(&mut client, &mut input).await?;
    }
}

/// From the first byte to the first `ReadyForQuery`; encryption is refused.
async fn welcome(
    client: &mut TcpStream,
    input: &mut Vec<u8>,
    output: &mut Vec<u8>,
) -> Result<(), RigError> {
    loop {
        receive(client, input).await?;
        if let Some(rest) = input.strip_prefix(&SslRequest::BYTES[..]) {
            *input = rest.to_vec();
            output.push(SslRequest::REFUSED);
            send(client, output).await?;
        }
        let length = input.first_chunk().map(|word| u32::from_be_bytes(*word));
        let length = length.and_then(|length| usize::try_from(length).ok());
        if let Some(length) = length
            && input.len() >= length
        {
            input.drain(..length);
            answer::welcome(output);
            return send(client, output).await;
        }
    }
}

async fn large(client: &mut TcpStream, output: &mut Vec<u8>, bytes: usize) -> Result<(), RigError> {
    let header = answer::row_header(bytes);
    let header = header.ok_or_else(|| RigError::Refused("a row is too long".to_owned()))?;
    output.extend_from_slice(&header);
    send(client, output).await?;
    let mut left = bytes;
    while let Some(chunk) = ROW
        .get(..left.min(CHUNK_BYTES))
        .filter(|chunk| !chunk.is_empty())
    {
        client
            .write_all(chunk)
            .await
            .map_err(RigError::io("send"))?;
        left -= chunk.len();
    }
    answer::end(output);
    Ok(())
}

async fn send(client: &mut TcpStream, output: &mut Vec<u8>) -> Result<(), RigError> {
    client
        .write_all(output)
        .await
        .map_err(RigError::io("send"))?;
    output.clear();
    Ok(())
}

async fn receive(client: &mut TcpStream, input: &mut Vec<u8>) -> Result<(), RigError> {
    // Without it a read takes what room there happens to be, which is 64 bytes at first.
    input.reserve(INPUT_BYTES);
    let read = client.read_buf(input).await;
    match read.map_err(RigError::io("receive"))? {
        0 => Err(RigError::Closed(None)),
        _ => Ok(()),
    }
}
