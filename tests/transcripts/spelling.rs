//! One line of a transcript as a message of the client.

use std::str::Chars;

use tidegate_harness::wire;
use tidegate_proto::frontend::Bind;
use tidegate_proto::frontend::Close;
use tidegate_proto::frontend::CopyData;
use tidegate_proto::frontend::CopyDone;
use tidegate_proto::frontend::CopyFail;
use tidegate_proto::frontend::Describe;
use tidegate_proto::frontend::Execute;
use tidegate_proto::frontend::Flush;
use tidegate_proto::frontend::Target;

/// A field of a line: `name`, `"text"` or `b"binary"`.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Bare(String),
    Text(Vec<u8>),
    Binary(Vec<u8>),
}

/// Appends the message that a line spells.
pub(crate) fn encode(line: &str, out: &mut Vec<u8>) {
    let words = split(line);
    let Some((Word::Bare(name), fields)) = words.split_first() else {
        panic!("{line}: a message begins with its name");
    };
    let encoded = match (name.as_str(), fields) {
        ("Query", [Word::Text(sql)]) => {
            out.extend(wire::query(sql).unwrap());
            Ok(())
        },
        ("Parse", [Word::Text(name), Word::Text(sql), types @ ..]) => {
            parse(name, sql, types, out);
            Ok(())
        },
        ("Bind", [Word::Text(portal), Word::Text(statement), fields @ ..]) => {
            let rest = &arguments(fields);
            Bind {
                portal,
                statement,
                rest,
            }
            .encode(out)
        },
        ("Describe", [kind, Word::Text(name)]) => Describe {
            target: target(kind, name),
        }
        .encode(out),
        ("Close", [kind, Word::Text(name)]) => Close {
            target: target(kind, name),
        }
        .encode(out),
        ("Execute", [Word::Text(portal), Word::Bare(limit)]) => {
            let row_limit = limit.parse().unwrap();
            Execute { portal, row_limit }.encode(out)
        },
        ("CopyData", [Word::Text(data)]) => CopyData { data }.encode(out),
        ("CopyFail", [Word::Text(reason)]) => CopyFail { reason }.encode(out),
        ("FunctionCall", [Word::Bare(function), fields @ ..]) => {
            call(function.parse().unwrap(), fields, out);
            Ok(())
        },
        (name, []) => {
            bare(name, out);
            Ok(())
        },
        _ => panic!("{line}: not a message"),
    };
    encoded.unwrap();
}

fn bare(name: &str, out: &mut Vec<u8>) {
    match name {
        "Sync" => out.extend(wire::sync()),
        "Flush" => Flush.encode(out),
        "CopyDone" => CopyDone.encode(out),
        "Terminate" => out.extend(wire::terminate()),
        _ => panic!("{name}: not a message"),
    }
}

fn target<'a>(kind: &Word, name: &'a [u8]) -> Target<'a> {
    match kind {
        Word::Bare(kind) if kind == "S" => Target::Statement(name),
        Word::Bare(kind) if kind == "P" => Target::Portal(name),
        Word::Bare(_) | Word::Text(_) | Word::Binary(_) => {
            panic!("{kind:?}: S is a statement, P a portal")
        },
    }
}

fn parse(name: &[u8], sql: &[u8], types: &[Word], out: &mut Vec<u8>) {
    let mut body = [name, b"\0", sql, b"\0"].concat();
    body.extend(u16::try_from(types.len()).unwrap().to_be_bytes());
    for word in types {
        body.extend(number::<u32>(word).to_be_bytes());
    }
    frame(b'P', &body, out);
}

/// What follows the names of a `Bind`: values, then, after `binary`, the results' format.
fn arguments(fields: &[Word]) -> Vec<u8> {
    let results_are_binary = fields.last() == Some(&Word::Bare("binary".to_owned()));
    let values = if results_are_binary {
        &fields[..fields.len() - 1]
    } else {
        fields
    };
    let mut rest = Vec::new();
    push_values(values, &mut rest);
    rest.extend(if results_are_binary {
        &[0, 1, 0, 1][..]
    } else {
        &[0, 0]
    });
    rest
}

fn call(function: u32, fields: &[Word], out: &mut Vec<u8>) {
    let mut body = function.to_be_bytes().to_vec();
    push_values(fields, &mut body);
    // The result is text.
    body.extend([0, 0]);
    frame(b'F', &body, out);
}

/// The formats of values, then the values. Without a binary one no format is told.
fn push_values(values: &[Word], out: &mut Vec<u8>) {
    let is_binary = |value: &Word| matches!(value, Word::Binary(_));
    let count = u16::try_from(values.len()).unwrap().to_be_bytes();
    if values.iter().any(is_binary) {
        out.extend(count);
        out.extend(
            values
                .iter()
                .flat_map(|value| [0, u8::from(is_binary(value))]),
        );
    } else {
        out.extend([0, 0]);
    }
    out.extend(count);
    for value in values {
        match value {
            Word::Text(value) | Word::Binary(value) => {
                out.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
                out.extend(value);
            },
            Word::Bare(word) if word == "null" => out.extend((-1_i32).to_be_bytes()),
            Word::Bare(word) => panic!("{word}: a value is quoted or null"),
        }
    }
}

fn frame(tag: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    out.extend(body);
}

fn number<T: std::str::FromStr>(word: &Word) -> T {
    match word {
        Word::Bare(digits) => digits.parse().ok().expect("a number"),
        Word::Text(_) | Word::Binary(_) => panic!("{word:?}: not a number"),
    }
}

fn split(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let after;
        if let Some(quoted) = rest.strip_prefix('"') {
            let (text, behind) = quoted_text(quoted);
            words.push(Word::Text(text));
            after = behind;
        } else if let Some(quoted) = rest.strip_prefix("b\"") {
            let (binary, behind) = quoted_text(quoted);
            words.push(Word::Binary(binary));
            after = behind;
        } else {
            let (word, more) = rest.split_once(' ').unwrap_or((rest, ""));
            words.push(Word::Bare(word.to_owned()));
            after = more;
        }
        rest = after.trim_start();
    }
    words
}

/// What stands before the closing quote, as often as a number after `*` says, and what follows.
fn quoted_text(quoted: &str) -> (Vec<u8>, &str) {
    let mut characters = quoted.chars();
    let bytes = up_to_quote(&mut characters);
    let behind = characters.as_str();
    let Some(counted) = behind.strip_prefix('*') else {
        return (bytes, behind);
    };
    let (times, behind) = counted.split_once(' ').unwrap_or((counted, ""));
    (
        bytes.repeat(times.parse().expect("a number after `*`")),
        behind,
    )
}

/// `\n`, `\t`, `\\`, `\"` and `\x00` mean what they mean in C.
fn up_to_quote(characters: &mut Chars<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        match characters.next().expect("a text ends with a quote") {
            '"' => return bytes,
            '\\' => match characters.next().expect("something is escaped") {
                'n' => bytes.push(b'\n'),
                't' => bytes.push(b'\t'),
                'x' => {
                    let digits: String = characters.take(2).collect();
                    bytes.push(u8::from_str_radix(&digits, 16).unwrap());
                },
                character => bytes.extend(character.to_string().bytes()),
            },
            character => bytes.extend(character.to_string().bytes()),
        }
    }
}

#[test]
fn words_are_bare_or_quoted() {
    let words = split(r#"Bind "" "a \"b\"\x00\n" b"\x01" null "ab"*3 7"#);
    let bare = |text: &str| Word::Bare(text.to_owned());
    let quoted = |text: &[u8]| Word::Text(text.to_vec());
    let expected = [
        bare("Bind"),
        quoted(b""),
        quoted(b"a \"b\"\0\n"),
        Word::Binary(vec![1]),
        bare("null"),
        quoted(b"ababab"),
        bare("7"),
    ];
    assert_eq!(words, expected);
}
