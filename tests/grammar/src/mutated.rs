//! Statements with their tokens changed at random; what the grammar still takes is worth a look.

use crate::random::Random;

/// What is put in: whatever can begin, end or hide something.
const PIECES: [&str; 70] = [
    "for update",
    "for key share",
    "for share of t",
    "into t",
    "into temp x",
    "f(1)",
    "f ()",
    "pg_notify('a','b')",
    "over(1)",
    "filter(1)",
    "join(1)",
    "join",
    "by(1)",
    "sets(1)",
    "cube(1)",
    "rollup(1)",
    "materialized(1)",
    "varying(1)",
    "zone(1)",
    "ordinality(1)",
    "recursive(1)",
    "operator(1)",
    "as",
    "with",
    "with x(a) as (select 1)",
    "with recursive",
    "distinct on (a)",
    "operator(pg_catalog.+)",
    "lateral",
    "lower",
    "\"lower\"",
    "\"a\"\"lower\"",
    "u&\"lower\"",
    "uescape '!'",
    "public.",
    "pg_catalog.",
    "t.",
    ".",
    ",",
    "(",
    ")",
    "::",
    "+",
    "-",
    "/",
    "/**/",
    "--\n",
    "'a'",
    "e'\\''",
    "$$b$$",
    "$1",
    "1",
    "a",
    "x y",
    "t(a)",
    "any",
    "in",
    "not",
    "case when",
    "then",
    "end",
    "union",
    "select",
    "values (1)",
    "insert into t values (1)",
    "delete from t returning *",
    "update t set a = 1",
    ";",
    "explain",
    "copy (",
];

/// One of these statements, changed in a few places.
pub(crate) fn statement(statements: &[String], random: &mut Random) -> String {
    let text = &statements[random.below(statements.len())];
    let mut tokens = tokens(text);
    for _ in 0..=random.below(3) {
        let at = random.below(tokens.len() + 1);
        match random.below(6) {
            0 if at < tokens.len() => drop(tokens.remove(at)),
            1 if at < tokens.len() => tokens.insert(at, tokens[at].clone()),
            2 if at + 1 < tokens.len() => tokens.swap(at, at + 1),
            3 => {
                // A piece of another one.
                let other = self::tokens(&statements[random.below(statements.len())]);
                let from = random.below(other.len() + 1);
                let taken = random.below(6).min(other.len() - from);
                tokens.splice(at..at, other[from..from + taken].iter().cloned());
            },
            _ => tokens.insert(at, random.one_of(&PIECES).to_owned()),
        }
    }
    tokens.join(random.one_of(&[" ", " ", " /* c */ ", "\n"]))
}

/// The tokens of a statement; those that are longest are taken for one.
fn tokens(text: &str) -> Vec<String> {
    let Ok(scanned) = pg_query::scan(text) else {
        return vec![text.to_owned()];
    };
    let places = scanned.tokens.iter().filter_map(|token| {
        let start = usize::try_from(token.start).ok()?;
        let end = usize::try_from(token.end).ok()?;
        text.get(start..end)
    });
    places.take(200).map(str::to_owned).collect()
}
