//! The level of the log.

use crate::config::tests::LISTENER;
use crate::config::tests::TENANT;
use crate::config::tests::mistakes;

fn level(text: &str) -> Vec<String> {
    mistakes(&format!("[log]\nlevel = \"{text}\"\n{LISTENER}{TENANT}"))
}

#[test]
fn a_level_may_be_given_by_module() {
    for filter in [
        "off",
        "error",
        "trace",
        "info,tidegate::pool=debug",
        "tidegate=warn",
    ] {
        assert_eq!(level(filter), [""; 0], "{filter}");
    }
}

#[test]
fn a_misspelt_level_is_refused() {
    for filter in [
        "",
        "inof",
        "INFO ",
        "info,",
        "info, debug",
        "tidegate",
        "tidegate=",
        "=info",
        "tidegate=inof",
        "a=b=c",
    ] {
        assert_eq!(level(filter).len(), 1, "{filter}");
    }
}
