//! What a parse tree shows: whether anything in it writes.
//!
//! The tree is walked as JSON, every part of it, so that no kind of node can be forgotten.

use pg_query::protobuf::ParseResult;
use serde_json::Value;

use crate::sql::reads::AccessKind;
use crate::sql::reads::FunctionEffect;
use crate::sql::reads::Functions;
use crate::tally::FUNCTIONS;

/// What the tree shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It writes, or may, by this.
    Writes(String),
    /// It only reads.
    Reads {
        /// All statements are `SELECT`, `VALUES` or `TABLE`.
        is_select: bool,
    },
}

/// What a whole text does.
pub(crate) fn verdict(parsed: &ParseResult) -> Verdict {
    let tree = serde_json::to_value(parsed).expect("a tree is made of plain values");
    let mut is_select = true;
    for statement in statements(&tree) {
        let Some((kind, body)) = node(statement) else {
            return Verdict::Writes("a statement without a node".to_owned());
        };
        let reads = match kind {
            "SelectStmt" => true,
            "VariableShowStmt" => true,
            "ExplainStmt" => {
                let query = node(&body["query"]).map(|(kind, _)| kind);
                query == Some("SelectStmt") && !has_option(body, "analyze")
            },
            "CopyStmt" => {
                body["is_from"] == false && body["is_program"] == false && body["filename"] == ""
            },
            _ => false,
        };
        is_select &= kind == "SelectStmt";
        if !reads {
            return Verdict::Writes(kind.to_owned());
        }
        if let Some(write) = write_in(body) {
            return Verdict::Writes(write);
        }
    }
    Verdict::Reads { is_select }
}

/// Whether the text is the one statement that it was taken for.
pub(crate) fn is_control(parsed: &ParseResult, kind: AccessKind) -> bool {
    let tree = serde_json::to_value(parsed).expect("a tree is made of plain values");
    let statements: Vec<&Value> = statements(&tree).collect();
    let [statement] = statements[..] else {
        return false;
    };
    let Some((name, body)) = node(statement) else {
        return false;
    };
    let has = |parameter: &str, value: &str| {
        let all = body["options"]
            .as_array()
            .into_iter()
            .chain(body["args"].as_array());
        all.flatten().filter_map(node).any(|(_, option)| {
            option["defname"] == parameter && option["arg"].to_string().contains(value)
        })
    };
    let modes = match kind {
        AccessKind::Begin(modes) | AccessKind::SetTransaction(modes) => modes,
        _ => Default::default(),
    };
    let modes_hold = modes.is_read_only <= has("transaction_read_only", "\"Ival\":{\"ival\":1}")
        && modes.is_serializable == has("transaction_isolation", "serializable");
    // Numbered as in `TransactionStmtKind`, 0 being none: 1 and 2 begin, 3 commits, 4 rolls back.
    let number = body["kind"].as_i64().unwrap_or_default();
    let chains = body["chain"] == true;
    match kind {
        AccessKind::Begin(_) => name == "TransactionStmt" && matches!(number, 1 | 2) && modes_hold,
        AccessKind::EndBlock => name == "TransactionStmt" && matches!(number, 3 | 4) && !chains,
        AccessKind::InBlock => name == "TransactionStmt" && (chains || matches!(number, 5..=7)),
        AccessKind::SetTransaction(_) => {
            name == "VariableSetStmt" && body["name"] == "TRANSACTION" && modes_hold
        },
        AccessKind::Set => name == "VariableSetStmt" && body["name"] != "TRANSACTION",
        AccessKind::Reads | AccessKind::Primary(_) => false,
    }
}

fn statements(tree: &Value) -> impl Iterator<Item = &Value> {
    let all = tree["stmts"].as_array().into_iter().flatten();
    all.map(|statement| &statement["stmt"])
}

/// The kind and the body of a node.
fn node(value: &Value) -> Option<(&str, &Value)> {
    let (kind, body) = value["node"].as_object()?.iter().next()?;
    Some((kind, body))
}

fn has_option(body: &Value, name: &str) -> bool {
    let options = body["options"].as_array().into_iter().flatten();
    options
        .filter_map(node)
        .any(|(_, option)| option["defname"] == name)
}

/// What writes anywhere in a part of the tree.
fn write_in(value: &Value) -> Option<String> {
    match value {
        Value::Array(values) => values.iter().find_map(write_in),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let is_write = match name.as_str() {
                "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt" | "LockingClause" => true,
                "into_clause" => !value.is_null(),
                "FuncCall" => is_write(&value["funcname"]),
                "RangeTableSample" => is_write(&value["method"]),
                _ => false,
            };
            if is_write {
                Some(
                    format!("{name} {}", value["funcname"])
                        .chars()
                        .take(90)
                        .collect(),
                )
            } else {
                write_in(value)
            }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Whether a function of this name, which may have a schema, may write.
fn is_write(names: &Value) -> bool {
    let names = names.as_array().into_iter().flatten();
    let names: Vec<&str> = names
        .filter_map(|name| node(name)?.1["sval"].as_str())
        .collect();
    let (schema, name) = match names[..] {
        [name] => (None, name),
        [schema, name] => (Some(schema.as_bytes()), name),
        _ => return true,
    };
    let effect = FUNCTIONS().effect(schema, name.as_bytes());
    matches!(effect, FunctionEffect::Writes | FunctionEffect::Unknown)
}
