//! `[tenant.sleep]`: a database that sleeps while nobody needs it.

use std::time::Duration;

use crate::config::bounds::Any;
use crate::config::bounds::Bounds;
use crate::config::bounds::Each;
use crate::config::reading::problem::Problem;
use crate::config::reading::section::Section;
use crate::config::reading::value::Value;
use crate::config::secret_text::SecretText;
use crate::config::setting::DAY;
use crate::config::setting::Scope;
use crate::config::setting::Settings;
use crate::config::setting::settings;

settings! {
    /// How the tenant's database is woken, and put to sleep: by an HTTP request or a program. An
    /// authenticated client that needs a server wakes it; nobody else does.
    pub struct Sleep in "[tenant.sleep]" {
        /// Where the request goes that wakes it.
        wake_url: Option<String> = None, Each(HttpUrl), "URL", Reload => "\"https://api.machines.dev/v1/apps/acme-db/machines/1857/start\"";
        /// The body of that request.
        wake_body: String = String::new(), Any, "text", Reload;
        /// A program that wakes it, and its arguments; instead of `wake_url`.
        wake_command: Vec<String> = Vec::new(), Any, "words", Reload;
        /// How long clients wait for the database to answer.
        wake_timeout: Duration = Duration::from_mins(1), Duration::from_secs(1)..=Duration::from_hours(1), "duration", Reload;
        /// How often it may be woken within an hour, by this node.
        wakes_per_hour: u32 = 60, 1..=3600, "wakes", Reload;
        /// After how long without a client its servers are closed, and it is put to sleep; 0 is never.
        /// It begins with the first client after a start. Only one node may do that: another one's
        /// clients would lose their servers.
        suspend_after: Duration = Duration::ZERO, Duration::ZERO..=DAY, "duration", Reload;
        /// Where the request goes that puts it to sleep; without this or a program it may fall asleep
        /// by itself, because it has no connections any more.
        suspend_url: Option<String> = None, Each(HttpUrl), "URL", Reload => "\"https://api.machines.dev/v1/apps/acme-db/machines/1857/suspend\"";
        /// The body of that request.
        suspend_body: String = String::new(), Any, "text", Reload;
        /// A program that puts it to sleep, and its arguments; instead of `suspend_url`.
        suspend_command: Vec<String> = Vec::new(), Any, "words", Reload;
        /// The method of both requests.
        method: String = "POST".to_owned(), HttpMethod, "method", Reload;
        /// Header lines of both requests; they are never shown.
        headers: Vec<SecretText> = Vec::new(), Each(HeaderLine), "lines", Reload => "[\"Authorization: Bearer ${FLY_API_TOKEN:-}\"]";
        /// How long a request or a program may take.
        call_timeout: Duration = Duration::from_secs(10), Duration::from_secs(1)..=Duration::from_mins(10), "duration", Reload;
    }
}

impl Sleep {
    /// Reads `[tenant.sleep]`.
    pub(in crate::config) fn load(mut section: Section<'_>) -> Self {
        let sleep = Self::read(&mut section, Scope::Own, &Self::default());
        let one_of = |is_url: bool, is_command: bool, name| {
            if is_url && is_command {
                section.mistake_here(
                    name,
                    Problem::Contradiction("give a URL or a program, not both"),
                );
            }
        };
        one_of(
            sleep.wake_url.is_some(),
            !sleep.wake_command.is_empty(),
            "wake_command",
        );
        one_of(
            sleep.suspend_url.is_some(),
            !sleep.suspend_command.is_empty(),
            "suspend_command",
        );
        section.finish();
        sleep
    }

    /// Whether there is something that wakes the database.
    pub fn wakes(&self) -> bool {
        self.wake_url.is_some() || !self.wake_command.is_empty()
    }
}

/// `http://` or `https://`, and a host.
struct HttpUrl;

impl Bounds<String> for HttpUrl {
    fn refuse(&self, value: &String, _written: &Value<'_>) -> Option<Problem> {
        let url = value.parse::<http::Uri>().ok();
        let is_http = url.is_some_and(|url| {
            matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some()
        });
        (!is_http).then(|| Problem::Malformed {
            value: format!("{value:?}"),
            expected: "a URL such as https://api.example.com/databases/acme/start",
        })
    }
}

/// A method of HTTP.
struct HttpMethod;

impl Bounds<String> for HttpMethod {
    fn refuse(&self, value: &String, _written: &Value<'_>) -> Option<Problem> {
        let method = http::Method::from_bytes(value.as_bytes());
        method.is_err().then(|| Problem::Malformed {
            value: format!("{value:?}"),
            expected: "a method of HTTP such as POST",
        })
    }
}

/// A name, a colon, a value.
struct HeaderLine;

impl Bounds<SecretText> for HeaderLine {
    fn refuse(&self, value: &SecretText, _written: &Value<'_>) -> Option<Problem> {
        header(value).is_none().then_some(Problem::Contradiction(
            "a header line is a name, a colon and a value, such as \"Accept: application/json\"",
        ))
    }
}

/// What a header line says; none if it is no header line.
pub(crate) fn header(line: &SecretText) -> Option<(http::HeaderName, http::HeaderValue)> {
    let (name, value) = line.reveal().split_once(':')?;
    let name = http::HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
    let mut value = http::HeaderValue::from_str(value.trim()).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use crate::config::load::parse;

    fn problems(sleep: &str) -> Vec<String> {
        let text = format!(
            r#"
            [[listener]]
            name = "main"
            address = "127.0.0.1:6432"
            [[tenant]]
            name = "acme"
            [[tenant.endpoint]]
            host = "127.0.0.1"
            [tenant.sleep]
            {sleep}
            "#
        );
        match parse(&text) {
            Ok(loaded) => {
                assert!(loaded.config.tenants["acme"].sleep.is_some());
                Vec::new()
            },
            Err(refused) => refused.to_string().lines().map(str::to_owned).collect(),
        }
    }

    #[test]
    fn a_request_or_a_program_may_be_given() {
        let none: [String; 0] = [];
        assert_eq!(problems(r#"wake_url = "https://api.example.com/x""#), none);
        assert_eq!(problems(r#"wake_command = ["/bin/true"]"#), none);
        assert_eq!(problems(r#"headers = ["Accept: */*"]"#), none);
    }

    #[test]
    fn what_can_never_work_is_a_mistake() {
        for (mistake, said) in [
            (r#"wake_url = "ftp://example.com""#, "URL"),
            (r#"suspend_url = "/machines/1""#, "URL"),
            (r#"method = "PO ST""#, "method"),
            (r#"headers = ["no colon"]"#, "header line"),
            (
                "wake_url = \"http://a/b\"\nwake_command = [\"x\"]",
                "not both",
            ),
        ] {
            let problems = problems(mistake).join("\n");
            assert!(problems.contains(said), "{mistake}: {problems}");
        }
    }
}
