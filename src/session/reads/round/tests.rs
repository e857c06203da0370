//! What a round is, where it ends, and what it does.

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
            Some(b'e') if text.contains(&b';') => Deed::Unclear,
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
            ends_first: text.starts_with(b"e;"),
            precedes_writes: text == b"r before w",
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
    assert_eq!(round(&["b", "r"]), Some(Deed::BeginsReads));
    assert_eq!(round(&["b", "r", "r"]), Some(Deed::BeginsReads));
    assert_eq!(round(&["b", "r", "w"]), Some(Deed::Unclear));
    assert_eq!(round(&["b", "r", "b"]), Some(Deed::Unclear));
    assert_eq!(round(&["r", "b"]), Some(Deed::Unclear));
    assert_eq!(round(&["e", "w"]), Some(Deed::Unclear));
    assert_eq!(round(&["?"]), Some(Deed::Unclear));
    assert_eq!(deed(&[query("w")]), Some(Deed::Writes));
    assert_eq!(deed(&[sync()]), Some(Deed::Reads));
}

#[test]
fn what_is_only_parsed_neither_begins_a_block_nor_ends_one() {
    let round = |messages: &[Vec<u8>]| match Round::read(&messages.concat(), &Letters) {
        Said::Round(round) => round,
        Said::Part | Said::Other => panic!("it is one"),
    };
    let done = |text: &str| vec![parse("", text), bind(""), execute()];
    let said = |messages: Vec<Vec<u8>>| round(&[messages, vec![sync()]].concat());
    let read = said([vec![parse("c", "e")], done("r")].concat());
    assert!(!read.ends_first, "the block goes on");
    assert!(said([done("e"), done("w")].concat()).ends_first);
    for begin in ["b", "o"] {
        let only_parsed = said([vec![parse("c", begin)], done("r")].concat());
        assert_eq!(only_parsed.deed, Deed::Unclear);
        let parsed_before = [vec![parse("c", "r")], done(begin)].concat();
        assert_eq!(said(parsed_before).deed, Deed::Unclear);
    }
    for only_parsed in ["b", "o", "e"] {
        assert_eq!(said(vec![parse("c", only_parsed)]).deed, Deed::Sets);
    }
    let parsed_before = vec![parse("c", "e"), parse("d", "w"), bind("c"), execute()];
    assert!(said(parsed_before).ends_first);
    let bound_only = said(vec![parse("", "e"), bind(""), parse("c", "w")]);
    assert!(!bound_only.ends_first);
    assert!(!round(&[sync()]).has_statement);
    assert!(said(done("r")).has_statement);
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
    let reach = |bytes: &[u8]| Reach::of(bytes, &Letters);
    assert_eq!(reach(&commit), Reach::Until(commit.len()));
    let both = [more.clone(), commit.clone()].concat();
    assert_eq!(reach(&both), Reach::Until(both.len()));
    assert_eq!(
        reach(&[both.clone(), more.clone()].concat()),
        Reach::Until(both.len())
    );
    assert_eq!(reach(&more), Reach::All);
    assert_eq!(reach(b""), Reach::All);
}

#[test]
fn a_round_that_ends_a_block_and_goes_on_is_not_of_the_block() {
    let goes_on = query("e; w");
    let reach = |bytes: &[u8]| Reach::of(bytes, &Letters);
    assert_eq!(reach(&goes_on), Reach::GoesOnAt(0));
    let before = query("r");
    let both = [before.clone(), goes_on.clone(), query("w")].concat();
    assert_eq!(reach(&both), Reach::GoesOnAt(before.len()));
    let executed = ["e", "w"]
        .iter()
        .flat_map(|text| [parse("", text), bind(""), execute()]);
    let pipeline: Vec<_> = executed.chain([sync()]).collect();
    assert_eq!(reach(&pipeline.concat()), Reach::GoesOnAt(0));
    for end in 6..goes_on.len() {
        assert_eq!(reach(&goes_on[..end]), Reach::UnsaidAt(0), "{end}");
    }
    let part = [&before[..], &goes_on[..7]].concat();
    assert_eq!(reach(&part), Reach::UnsaidAt(before.len()));
    assert_eq!(reach(&query("w")[..6]), Reach::All);
}

#[test]
fn a_beginning_that_wrote_later_is_known_wherever_it_stands_in_its_round() {
    let precedes = |messages: &[Vec<u8>]| match Round::read(&messages.concat(), &Letters) {
        Said::Round(round) => round.precedes_writes,
        Said::Part | Said::Other => panic!("it is a round"),
    };
    assert!(!precedes(&[query("r")]));
    assert!(precedes(&[query("r before w")]));
    assert!(precedes(&[
        parse("", "b"),
        bind(""),
        parse("", "r before w"),
        sync()
    ]));
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
