//! The documented file `config/tidegate.toml`, made of the rows of every section.
//!
//! A setting that is not in a section listed here is undocumented, and a test says so.

use crate::config::sections::auth_query::AuthQuery;
use crate::config::sections::console::Console;
use crate::config::sections::console::ConsoleUser;
use crate::config::sections::endpoint::Endpoint;
use crate::config::sections::http::Http;
use crate::config::sections::listener::Listener;
use crate::config::sections::log::Log;
use crate::config::sections::network::Network;
use crate::config::sections::node::Node;
use crate::config::sections::pool_settings::PoolSettings;
use crate::config::sections::server_tls::ServerTlsRows;
use crate::config::sections::sleep::Sleep;
use crate::config::sections::tenant::Tenant;
use crate::config::sections::user::User;
use crate::config::setting::Change;
use crate::config::setting::Presence;
use crate::config::setting::Row;
use crate::config::setting::Setting;
use crate::config::setting::Settings;

/// What stands before the first section.
const PREFACE: &str = "\
Every setting of Tidegate, with its unit and its default. Lines that begin with `#key =` are
examples of settings that have no default. `tidegate check FILE` tells every mistake of a file.

Durations are text with a unit (\"500ms\", \"5s\", \"1h 30m\") or a plain number of seconds. Paths
are relative to the file in which they stand. In every text ${NAME} stands for the environment
variable of that name and ${NAME:-text} gives the text for one that is unset or empty; $${ stands
for the characters ${. A secret is a text, { file = \"path\" } or { env = \"NAME\" }.

Reload with SIGHUP, or RELOAD in the console: all of a file or nothing of it.
";

/// One section as the documentation shows it.
struct Documented {
    header: &'static str,
    doc: &'static [&'static str],
    settings: &'static [Setting],
    rows: fn() -> Vec<Row>,
    /// Whether the file shows it as a comment, because without it something is off.
    is_example: bool,
}

fn documented<T: Settings>(is_example: bool) -> Documented {
    Documented {
        header: T::HEADER,
        doc: T::DOC,
        settings: T::ROWS,
        rows: || T::default().rows(),
        is_example,
    }
}

/// Every section, in the order of the documentation.
fn sections() -> [Documented; 14] {
    [
        documented::<Node>(false),
        documented::<Log>(false),
        documented::<Http>(true),
        documented::<Console>(true),
        documented::<ConsoleUser>(true),
        documented::<PoolSettings>(false),
        documented::<Listener>(false),
        documented::<Tenant>(false),
        documented::<Network>(false),
        documented::<AuthQuery>(true),
        documented::<Sleep>(true),
        documented::<Endpoint>(false),
        documented::<ServerTlsRows>(false),
        documented::<User>(false),
    ]
}

/// The sections that have a setting of this name, in words.
pub(in crate::config) fn sections_with(name: &str) -> Option<String> {
    let has = |section: &Documented| section.settings.iter().any(|setting| setting.name == name);
    let headers: Vec<&str> = sections()
        .into_iter()
        .filter(has)
        .map(|section| section.header)
        .collect();
    (!headers.is_empty()).then(|| headers.join(" or "))
}

/// The documented file.
pub fn documented_file() -> String {
    let mut file = String::new();
    comment(&mut file, PREFACE.lines());
    for section in sections() {
        file.push('\n');
        comment(&mut file, section.doc.iter().map(|line| line.trim()));
        let mark = if section.is_example { "#" } else { "" };
        line(&mut file, &format!("{mark}{}", section.header));
        for row in (section.rows)() {
            file.push('\n');
            write_row(&mut file, &row, section.is_example);
        }
    }
    file
}

fn write_row(file: &mut String, row: &Row, is_example: bool) {
    let setting = row.setting;
    comment(file, setting.doc.iter().map(|line| line.trim()));
    let words = row.words.join(", ");
    let kind = if words.is_empty() {
        setting.unit.to_owned()
    } else {
        words
    };
    let mut facts = vec![kind];
    facts.extend(row.bounds.clone());
    match setting.presence {
        Presence::Optional => {},
        Presence::Required => facts.push("required".to_owned()),
        Presence::Inherited => facts.push("a default for all may stand in [pool]".to_owned()),
    }
    if setting.change == Change::Restart {
        facts.push("a change needs a restart".to_owned());
    }
    let is_required = setting.presence == Presence::Required;
    let default = row.toml.as_ref().filter(|_| !is_required);
    let value = match (default, setting.example) {
        (Some(_), Some(example)) if is_example => example,
        (Some(default), Some(example)) => {
            facts.push(format!("for example {example}"));
            default
        },
        (Some(default), None) => default,
        (None, example) => example.unwrap_or_default(),
    };
    comment(file, [format!("({})", facts.join("; ")).as_str()]);
    // An example that is no default would change the file that shows the defaults.
    let mark = if is_example || (default.is_none() && !is_required) {
        "#"
    } else {
        ""
    };
    line(file, &format!("{mark}{} = {value}", setting.name));
}

fn comment<'a>(file: &mut String, lines: impl IntoIterator<Item = &'a str>) {
    for text in lines {
        line(file, format!("# {text}").trim_end());
    }
}

fn line(file: &mut String, text: &str) {
    file.push_str(text);
    file.push('\n');
}
