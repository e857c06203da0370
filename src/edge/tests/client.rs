//! The client's side of a login, as a driver does it.

use std::fmt::Write as _;

use tidegate_proto::backend::Authentication;
use tidegate_proto::backend::ErrorResponse;
use tidegate_proto::backend::tag;
use tidegate_proto::error::Sender;
use tidegate_proto::frame::Frame;
use tidegate_proto::frontend::SaslInitialResponse;
use tidegate_proto::frontend::SaslResponse;
use tidegate_proto::scram::ChannelBindingData;
use tidegate_proto::scram::ClientBinding;
use tidegate_proto::scram::ClientFirst;
use tidegate_proto::scram::Mechanism;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::startup::ProtocolVersion;
use tidegate_proto::startup::StartupMessage;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt as _;

/// A client, and all it was sent.
pub(super) struct Client<S> {
    pub(super) stream: S,
    pub(super) received: Vec<u8>,
    /// The SASL mechanism that was taken, if it came to that.
    pub(super) mechanism: Option<Mechanism>,
    read: usize,
}

/// One message of the server's.
pub(super) struct Message {
    pub(super) tag: u8,
    pub(super) body: Vec<u8>,
}

pub(super) fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    startup_of(ProtocolVersion::V3_0, parameters)
}

pub(super) fn startup_of(version: ProtocolVersion, parameters: &[(&str, &str)]) -> Vec<u8> {
    let parameters = parameters
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let mut packet = Vec::new();
    StartupMessage::encode(version, parameters, &mut packet).unwrap();
    packet
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            received: Vec::new(),
            mechanism: None,
            read: 0,
        }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next message; `None` at the end.
    pub(super) async fn message(&mut self) -> Option<Message> {
        loop {
            let rest = &self.received[self.read..];
            if let Some((frame, _)) = Frame::split(Sender::Backend, rest).unwrap() {
                let message = Message {
                    tag: frame.header.tag(),
                    body: frame.body.to_vec(),
                };
                self.read += frame.header.total_bytes();
                return Some(message);
            }
            if self.stream.read_buf(&mut self.received).await.ok()? == 0 {
                assert!(
                    self.received.len() == self.read,
                    "cut off: {:?}",
                    self.received
                );
                return None;
            }
        }
    }

    /// Everything up to the end, in words: one line a message.
    pub(super) async fn transcript(&mut self) -> String {
        let mut text = String::new();
        while let Some(message) = self.message().await {
            writeln!(text, "{}", message.in_words()).unwrap();
        }
        text
    }

    /// Answers a SCRAM challenge that is announced by the next message. Gives what came last:
    /// `AuthenticationOk`, or a refusal.
    pub(super) async fn scram(
        &mut self,
        password: &str,
        binding: Option<ChannelBindingData>,
    ) -> Message {
        self.scram_or_end(password, binding).await.unwrap()
    }

    /// The same, and `None` if the connection ended before.
    pub(super) async fn scram_or_end(
        &mut self,
        password: &str,
        binding: Option<ChannelBindingData>,
    ) -> Option<Message> {
        let message = self.message().await?;
        self.answer_scram(message, password, binding).await
    }

    /// The same, when the challenge was announced by `message` already.
    pub(super) async fn answer_scram(
        &mut self,
        message: Message,
        password: &str,
        binding: Option<ChannelBindingData>,
    ) -> Option<Message> {
        let Ok(Authentication::Sasl { mechanisms }) = Authentication::decode(&message.body) else {
            return Some(message);
        };
        let binding = ClientBinding::choose(mechanisms.iter(), binding.is_some(), binding).unwrap();
        let first = ClientFirst::new(binding, &[1; 18]);
        self.mechanism = Some(first.mechanism());
        let mut out = Vec::new();
        SaslInitialResponse {
            mechanism: first.mechanism().as_str().as_bytes(),
            response: Some(&first.message()),
        }
        .encode(&mut out)
        .unwrap();
        self.send(&out).await;
        let message = self.message().await?;
        let Ok(Authentication::SaslContinue { data }) = Authentication::decode(&message.body)
        else {
            return Some(message);
        };
        let last = first.server_first(data, 100_000).unwrap();
        let keys = ScramKeys::derive(password.as_bytes(), last.salt(), last.iterations());
        let (data, server_final) = last.prove(&keys);
        let mut out = Vec::new();
        SaslResponse { response: &data }.encode(&mut out).unwrap();
        self.send(&out).await;
        let message = self.message().await?;
        let Ok(Authentication::SaslFinal { data }) = Authentication::decode(&message.body) else {
            return Some(message);
        };
        server_final.server_final(data).unwrap();
        self.message().await
    }
}

impl Message {
    pub(super) fn is_authentication_ok(&self) -> bool {
        self.tag == tag::AUTHENTICATION
            && Authentication::decode(&self.body) == Ok(Authentication::Ok)
    }

    pub(super) fn in_words(&self) -> String {
        if self.tag != tag::ERROR_RESPONSE {
            return tag::name(self.tag).unwrap().to_owned();
        }
        let report = ErrorResponse::decode(&self.body).unwrap().report;
        let part = |part: Option<&[u8]>| String::from_utf8(part.unwrap().to_vec()).unwrap();
        let severity = part(report.severity());
        format!(
            "{severity} {} {}",
            report.sqlstate().unwrap(),
            part(report.message())
        )
    }
}
