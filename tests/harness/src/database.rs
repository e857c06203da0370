//! A database of one test, with a user of its own.

/// Names and password of a database that no other test uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// The database.
    pub name: String,
    /// Its owner.
    pub user: String,
    /// The owner's password.
    pub password: String,
    /// The cluster's port on 127.0.0.1.
    pub port: u16,
}

impl Database {
    pub(crate) fn numbered(number: u32, port: u16) -> Self {
        let (name, user) = (format!("database_{number}"), format!("user_{number}"));
        Self {
            name,
            user,
            password: format!("password-{number}"),
            port,
        }
    }

    /// A libpq connection string straight to the cluster.
    pub fn dsn(&self) -> String {
        self.dsn_through(self.port, &self.user)
    }

    /// The address of the database on a port of 127.0.0.1, as drivers without libpq take it.
    pub fn url_through(&self, port: u16) -> String {
        let Self {
            name,
            user,
            password,
            ..
        } = self;
        format!("postgres://{user}:{password}@127.0.0.1:{port}/{name}")
    }

    /// A libpq connection string through another port of 127.0.0.1, with the user's name as it is
    /// known there (for example `user_1.acme`).
    pub fn dsn_through(&self, port: u16, user: &str) -> String {
        let (name, password) = (&self.name, &self.password);
        format!(
            "host=127.0.0.1 port={port} dbname={name} user={user} password={password} \
             sslmode=disable gssencmode=disable"
        )
    }
}
