//! The first round of what a client has said, before any of it is sent: where it ends, and what it
//! does as a whole.
//!
//! A round is one `Query`, or the messages of the extended protocol up to their `Sync`: all that a
//! server answers with one `ReadyForQuery`.

use tidegate_proto::error::Sender;
use tidegate_proto::frame::FRAME_HEADER_BYTES;
use tidegate_proto::frame::FrameHeader;
use tidegate_proto::frontend::Bind;
use tidegate_proto::frontend::tag as frontend;

use crate::limits::ROUND_BYTES_MAX;
use crate::session::reads::position;
use crate::sql::reads::AccessKind;
use crate::sql::reads::Hint;

/// What a client has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// A round that is there whole.
    Round(Round),
    /// Its end is still to come.
    Part,
    /// Something that is no such round, or too long to be looked at.
    Other,
}

/// One round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Round {
    /// Its length.
    pub(super) bytes: usize,
    /// What it does.
    pub(super) deed: Deed,
    /// Where it wants to go.
    pub(super) hint: Option<Hint>,
    /// It asks what its client must not fall behind.
    pub(super) wants_lsn: bool,
    /// It executes one statement at most: once anything of its reply is there, nothing that comes after
    /// it is another statement's.
    pub(super) is_single: bool,
}

/// What the statements of a round do, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// All of them certainly only read.
    Reads,
    /// It is the beginning of a transaction block that only reads.
    BeginsReadOnly,
    /// It is the beginning of another one.
    Begins,
    /// It ends a block.
    Ends,
    /// It sets a parameter, and neither reads nor writes anything else.
    Sets,
    /// It writes, or may, in the transaction that it is, or stands in, and leaves none open.
    Writes,
    /// Nobody can tell how it leaves the server.
    Unclear,
}

/// What is known of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) struct Facts {
    pub(super) deed: Deed,
    pub(super) hint: Option<Hint>,
    /// It is `SHOW tidegate.lsn`.
    pub(super) wants_lsn: bool,
    /// It is one statement.
    pub(super) is_single: bool,
}

/// What knows statements.
pub(super) trait Known {
    /// What a text does.
    fn text(&self, text: &[u8]) -> Facts;
    /// What a statement does that the client has parsed before, by its name.
    fn statement(&self, name: &[u8]) -> Option<Facts>;
    /// Whether a statement of this name can be taken from server to server: the name, and the text and
    /// types behind it.
    fn can_travel(&self, name: &[u8], rest: &[u8]) -> bool;
}

/// As many statements may get a name in one round and be used in it.
const PARSED_COUNT_MAX: usize = 4;

impl Round {
    /// Reads what a client has said from the beginning of a message.
    pub(super) fn read(bytes: &[u8], known: &impl Known) -> Said {
        let mut reading = Reading::default();
        let mut at = 0;
        while let Some((header, body)) = bytes.get(at..).and_then(message) {
            let is_too_long = at + header.length() as usize >= ROUND_BYTES_MAX;
            if is_too_long || !is_of_a_round(header.tag(), at == 0) {
                return Said::Other;
            }
            if body.len() < header.body_bytes() {
                return Said::Part;
            }
            at += FRAME_HEADER_BYTES + header.body_bytes();
            if reading.message(header.tag(), body, known).is_none() {
                return Said::Other;
            }
            if matches!(header.tag(), frontend::QUERY | frontend::SYNC) {
                return Said::Round(Self {
                    bytes: at,
                    deed: reading.deed.unwrap_or(Deed::Reads),
                    hint: reading.hint,
                    wants_lsn: reading.wants_lsn,
                    is_single: reading.executed <= 1 && !reading.has_several,
                });
            }
        }
        Said::Part
    }
}

/// What of a message is there; `None` if not even its header is.
fn message(bytes: &[u8]) -> Option<(FrameHeader, &[u8])> {
    let header = FrameHeader::parse(Sender::Frontend, bytes).ok()??;
    let body = bytes.get(FRAME_HEADER_BYTES..)?;
    Some((header, body.get(..header.body_bytes()).unwrap_or(body)))
}

/// The messages of a round that is there whole.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (header, body) = message(bytes)?;
        bytes = bytes.get(FRAME_HEADER_BYTES + body.len()..)?;
        Some((header.tag(), body))
    })
}

/// Whether a message may be part of a round that is looked at.
fn is_of_a_round(tag: u8, is_first: bool) -> bool {
    match tag {
        frontend::QUERY => is_first,
        frontend::PARSE
        | frontend::BIND
        | frontend::DESCRIBE
        | frontend::EXECUTE
        | frontend::CLOSE
        | frontend::SYNC => true,
        _ => false,
    }
}

/// A round, while it is read.
#[derive(Debug, Default)]
struct Reading<'a> {
    deed: Option<Deed>,
    hint: Option<Hint>,
    wants_lsn: bool,
    /// How many statements it executes.
    executed: usize,
    /// One of its texts is several.
    has_several: bool,
    /// Statements that the round itself has parsed, by name.
    parsed: [Option<(&'a [u8], Facts)>; PARSED_COUNT_MAX],
}

impl<'a> Reading<'a> {
    /// The next message, which is whole; `None` if nothing can be said of it.
    fn message(&mut self, tag: u8, body: &'a [u8], known: &impl Known) -> Option<()> {
        match tag {
            frontend::QUERY => self.does(known.text(body.strip_suffix(b"\0")?)),
            frontend::PARSE => {
                let (name, rest) = split_at_zero(body)?;
                if !known.can_travel(name, rest) {
                    return None;
                }
                let facts = known.text(split_at_zero(rest)?.0);
                self.parses(name, facts)?;
                self.does(facts);
            },
            frontend::BIND => {
                let name = Bind::decode(body).ok()?.statement;
                let facts = self.facts(name).or_else(|| known.statement(name))?;
                self.does(facts);
            },
            frontend::EXECUTE => self.executed += 1,
            // These do nothing that what they are about does not do.
            _ => {},
        }
        Some(())
    }

    fn parses(&mut self, name: &'a [u8], facts: Facts) -> Option<()> {
        let is_its =
            |place: &&mut Option<(&[u8], Facts)>| place.is_none_or(|(parsed, _)| parsed == name);
        *self.parsed.iter_mut().find(is_its)? = Some((name, facts));
        Some(())
    }

    fn facts(&self, name: &[u8]) -> Option<Facts> {
        let mut parsed = self.parsed.iter().flatten();
        let found = parsed.find(|(parsed, _)| *parsed == name)?;
        Some(found.1)
    }

    fn does(&mut self, facts: Facts) {
        self.deed = Some(match self.deed {
            None => facts.deed,
            // A statement is parsed, and then bound.
            Some(deed) if deed == facts.deed => deed,
            Some(Deed::BeginsReadOnly) if facts.deed == Deed::Reads => Deed::BeginsReadOnly,
            Some(Deed::Reads | Deed::Writes) if facts.deed.is_of_one_transaction() => Deed::Writes,
            Some(_) => Deed::Unclear,
        });
        self.wants_lsn |= facts.wants_lsn;
        self.has_several |= !facts.is_single;
        // Two that disagree cancel each other.
        self.hint = match (self.hint, facts.hint) {
            (Some(one), Some(two)) if one != two => None,
            (one, two) => one.or(two),
        };
    }
}

impl Deed {
    /// What a text does, by its tokens.
    pub(super) fn of(kind: AccessKind, text: &[u8]) -> Self {
        match kind {
            AccessKind::Reads => Self::Reads,
            AccessKind::Begin(modes) if modes.is_read_only && !modes.is_serializable => {
                Self::BeginsReadOnly
            },
            AccessKind::Begin(_) => Self::Begins,
            AccessKind::EndBlock => Self::Ends,
            AccessKind::Primary(_) if is_one_plain_statement(text) => Self::Writes,
            AccessKind::Set => Self::Sets,
            AccessKind::Primary(_) | AccessKind::SetTransaction(_) | AccessKind::InBlock => {
                Self::Unclear
            },
        }
    }

    fn is_of_one_transaction(self) -> bool {
        matches!(self, Self::Reads | Self::Writes)
    }
}

/// Where the first round ends that certainly ends a transaction block, if it is there whole.
pub(super) fn end_of_block(bytes: &[u8], known: &impl Known) -> Option<usize> {
    let mut at = 0;
    while let Some(rest @ [_, ..]) = bytes.get(at..) {
        let may_end = position::may_end(rest);
        match Round::read(rest, known) {
            Said::Round(round) if may_end && round.deed == Deed::Ends => {
                return Some(at + round.bytes);
            },
            Said::Round(round) => at += round.bytes,
            Said::Part | Said::Other => return None,
        }
    }
    None
}

/// Whether a text is certainly one statement: a semicolon that is part of a literal is taken for another
/// one.
pub(super) fn is_one_statement(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let text = text.strip_suffix(b";").unwrap_or(text);
    memchr::memchr(b';', text).is_none()
}

/// Whether a text is certainly one statement that neither begins, ends nor copies anything: behind
/// it the server is ready for whatever comes next.
fn is_one_plain_statement(text: &[u8]) -> bool {
    const PLAIN: [&[u8]; 7] = [
        b"select", b"insert", b"update", b"delete", b"merge", b"with", b"values",
    ];
    let text = text.trim_ascii();
    let text = text.strip_suffix(b";").unwrap_or(text);
    let end = text.iter().position(|byte| !byte.is_ascii_alphabetic());
    let first = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
    let is_plain = PLAIN.iter().any(|word| first.eq_ignore_ascii_case(word));
    is_plain && is_one_statement(text)
}

/// What stands before the first zero byte, and what behind it.
pub(super) fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use tidegate_proto::frontend::Query;

    use super::*;

    /// Knows what texts do by their first letter, and one statement.
    struct Letters;

    impl Known for Letters {
        fn text(&self, text: &[u8]) -> Facts {
            let deed = match text.first() {
                Some(b'r') => Deed::Reads,
                Some(b'w') => Deed::Writes,
                Some(b'b') => Deed::Begins,
                Some(b'o') => Deed::BeginsReadOnly,
                Some(b'e') => Deed::Ends,
                _ => Deed::Unclear,
            };
            let hint = match text.last() {
                Some(b'p') => Some(Hint::Primary),
                Some(b'a') => Some(Hint::Auto),
                _ => None,
            };
            Facts {
                deed,
                hint,
                wants_lsn: false,
                is_single: is_one_statement(text),
            }
        }

        fn can_travel(&self, name: &[u8], _rest: &[u8]) -> bool {
            name != b"fixed"
        }

        fn statement(&self, name: &[u8]) -> Option<Facts> {
            (name == b"known").then(|| self.text(b"r"))
        }
    }

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[tag][..], &length, body].concat()
    }

    fn query(text: &str) -> Vec<u8> {
        let mut message = Vec::new();
        let query = text.as_bytes();
        Query { query }.encode(&mut message).unwrap();
        message
    }

    fn parse(name: &str, text: &str) -> Vec<u8> {
        message(b'P', format!("{name}\0{text}\0\0\0").as_bytes())
    }

    fn bind(name: &str) -> Vec<u8> {
        message(b'B', format!("\0{name}\0\0\0\0\0\0\0").as_bytes())
    }

    fn execute() -> Vec<u8> {
        message(b'E', b"\0\0\0\0\0")
    }

    fn sync() -> Vec<u8> {
        message(b'S', b"")
    }

    fn deed(messages: &[Vec<u8>]) -> Option<Deed> {
        match Round::read(&messages.concat(), &Letters) {
            Said::Round(round) => Some(round.deed),
            Said::Part | Said::Other => None,
        }
    }

    #[test]
    fn a_round_does_what_all_of_its_statements_do() {
        let round = |texts: &[&str]| {
            let executed = texts
                .iter()
                .flat_map(|text| [parse("", text), bind(""), execute()]);
            deed(&executed.chain([sync()]).collect::<Vec<_>>())
        };
        assert_eq!(round(&["r"]), Some(Deed::Reads));
        assert_eq!(round(&["r", "r", "r"]), Some(Deed::Reads));
        assert_eq!(round(&["r", "w", "r"]), Some(Deed::Writes));
        assert_eq!(round(&["b"]), Some(Deed::Begins));
        assert_eq!(round(&["o"]), Some(Deed::BeginsReadOnly));
        assert_eq!(round(&["o", "r", "r"]), Some(Deed::BeginsReadOnly));
        assert_eq!(round(&["o", "w"]), Some(Deed::Unclear));
        assert_eq!(round(&["o", "e"]), Some(Deed::Unclear));
        assert_eq!(round(&["b", "r"]), Some(Deed::Unclear));
        assert_eq!(round(&["r", "b"]), Some(Deed::Unclear));
        assert_eq!(round(&["e", "w"]), Some(Deed::Unclear));
        assert_eq!(round(&["?"]), Some(Deed::Unclear));
        assert_eq!(deed(&[query("w")]), Some(Deed::Writes));
        assert_eq!(deed(&[sync()]), Some(Deed::Reads));
    }

    #[test]
    fn a_name_means_what_the_round_itself_or_the_client_before_it_has_parsed() {
        let used = |name| [bind(name), execute(), sync()];
        assert_eq!(deed(&used("known")), Some(Deed::Reads));
        assert_eq!(deed(&used("unknown")), None);
        let own = [vec![parse("unknown", "r")], used("unknown").to_vec()].concat();
        assert_eq!(deed(&own), Some(Deed::Reads));
        let own = [vec![parse("known", "w")], used("known").to_vec()].concat();
        assert_eq!(deed(&own), Some(Deed::Writes));
        let many = (0..=PARSED_COUNT_MAX).map(|number| parse(&number.to_string(), "r"));
        assert_eq!(deed(&many.chain([sync()]).collect::<Vec<_>>()), None);
    }

    #[test]
    fn a_name_that_stays_with_its_server_is_none_that_is_looked_at() {
        let used = [parse("fixed", "r"), bind("fixed"), execute(), sync()];
        assert_eq!(deed(&used), None);
    }

    #[test]
    fn a_round_is_single_if_it_executes_no_more_than_one_statement() {
        let is_single = |messages: &[Vec<u8>]| match Round::read(&messages.concat(), &Letters) {
            Said::Round(round) => round.is_single,
            Said::Part | Said::Other => panic!("it is a round"),
        };
        let one = [parse("", "r"), bind(""), execute()].concat();
        assert!(is_single(&[sync()]));
        assert!(is_single(&[parse("", "r"), sync()]));
        assert!(is_single(&[one.clone(), sync()]));
        assert!(!is_single(&[one.clone(), one, sync()]));
        assert!(is_single(&[query("r;")]));
        assert!(!is_single(&[query("r; r")]));
    }

    #[test]
    fn what_comes_behind_the_end_of_a_block_is_told_from_the_block() {
        let (commit, more) = (query("end"), [query("r"), query("w")].concat());
        let end = |bytes: &[u8]| end_of_block(bytes, &Letters);
        assert_eq!(end(&commit), Some(commit.len()));
        let both = [more.clone(), commit.clone()].concat();
        assert_eq!(end(&both), Some(both.len()));
        assert_eq!(
            end(&[both.clone(), more.clone()].concat()),
            Some(both.len())
        );
        assert_eq!(end(&more), None);
        assert_eq!(end(&commit[..commit.len() - 1]), None);
        assert_eq!(end(b""), None);
    }

    #[test]
    fn a_round_ends_with_its_sync_or_its_query_and_is_no_round_before_that() {
        let whole = [parse("", "r"), bind(""), execute(), sync()].concat();
        let more = [whole.clone(), query("w")].concat();
        for end in 0..whole.len() {
            assert_eq!(Round::read(&more[..end], &Letters), Said::Part, "{end}");
        }
        for end in whole.len()..=more.len() {
            let Said::Round(round) = Round::read(&more[..end], &Letters) else {
                panic!("it is there whole");
            };
            assert_eq!((round.bytes, round.deed), (whole.len(), Deed::Reads));
        }
    }

    #[test]
    fn what_is_no_round_or_too_long_is_told_as_soon_as_it_shows() {
        let other = |bytes: &[u8]| assert_eq!(Round::read(bytes, &Letters), Said::Other);
        other(&message(b'X', b""));
        other(&message(b'd', b"data"));
        other(&[parse("", "r"), query("r")].concat());
        other(&[parse("", "r"), message(b'H', b"")].concat());
        let length = u32::try_from(ROUND_BYTES_MAX).unwrap().to_be_bytes();
        other(&[&b"Q"[..], &length].concat());
        // A text that does not end.
        other(&message(b'Q', b"r"));
        other(&message(b'P', b"name"));
    }

    #[test]
    fn of_two_wishes_that_disagree_none_counts() {
        let hint = |texts: [&str; 2]| {
            let messages = [parse("a", texts[0]), parse("b", texts[1]), sync()];
            match Round::read(&messages.concat(), &Letters) {
                Said::Round(round) => round.hint,
                Said::Part | Said::Other => panic!("it is a round"),
            }
        };
        assert_eq!(hint(["r", "r"]), None);
        assert_eq!(hint(["r p", "r"]), Some(Hint::Primary));
        assert_eq!(hint(["r p", "r p"]), Some(Hint::Primary));
        assert_eq!(hint(["r p", "r a"]), None);
    }

    #[test]
    fn one_statement_that_begins_like_a_query_is_plain() {
        for text in [
            "select 1",
            " INSERT into t values (1);\n",
            "With a as (select 1) delete from t",
        ] {
            assert!(is_one_plain_statement(text.as_bytes()), "{text}");
        }
        for text in [
            "copy t from stdin",
            "call p()",
            "insert into t values (1); copy t from stdin",
            "selects",
            "/* select */ call p()",
            "",
        ] {
            assert!(!is_one_plain_statement(text.as_bytes()), "{text}");
        }
    }
}
