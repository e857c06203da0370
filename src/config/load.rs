//! Loads a configuration: one file, and the folder of tenant files it may name.
//!
//! It is used whole or not at all: one mistake anywhere and there is no [`Config`].

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use crate::config::Config;
use crate::config::reading::finding::Finding;
use crate::config::reading::finding::Place;
use crate::config::reading::finding::Refused;
use crate::config::reading::finding::Report;
use crate::config::reading::loading::Loading;
use crate::config::reading::problem::Problem;
use crate::config::reading::section::Section;
use crate::config::reading::source::Source;
use crate::config::reading::suggestion;
use crate::config::reading::surroundings::Machine;
use crate::config::reading::surroundings::Nowhere;
use crate::config::reading::surroundings::Surroundings;
use crate::config::reading::value::SettingValue;
use crate::config::sections::console::Console;
use crate::config::sections::defaults::Defaults;
use crate::config::sections::http::Http;
use crate::config::sections::listener::Listener;
use crate::config::sections::log::Log;
use crate::config::sections::names::Names;
use crate::config::sections::node::Node;
use crate::config::setting::Scope;
use crate::config::setting::Settings;
use crate::config::tenant_files;
use crate::config::tenant_files::Tenants;

/// A configuration without mistakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What should be looked at all the same.
    pub warnings: Vec<Finding>,
}

/// Loads a file with the files and environment variables of this machine.
///
/// # Errors
/// [`Refused`] with every mistake: the operator's fault.
pub fn load(path: &Path) -> Result<Loaded, Refused> {
    load_from(path, &Machine)
}

/// Loads text that stands by itself: without environment variables and other files.
///
/// # Errors
/// [`Refused`] with every mistake: the operator's fault.
pub fn parse(text: &str) -> Result<Loaded, Refused> {
    parse_in(Path::new("config.toml"), text, &Nowhere)
}

/// Loads a file in the given surroundings.
///
/// # Errors
/// [`Refused`] with every mistake: the operator's fault.
pub fn load_from(path: &Path, surroundings: &dyn Surroundings) -> Result<Loaded, Refused> {
    match read_text(path, surroundings) {
        Ok(text) => parse_in(path, &text, surroundings),
        Err(problem) => {
            let finding = Finding {
                place: Place::file(path),
                key: String::new(),
                problem,
            };
            Err(Refused {
                report: Report {
                    mistakes: vec![finding],
                    warnings: Vec::new(),
                },
            })
        },
    }
}

fn parse_in(path: &Path, text: &str, surroundings: &dyn Surroundings) -> Result<Loaded, Refused> {
    let source = Source::new(path, text.to_owned());
    let report = RefCell::new(Report::default());
    let loading = Loading {
        source: &source,
        surroundings,
        report: &report,
    };
    let config = read_table(loading, |root| read_config(root, loading));
    let mut report = report.into_inner();
    report.settle();
    if report.mistakes.is_empty() {
        Ok(Loaded {
            config,
            warnings: report.warnings,
        })
    } else {
        Err(Refused { report })
    }
}

/// The text of a file.
pub(in crate::config) fn read_text(
    path: &Path,
    surroundings: &dyn Surroundings,
) -> Result<String, Problem> {
    let unreadable = |reason: String| Problem::Unreadable {
        path: path.display().to_string(),
        reason,
    };
    let bytes = surroundings
        .read(path)
        .map_err(|error| unreadable(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| {
        let position = error.utf8_error().valid_up_to();
        unreadable(format!("it is not UTF-8 text at byte {position}"))
    })
}

/// Parses the file and hands its table to `read`, also if not all of it was understood, so that
/// what was can be checked in the same go.
pub(in crate::config) fn read_table<T>(
    loading: Loading<'_>,
    read: impl FnOnce(Section<'_>) -> T,
) -> T {
    let (table, errors) = DeTable::parse_recoverable(loading.source.text());
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start);
        loading.mistake(offset, "", Problem::Syntax(error.message().to_owned()));
    }
    read(Section::root(loading, table.get_ref()))
}

fn read_config(mut root: Section<'_>, loading: Loading<'_>) -> Config {
    let mut node_section = root.section("node");
    let mut node = node_section
        .as_mut()
        .map(read_rows::<Node>)
        .unwrap_or_default();
    if node.region.is_empty() {
        node.region = loading
            .surroundings
            .variable("FLY_REGION")
            .unwrap_or_default();
    }
    let log: Log = root.section("log").map(read_whole).unwrap_or_default();
    let http: Option<Http> = root.section("http").map(read_whole);
    let console = root.section("console").map(Console::load);
    let defaults = root.section("pool").map(Defaults::load).unwrap_or_default();
    let (listeners, open) = read_listeners(&mut root, console.is_some());
    let mut tenants = Tenants::new(&listeners);
    for section in root.sections("tenant") {
        tenants.add(section, &defaults);
    }
    if let (Some(folder), Some(section)) = (&node.include_tenants, &node_section) {
        let tell = |problem| section.mistake_here("include_tenants", problem);
        tenant_files::read(folder, loading, &tell, &defaults, &mut tenants);
    }
    if let Some(section) = node_section {
        section.finish();
    }
    let tenants = tenants.into_inner();
    for (listener, section) in listeners.iter().zip(open) {
        let names: Vec<&str> = tenants.keys().map(String::as_str).collect();
        let undefined = listener
            .default_tenant
            .as_deref()
            .filter(|name| !names.contains(name));
        if let Some(name) = undefined {
            let suggestion = suggestion::near(name, &names);
            let problem = Problem::Undefined {
                what: "tenant",
                name: name.to_owned(),
                suggestion,
            };
            section.mistake_here("default_tenant", problem);
        }
        section.finish();
    }
    root.finish();
    Config {
        node,
        log,
        http,
        console,
        defaults,
        listeners,
        tenants,
    }
}

fn read_rows<T: Settings>(section: &mut Section<'_>) -> T {
    T::read(section, Scope::Own, &T::default())
}

/// A section that is rows and nothing else.
fn read_whole<T: Settings>(mut section: Section<'_>) -> T {
    let rows = read_rows(&mut section);
    section.finish();
    rows
}

/// The listeners, with their sections still open for what depends on the tenants.
fn read_listeners<'a>(
    root: &mut Section<'a>,
    has_console: bool,
) -> (Vec<Arc<Listener>>, Vec<Section<'a>>) {
    let mut names = Names::of("listener");
    let mut addresses = Names::of("address");
    let mut listeners = Vec::new();
    let mut open = root.sections("listener");
    for section in &mut open {
        let listener = Listener::load(section);
        names.claim(&listener.name, "name", section);
        if section.has("address") {
            addresses.claim(
                &listener.address.console().unwrap_or_default(),
                "address",
                section,
            );
        }
        if listener.console && !has_console {
            section.mistake_here(
                "console",
                Problem::Contradiction("there is no section [console] to say who may use it"),
            );
        }
        listeners.push(Arc::new(listener));
    }
    if listeners.is_empty() {
        let example =
            "[[listener]] with name = \"main\" and address = \"127.0.0.1:6432\"".to_owned();
        root.mistake_here("listener", Problem::Missing { example });
    }
    (listeners, open)
}
