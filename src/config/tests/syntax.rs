//! Text that is not TOML, or not a configuration at all.

use crate::config::Nowhere;
use crate::config::load_from;
use crate::config::parse;
use crate::config::tests::LISTENER;
use crate::config::tests::Sample;
use crate::config::tests::TENANT;
use crate::config::tests::mistakes;

#[test]
fn every_error_of_syntax_is_told_with_its_place() {
    let found = mistakes(&format!(
        "[node]\nworkers =\nregion = \"x\nrefusals = named\n{LISTENER}{TENANT}"
    ));
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("2:10: not TOML: "), "{found:#?}");
    assert!(found[1].starts_with("3:"), "{found:#?}");
    assert!(found[2].starts_with("4:12: "), "{found:#?}");
}

#[test]
fn what_was_understood_is_checked_in_the_same_go() {
    let found = mistakes(&format!(
        "[node]\nregion = \"x\nworkerz = 1\n{LISTENER}{TENANT}"
    ));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(
        found[1],
        "3:1: node.workerz: unknown key; did you mean `workers`?"
    );
}

#[test]
fn nothing_is_called_missing_after_an_error_of_syntax() {
    let found = mistakes("[[listener]]\nname = \"main\naddress = \"127.0.0.1:6432\"\n");
    assert_eq!(found.len(), 1, "{found:#?}");
}

#[test]
fn a_key_given_twice_is_refused() {
    let found = mistakes(&format!(
        "[node]\nworkers = 1\nworkers = 2\n{LISTENER}{TENANT}"
    ));
    assert_eq!(found, ["3:1: not TOML: duplicate key"]);
}

#[test]
fn an_empty_file_is_refused_for_want_of_a_listener() {
    let found = mistakes("");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("1:1: listener: required"),
        "{found:#?}"
    );
}

#[test]
fn a_file_that_is_not_there_is_told_without_a_line() {
    let refused = load_from(std::path::Path::new("absent.toml"), &Nowhere).expect_err("absent");
    let lines: Vec<String> = refused
        .report
        .mistakes
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        lines,
        ["absent.toml: cannot read absent.toml: entity not found"]
    );
    assert_eq!(
        refused.to_string(),
        "the configuration is refused: absent.toml: cannot read absent.toml: entity not found"
    );
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    let mut sample = Sample::default();
    sample
        .files
        .insert("/etc/c.toml".into(), b"# \xff\n".to_vec());
    let refused = load_from(std::path::Path::new("/etc/c.toml"), &sample).expect_err("not text");
    assert!(
        refused.report.mistakes[0]
            .to_string()
            .contains("not UTF-8 text at byte 2")
    );
}

#[test]
fn text_by_itself_sees_no_environment() {
    let text = format!("{LISTENER}{TENANT}[tenant.databases]\na = \"${{PATH}}\"\n");
    let refused = parse(&text).expect_err("a variable");
    assert_eq!(refused.report.mistakes.len(), 1);
}

#[test]
fn a_byte_order_mark_and_line_ends_of_windows_do_no_harm() {
    let text = format!("\u{feff}{LISTENER}{TENANT}").replace('\n', "\r\n");
    assert_eq!(mistakes(&text), [""; 0]);
}

#[test]
fn a_mistake_is_one_line_whatever_the_file_holds() {
    let text = "\"a\\nb\\u001b\" = 1\n[node]\ninclude_tenants = \"x\\ny\"\nmock_key = { env = \"A\\nB\" }\n";
    let found = mistakes(&format!("{text}{LISTENER}name2 = \"\"\n{TENANT}"));
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(
        found.iter().all(|line| !line.contains(char::is_control)),
        "{found:#?}"
    );
    assert_eq!(found[0], "1:1: a\\nb\\u{1b}: unknown key");
}

#[test]
fn an_error_tells_a_few_mistakes_in_one_line_and_counts_the_others() {
    let keys: Vec<String> = (0..30).map(|number| format!("x{number} = 1\n")).collect();
    let keys = keys.concat();
    let refused = parse(&format!("{keys}{LISTENER}{TENANT}")).expect_err("unknown keys");
    assert_eq!(refused.report.mistakes.len(), 30);
    let text = refused.to_string();
    assert!(text.contains("config.toml:1:1: x0: unknown key; ") && text.ends_with("; and 10 more"));
    assert!(!text.contains('\n'));
}
