//! Answers of a [`SecretLookup`](super::SecretLookup) that are still good, and when to ask again.
//!
//! A password that was changed is noticed at the first login that fails with the old one: the next
//! login asks again. That happens once in the life of an answer, so that somebody who guesses
//! passwords costs the database two queries per TTL and not one per guess. Users that do not exist
//! are remembered too, for the same reason.

use std::time::Duration;
use std::time::Instant;

use crate::auth::bounded_map::BoundedMap;
use crate::auth::credentials::Credentials;
use crate::auth::secret_lookup::LookedUp;
use crate::limits::SECRET_CACHE_ENTRIES_MAX;
use crate::limits::USER_NAME_BYTES_MAX;
use crate::telemetry::TenantSlot;

/// Looked-up secrets by tenant and user, at most [`SECRET_CACHE_ENTRIES_MAX`].
#[derive(Debug)]
pub struct SecretCache {
    entries: BoundedMap<Key, Entry>,
}

type Key = (TenantSlot, Box<str>);

#[derive(Debug)]
struct Entry {
    looked_up: LookedUp,
    looked_up_at: Instant,
    again: Again,
}

/// Whether a failed login may make the next one ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// Yes.
    Possible,
    /// One failed: the next login asks.
    Due,
    /// It was asked again; not once more before the answer has aged.
    Done,
}

impl Default for SecretCache {
    fn default() -> Self {
        Self {
            entries: BoundedMap::new(SECRET_CACHE_ENTRIES_MAX),
        }
    }
}

impl SecretCache {
    /// What is known of `user`; `None` if the database has to be asked.
    pub fn get(
        &mut self,
        tenant: TenantSlot,
        user: &str,
        ttl: Duration,
        now: Instant,
    ) -> Option<Credentials> {
        let entry = self.entries.get(&key(tenant, user))?;
        let is_good = entry.again != Again::Due && entry.is_fresh(ttl, now);
        is_good.then(|| entry.looked_up.credentials.clone())
    }

    /// Keeps an answer that came at `now`.
    pub fn insert(
        &mut self,
        tenant: TenantSlot,
        user: &str,
        looked_up: LookedUp,
        ttl: Duration,
        now: Instant,
    ) {
        // PostgreSQL has no longer names, and clients may invent them.
        if user.len() > USER_NAME_BYTES_MAX {
            return;
        }
        let key = key(tenant, user);
        let before = self.entries.get(&key);
        let again = match before {
            Some(before) if before.again != Again::Possible && before.is_fresh(ttl, now) => {
                Again::Done
            },
            Some(_) | None => Again::Possible,
        };
        let entry = Entry {
            looked_up,
            looked_up_at: now,
            again,
        };
        self.entries.insert(key, entry);
    }

    /// A login that relied on a remembered answer failed.
    pub fn login_failed(&mut self, tenant: TenantSlot, user: &str) {
        if let Some(entry) = self.entries.get(&key(tenant, user))
            && entry.again == Again::Possible
        {
            entry.again = Again::Due;
        }
    }

    /// Forgets a user, whose secret is known to have changed.
    pub fn forget(&mut self, tenant: TenantSlot, user: &str) {
        self.entries.remove(&key(tenant, user));
    }

    /// Forgets a tenant, whose configuration changed or who is gone.
    pub fn forget_tenant(&mut self, tenant: TenantSlot) {
        self.entries.retain(|(of, _user), _entry| *of != tenant);
    }

    /// How many answers are remembered.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }
}

impl Entry {
    fn is_fresh(&self, ttl: Duration, now: Instant) -> bool {
        let has_expired = self.looked_up.valid_until.is_some_and(|until| until <= now);
        !has_expired && now.saturating_duration_since(self.looked_up_at) < ttl
    }
}

fn key(tenant: TenantSlot, user: &str) -> Key {
    (tenant, Box::from(user))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::secret::Secret;

    const TTL: Duration = Duration::from_mins(1);
    const FIVE_SECONDS: Duration = Duration::from_secs(5);
    const NANOSECOND: Duration = Duration::from_nanos(1);
    const ACME: TenantSlot = TenantSlot::new(1);
    const INITECH: TenantSlot = TenantSlot::new(2);

    fn password(text: &str) -> LookedUp {
        LookedUp {
            credentials: Credentials::Secret(Secret::parse(text).unwrap()),
            valid_until: None,
        }
    }

    /// A start of time, and a cache that was told one answer then.
    fn cache() -> (Instant, SecretCache) {
        #[expect(
            clippy::disallowed_methods,
            reason = "an instant can be had in no other way"
        )]
        let start = Instant::now();
        let mut cache = SecretCache::default();
        cache.insert(ACME, "alice", password("pencil"), TTL, start);
        (start, cache)
    }

    fn revealed(credentials: Option<Credentials>) -> Option<Vec<u8>> {
        match credentials? {
            Credentials::Secret(Secret::Password(password)) => Some(password.reveal().to_vec()),
            Credentials::Secret(_) | Credentials::Unknown | Credentials::WithoutSecret => {
                panic!("not a password")
            },
        }
    }

    #[test]
    fn an_answer_is_good_until_its_ttl_ends() {
        let (start, mut cache) = cache();
        let just_before = start + TTL.saturating_sub(NANOSECOND);
        assert_eq!(
            revealed(cache.get(ACME, "alice", TTL, just_before)).unwrap(),
            b"pencil"
        );
        assert!(cache.get(ACME, "alice", TTL, start + TTL).is_none());
        assert!(cache.get(ACME, "alice", Duration::ZERO, start).is_none());
    }

    #[test]
    fn users_and_tenants_are_never_mixed() {
        let (start, mut cache) = cache();
        cache.insert(INITECH, "alice", password("other"), TTL, start);
        assert_eq!(
            revealed(cache.get(ACME, "alice", TTL, start)).unwrap(),
            b"pencil"
        );
        assert_eq!(
            revealed(cache.get(INITECH, "alice", TTL, start)).unwrap(),
            b"other"
        );
        assert!(cache.get(ACME, "alic", TTL, start).is_none());
        assert!(cache.get(ACME, "bob", TTL, start).is_none());
        cache.forget_tenant(ACME);
        assert!(cache.get(ACME, "alice", TTL, start).is_none());
        assert_eq!(cache.entries(), 1);
    }

    #[test]
    fn a_failed_login_makes_the_next_one_ask_again_once() {
        let (start, mut cache) = cache();
        let later = start + Duration::from_secs(1);
        cache.login_failed(ACME, "alice");
        assert!(cache.get(ACME, "alice", TTL, later).is_none());
        cache.insert(ACME, "alice", password("changed"), TTL, later);
        for _guess in 0..10 {
            assert_eq!(
                revealed(cache.get(ACME, "alice", TTL, later)).unwrap(),
                b"changed"
            );
            cache.login_failed(ACME, "alice");
        }
        // Two logins that asked at the same time do not make a third possible.
        cache.insert(ACME, "alice", password("changed"), TTL, later);
        cache.login_failed(ACME, "alice");
        assert!(cache.get(ACME, "alice", TTL, later).is_some());
    }

    #[test]
    fn two_first_logins_at_once_leave_the_second_question_open() {
        let (start, mut cache) = cache();
        cache.insert(ACME, "alice", password("pencil"), TTL, start);
        cache.login_failed(ACME, "alice");
        assert!(cache.get(ACME, "alice", TTL, start).is_none());
    }

    #[test]
    fn an_answer_that_has_aged_may_be_asked_again_for() {
        let (start, mut cache) = cache();
        cache.login_failed(ACME, "alice");
        cache.insert(ACME, "alice", password("changed"), TTL, start);
        let aged = start + TTL;
        assert!(cache.get(ACME, "alice", TTL, aged).is_none());
        cache.insert(ACME, "alice", password("changed"), TTL, aged);
        assert!(cache.get(ACME, "alice", TTL, aged).is_some());
        cache.login_failed(ACME, "alice");
        assert!(cache.get(ACME, "alice", TTL, aged).is_none());
    }

    #[test]
    fn a_password_that_expires_is_not_used_beyond_that_moment() {
        let (start, mut cache) = cache();
        let until = start + FIVE_SECONDS;
        let answer = LookedUp {
            valid_until: Some(until),
            ..password("pencil")
        };
        cache.insert(ACME, "alice", answer, TTL, start);
        assert!(
            cache
                .get(
                    ACME,
                    "alice",
                    TTL,
                    start + FIVE_SECONDS.saturating_sub(NANOSECOND)
                )
                .is_some()
        );
        assert!(cache.get(ACME, "alice", TTL, until).is_none());
    }

    #[test]
    fn a_user_that_does_not_exist_is_remembered_too() {
        let (start, mut cache) = cache();
        let unknown = LookedUp {
            credentials: Credentials::Unknown,
            valid_until: None,
        };
        cache.insert(ACME, "nobody", unknown, TTL, start);
        let found = cache.get(ACME, "nobody", TTL, start);
        assert!(matches!(found, Some(Credentials::Unknown)));
        cache.forget(ACME, "nobody");
        assert!(cache.get(ACME, "nobody", TTL, start).is_none());
    }

    #[test]
    fn invented_names_take_no_more_than_the_limit() {
        let (start, mut cache) = cache();
        for number in 0..3 * SECRET_CACHE_ENTRIES_MAX {
            let unknown = LookedUp {
                credentials: Credentials::Unknown,
                valid_until: None,
            };
            cache.insert(ACME, &number.to_string(), unknown, TTL, start);
            assert!(
                cache.get(ACME, "alice", TTL, start).is_some(),
                "after {number}"
            );
        }
        assert!(cache.entries() <= SECRET_CACHE_ENTRIES_MAX);
        let before = cache.entries();
        let longest = "x".repeat(USER_NAME_BYTES_MAX + 1);
        cache.insert(ACME, &longest, password("pencil"), TTL, start);
        assert_eq!(cache.entries(), before);
    }
}
