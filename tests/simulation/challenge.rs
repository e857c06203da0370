//! How a server asks who somebody is: not at all, or for a proof by md5 or SCRAM. All servers of a
//! world ask alike.
//!
//! The pooler has the md5 digest of each user, or what the client's own login has revealed of its
//! SCRAM keys. To derive these from a password it would need a thread of its own, whose end comes
//! at another moment each time: then a seed would not replay.

use std::num::NonZeroU32;

use tidegate::auth::ClientKeys;
use tidegate_proto::backend::Authentication;
use tidegate_proto::frontend::PasswordMessage;
use tidegate_proto::frontend::SaslInitialResponse;
use tidegate_proto::frontend::SaslResponse;
use tidegate_proto::frontend::tag;
use tidegate_proto::md5::Md5Secret;
use tidegate_proto::scram::Mechanism;
use tidegate_proto::scram::RawNonce;
use tidegate_proto::scram::ScramKeys;
use tidegate_proto::scram::ScramSecret;
use tidegate_proto::scram::ServerFirst;
use tidegate_proto::scram::Verdict;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use crate::message::Message;
use crate::nature::Nature;
use crate::wire::Wire;

/// How a server asks who somebody is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Challenge {
    #[default]
    None,
    Md5,
    Scram,
}

/// `AuthenticationSASL` with the one mechanism.
const SASL: &[u8] = b"\0\0\0\x0aSCRAM-SHA-256\0\0";
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN;

fn password(user: &str) -> String {
    format!("the password of {user}")
}

/// What the configuration knows of a user.
pub(crate) fn md5_secret(user: &str) -> Md5Secret {
    Md5Secret::from_password(password(user).as_bytes(), user.as_bytes())
}

/// What the login of a client to the pooler has revealed.
pub(crate) fn client_keys(user: &str) -> ClientKeys {
    let salt = format!("salt of {user}");
    let keys = ScramKeys::derive(password(user).as_bytes(), salt.as_bytes(), ITERATIONS);
    let secret = ScramSecret::from_keys(&keys, salt.as_bytes(), ITERATIONS).unwrap();
    ClientKeys { keys, secret }
}

/// Somebody who wants to be a user.
pub(crate) struct Applicant<'a> {
    pub(crate) nature: &'a Nature,
    pub(crate) stream: &'a mut Wire,
    pub(crate) user: &'a str,
}

/// The applicant is gone, or the server has died.
#[derive(Debug)]
pub(crate) struct Gone;

impl Applicant<'_> {
    /// Has it prove who it is.
    pub(crate) async fn prove(&mut self) -> Result<(), Gone> {
        match self.nature.weather.challenge {
            Challenge::None => Ok(()),
            Challenge::Md5 => self.prove_by_md5().await,
            Challenge::Scram => self.prove_by_scram().await,
        }
    }

    async fn prove_by_md5(&mut self) -> Result<(), Gone> {
        let salt = u32::try_from(self.nature.between(0, 0xffff_ffff)).unwrap();
        let salt = salt.to_be_bytes();
        let mut question = Vec::new();
        Authentication::Md5Password { salt }
            .encode(&mut question)
            .unwrap();
        let answer = self.ask(&question).await?;
        let answer = PasswordMessage::decode(&answer).unwrap().password;
        self.expect(md5_secret(self.user).is_answered_by(answer, salt));
        Ok(())
    }

    async fn prove_by_scram(&mut self) -> Result<(), Gone> {
        let first = self.ask(&Message::plain(b'R', SASL).0).await?;
        let first = SaslInitialResponse::decode(&first).unwrap();
        self.expect(first.mechanism == Mechanism::ScramSha256.as_str().as_bytes());
        let mut nonce = RawNonce::default();
        self.nature.fill(&mut nonce);
        let server = ServerFirst::new(client_keys(self.user).secret, None, nonce);
        let message = first.response.unwrap();
        let (data, server) = server
            .client_first(Mechanism::ScramSha256, message)
            .unwrap();
        let mut question = Vec::new();
        let next = Authentication::SaslContinue { data: &data };
        next.encode(&mut question).unwrap();
        let last = self.ask(&question).await?;
        let verdict = server.client_final(SaslResponse::decode(&last).response);
        let Ok(Verdict::Verified { server_final, .. }) = verdict else {
            self.expect(false);
            return Err(Gone);
        };
        let mut words = Vec::new();
        let data = server_final.as_slice();
        Authentication::SaslFinal { data }
            .encode(&mut words)
            .unwrap();
        self.say(&words).await
    }

    fn expect(&self, is_right: bool) {
        if !is_right {
            self.nature
                .find(format!("a server hears a wrong proof of {}", self.user));
        }
    }

    /// The body of the answer to a question, unless one of both dies over it.
    async fn ask(&mut self, question: &[u8]) -> Result<Vec<u8>, Gone> {
        self.say(question).await?;
        let mut head = [0; 5];
        self.stream
            .read_exact(&mut head)
            .await
            .map_err(|_gone| Gone)?;
        let [kind, length @ ..] = head;
        if kind != tag::PASSWORD {
            self.nature
                .find(format!("a server hears {} for a proof", char::from(kind)));
            return Err(Gone);
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
        let mut body = vec![0; length - 4];
        self.stream
            .read_exact(&mut body)
            .await
            .map_err(|_gone| Gone)?;
        if self.nature.chance(self.nature.weather.server_deaths / 8) {
            self.nature
                .note(format_args!("a server dies over a proof of {}", self.user));
            self.nature.deaths.set(self.nature.deaths.get() + 1);
            return Err(Gone);
        }
        Ok(body)
    }

    async fn say(&mut self, words: &[u8]) -> Result<(), Gone> {
        self.stream.write_all(words).await.map_err(|_gone| Gone)?;
        self.stream.flush().await.map_err(|_gone| Gone)
    }
}
