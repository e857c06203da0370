//! What the clients of a load do: the kinds of transactions, and their bytes.

use clap::ValueEnum;
use tidegate_proto::fields::ObjectIds;
use tidegate_proto::frontend::Bind;
use tidegate_proto::frontend::Describe;
use tidegate_proto::frontend::Execute;
use tidegate_proto::frontend::Parse;
use tidegate_proto::frontend::Query;
use tidegate_proto::frontend::Sync;
use tidegate_proto::frontend::Target;

use super::mark::Mark;
use super::random::Random;
use super::replies::Replies;
use crate::error::RigError;
use crate::tables;

/// Queries in one batch of [`Kind::Pipelined`], and of [`Kind::Burst`].
const BATCH: u32 = 10;
const BURST: u32 = 100;

/// One in so many of [`Kind::Mixed`] writes.
const READS_PER_WRITE: u32 = 10;

const STATEMENT: &[u8] = b"balance";
const PARAMETRIC: &[u8] = b"SELECT abalance FROM pgbench_accounts WHERE aid = $1";

/// A kind of transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// `Query`.
    Simple,
    /// Unnamed `Parse`, `Bind`, `Describe`, `Execute`, `Sync`.
    Extended,
    /// `Parse` once; then `Bind`, `Execute`, `Sync`.
    Prepared,
    /// Ten times what `extended` says, with one `Sync`.
    Pipelined,
    /// A hundred times `Query` in one write, always the same: what comes back is not checked, so
    /// that the generator costs next to nothing.
    Burst,
    /// Log in, one `Query`, leave.
    Login,
    /// One `Query` that writes into the client's own row.
    Update,
    /// One `Query`: mostly the client reads its own row, sometimes it writes there.
    Mixed,
    /// One query, given with `--query`, whose rows are counted.
    Text,
    /// `COPY … TO STDOUT`, given with `--query`.
    CopyOut,
    /// `COPY … FROM STDIN`, given with `--query`.
    CopyIn,
}

impl Kind {
    /// How many queries one round trip of it is.
    pub(super) fn queries(self) -> u32 {
        match self {
            Self::Pipelined => BATCH,
            Self::Burst => BURST,
            Self::Simple | Self::Extended | Self::Prepared | Self::Login => 1,
            Self::Update | Self::Mixed => 1,
            Self::Text | Self::CopyOut | Self::CopyIn => 1,
        }
    }
}

/// What the clients of one load ask for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// How.
    pub(super) kind: Kind,
    /// Accounts are 1 to this.
    pub(super) accounts: u32,
    /// Whether answers are checked, which one that nobody computed cannot be.
    pub(super) is_checked: bool,
    /// The query of the kinds that are given one.
    pub(super) text: String,
}

impl Request {
    /// What is sent once, before the first transaction, if anything: a statement to be prepared, or what the
    /// client's row begins with.
    ///
    /// # Errors
    /// None that happens.
    pub(super) fn preparation(&self, mark: &Mark, output: &mut Vec<u8>) -> Result<(), RigError> {
        match self.kind {
            Kind::Prepared => {
                parse(STATEMENT, output)?;
                Sync.encode(output);
            },
            Kind::Update | Kind::Mixed => query(&mark.write(), output)?,
            Kind::Simple | Kind::Extended | Kind::Pipelined | Kind::Burst | Kind::Login => {},
            Kind::Text | Kind::CopyOut | Kind::CopyIn => {},
        }
        Ok(())
    }

    /// Appends one transaction, tells `replies` what to expect, and says whether it writes among others
    /// that read.
    ///
    /// # Errors
    /// If the text has a zero byte.
    pub(super) fn compose(
        &self,
        random: &mut Random,
        mark: &mut Mark,
        replies: &mut Replies,
        output: &mut Vec<u8>,
    ) -> Result<bool, RigError> {
        replies.expect(1);
        match self.kind {
            Kind::Simple | Kind::Login => {
                let account = self.account(random, replies);
                let text = format!("SELECT abalance FROM pgbench_accounts WHERE aid = {account}");
                query(&text, output)?;
            },
            Kind::Burst => {
                replies.expect(BURST);
                for _ in 0..BURST {
                    query(
                        "SELECT abalance FROM pgbench_accounts WHERE aid = 1",
                        output,
                    )?;
                }
            },
            Kind::Extended | Kind::Pipelined => {
                for _ in 0..self.kind.queries() {
                    let account = self.account(random, replies);
                    parse(b"", output)?;
                    bind(b"", account, output)?;
                    let target = Target::Portal(b"");
                    Describe { target }.encode(output)?;
                    execute(output)?;
                }
                Sync.encode(output);
            },
            Kind::Prepared => {
                let account = self.account(random, replies);
                bind(STATEMENT, account, output)?;
                execute(output)?;
                Sync.encode(output);
            },
            Kind::Update => query(&mark.write_next(), output)?,
            Kind::Mixed if random.below(READS_PER_WRITE) == 0 => {
                query(&mark.write_next(), output)?;
                return Ok(true);
            },
            Kind::Mixed => {
                if self.is_checked {
                    replies.expect_balance(mark.value());
                }
                query(&mark.read(), output)?;
            },
            Kind::Text | Kind::CopyOut | Kind::CopyIn => query(&self.text, output)?,
        }
        Ok(false)
    }

    fn account(&self, random: &mut Random, replies: &mut Replies) -> u32 {
        let account = random.below(self.accounts) + 1;
        if self.is_checked {
            replies.expect_balance(tables::balance(account));
        }
        account
    }
}

fn query(text: &str, output: &mut Vec<u8>) -> Result<(), RigError> {
    let query = text.as_bytes();
    Ok(Query { query }.encode(output)?)
}

fn parse(statement: &[u8], output: &mut Vec<u8>) -> Result<(), RigError> {
    let parse = Parse {
        statement,
        query: PARAMETRIC,
        parameter_types: ObjectIds::default(),
    };
    Ok(parse.encode(output)?)
}

/// One parameter as text, results as text.
fn bind(statement: &[u8], account: u32, output: &mut Vec<u8>) -> Result<(), RigError> {
    let value = account.to_string();
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    let mut rest = vec![0, 0, 0, 1];
    rest.extend_from_slice(&length.to_be_bytes());
    rest.extend_from_slice(value.as_bytes());
    rest.extend_from_slice(&[0, 0]);
    let bind = Bind {
        portal: b"",
        statement,
        rest: &rest,
    };
    Ok(bind.encode(output)?)
}

fn execute(output: &mut Vec<u8>) -> Result<(), RigError> {
    let execute = Execute {
        portal: b"",
        row_limit: 0,
    };
    Ok(execute.encode(output)?)
}

#[cfg(test)]
mod tests {
    use tidegate_proto::error::Sender;
    use tidegate_proto::frame::Frame;

    use super::*;

    fn request(kind: Kind) -> Request {
        Request {
            kind,
            accounts: 10,
            is_checked: true,
            text: "COPY sink FROM STDIN".to_owned(),
        }
    }

    fn tags(kind: Kind) -> String {
        let (mut output, mut tags) = (Vec::new(), String::new());
        let mut replies = Replies::default();
        let (mut random, mut mark) = (Random::new(1), Mark::of(1));
        request(kind)
            .compose(&mut random, &mut mark, &mut replies, &mut output)
            .unwrap();
        let mut bytes = &output[..];
        while let Some((frame, rest)) = Frame::split(Sender::Frontend, bytes).unwrap() {
            tags.push(char::from(frame.header.tag()));
            bytes = rest;
        }
        tags
    }

    #[test]
    fn each_kind_says_what_its_name_says() {
        assert_eq!(tags(Kind::Simple), "Q");
        assert_eq!(tags(Kind::Extended), "PBDES");
        assert_eq!(tags(Kind::Prepared), "BES");
        assert_eq!(tags(Kind::Pipelined), format!("{}S", "PBDE".repeat(10)));
        assert_eq!(tags(Kind::Burst), "Q".repeat(100));
        assert_eq!(tags(Kind::CopyIn), "Q");
    }

    #[test]
    fn one_in_ten_of_a_mixed_load_writes_and_what_follows_expects_that() {
        let request = request(Kind::Mixed);
        let (mut random, mut mark) = (Random::new(1), Mark::of(7));
        let (mut writes, mut replies) = (0, Replies::default());
        for _ in 0..1_000 {
            let (mut output, before) = (Vec::new(), mark.value());
            let is_write = request.compose(&mut random, &mut mark, &mut replies, &mut output);
            let is_write = is_write.unwrap();
            writes += u32::from(is_write);
            let text = String::from_utf8_lossy(&output);
            assert!(text.contains("client = 7"), "{text}");
            assert_eq!(text.contains("UPDATE"), is_write);
            assert_eq!(mark.value(), before + u32::from(is_write));
        }
        assert!((70..130).contains(&writes), "{writes}");
    }
}
