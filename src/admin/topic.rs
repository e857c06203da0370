//! What can be shown: one topic for each word that may follow `SHOW`.

/// What can be shown. The words are PgBouncer's, unless they say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Clients.
    Clients,
    /// The settings of the node.
    Config,
    /// Databases of all tenants.
    Databases,
    /// The names of endpoints, and their addresses.
    DnsHosts,
    /// Postgres instances of all tenants: our own word.
    Endpoints,
    /// The commands there are.
    Help,
    /// How many there are of everything.
    Lists,
    /// Pools.
    Pools,
    /// Servers.
    Servers,
    /// Whether the node is paused.
    State,
    /// Counters and averages by database.
    Stats,
    /// Averages by database.
    StatsAverages,
    /// Counters by database.
    StatsTotals,
    /// Counters and averages of the node.
    Totals,
    /// Users of all tenants.
    Users,
    /// What runs here.
    Version,
    /// A parameter that drivers ask for.
    ClientEncoding,
    /// A parameter that drivers ask for.
    DateStyle,
    /// A parameter that drivers ask for.
    DefaultTransactionIsolation,
    /// A parameter that drivers ask for.
    StandardConformingStrings,
    /// A parameter that drivers ask for.
    TimeZone,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 21] = [
        Self::Clients,
        Self::Config,
        Self::Databases,
        Self::DnsHosts,
        Self::Endpoints,
        Self::Help,
        Self::Lists,
        Self::Pools,
        Self::Servers,
        Self::State,
        Self::Stats,
        Self::StatsAverages,
        Self::StatsTotals,
        Self::Totals,
        Self::Users,
        Self::Version,
        Self::ClientEncoding,
        Self::DateStyle,
        Self::DefaultTransactionIsolation,
        Self::StandardConformingStrings,
        Self::TimeZone,
    ];

    /// The word, in lower case.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Config => "config",
            Self::Databases => "databases",
            Self::DnsHosts => "dns_hosts",
            Self::Endpoints => "endpoints",
            Self::Help => "help",
            Self::Lists => "lists",
            Self::Pools => "pools",
            Self::Servers => "servers",
            Self::State => "state",
            Self::Stats => "stats",
            Self::StatsAverages => "stats_averages",
            Self::StatsTotals => "stats_totals",
            Self::Totals => "totals",
            Self::Users => "users",
            Self::Version => "version",
            Self::ClientEncoding => "client_encoding",
            Self::DateStyle => "datestyle",
            Self::DefaultTransactionIsolation => "default_transaction_isolation",
            Self::StandardConformingStrings => "standard_conforming_strings",
            Self::TimeZone => "timezone",
        }
    }

    /// The topic of a word, in any case.
    pub fn of(word: &str) -> Option<Self> {
        let is_it = |topic: &Self| topic.word().eq_ignore_ascii_case(word);
        Self::ALL.into_iter().find(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_its_own_word_and_is_found_by_it_in_any_case() {
        for topic in Topic::ALL {
            assert_eq!(Topic::of(&topic.word().to_uppercase()), Some(topic));
        }
        assert_eq!(Topic::of("fds"), None);
        assert_eq!(Topic::of(""), None);
    }
}
