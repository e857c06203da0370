//! `SHOW HELP`: the commands there are, as a notice.

use crate::admin::console::answer::Notice;

const COMMANDS: &str = "
\tSHOW HELP|CONFIG|DATABASES|ENDPOINTS|POOLS|CLIENTS|SERVERS|USERS|VERSION
\tSHOW STATS|STATS_TOTALS|STATS_AVERAGES|TOTALS
\tSHOW LISTS|STATE|DNS_HOSTS
\tSHOW ROUTE <tenant> [<database> [<user>]] '<SQL>'
\tRELOAD
\tKILL_CLIENT <client_id>
";

pub(super) fn notice() -> Notice {
    Notice::information("Console usage").detail(COMMANDS.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Topic;
    use crate::admin::console::command::Command;

    #[test]
    fn help_names_commands_that_there_are() {
        let mut shown = Vec::new();
        for line in COMMANDS.lines().filter(|line| !line.is_empty()) {
            let (verb, words) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            let words = words.replace("<client_id>", "1");
            let words = words.replace("<tenant> [<database> [<user>]] '<SQL>'", "acme 'select 1'");
            for word in words.split('|') {
                let command = Command::parse(format!("{verb} {word}").as_bytes());
                assert!(command.is_ok(), "{verb} {word}");
                shown.push(word.to_owned());
            }
        }
        // All but the parameters that drivers ask for.
        for topic in &Topic::ALL[..16] {
            assert!(shown.contains(&topic.word().to_uppercase()), "{topic:?}");
        }
    }
}
