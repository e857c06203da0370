//! A platform that is called by TLS: as one that can be trusted, or not at all.

use std::fs;

use tidegate_harness::Authority;
use tidegate_harness::Folder;
use tidegate_harness::KeyPair;
use tidegate_harness::PooledDatabase;
use tidegate_harness::polling;

use crate::LIMIT;
use crate::TOKEN;
use crate::machine::Machine;
use crate::sleeping_at;

/// What proves that one is of this name.
fn pair(authority: &Authority, name: &str) -> KeyPair {
    authority.server(&[name]).unwrap()
}

/// A folder with what the system trusts.
fn trusting(authority: &Authority) -> Folder {
    let folder = Folder::new().unwrap();
    fs::write(folder.path().join("ca.crt"), authority.certificate_pem()).unwrap();
    folder
}

/// One query, and then nobody is there.
fn come_and_go(pooled: &PooledDatabase) {
    let mut client = pooled.connect().unwrap();
    assert_eq!(client.query("select 1").unwrap(), "1");
}

#[test]
fn it_is_woken_and_put_to_sleep_by_tls_and_what_the_system_trusts_is_read_once() {
    let authority = Authority::new().unwrap();
    for name in ["localhost", "127.0.0.1"] {
        let system = trusting(&authority);
        let ca = system.path().join("ca.crt");
        let make = |port| Machine::behind_tls(port, TOKEN, name, &pair(&authority, name));
        let found = sleeping_at(make, |config, _| {
            config.surroundings.authorities = Some(ca.clone());
            config.tenant += "suspend_after = \"1s\"\n";
        });
        let Some((machine, pooled)) = found else {
            return;
        };
        let are_made = |count| move |calls: usize| calls == count;
        let until = |is_made: &dyn Fn(usize) -> bool| {
            polling::until_true("a call", LIMIT, || is_made(machine.calls().len())).unwrap();
        };
        come_and_go(&pooled);
        until(&are_made(2));
        fs::remove_file(&ca).unwrap();
        come_and_go(&pooled);
        until(&are_made(4));
        let both = ["start : 200 OK", "suspend : 200 OK"];
        assert_eq!(machine.calls(), [both, both].concat());
    }
}

#[test]
fn a_platform_that_cannot_prove_who_it_is_is_asked_nothing() {
    let (known, unknown) = (Authority::new().unwrap(), Authority::new().unwrap());
    for (signed_by, certified, why) in [
        // Both have one name, and only one of them the key.
        (&unknown, "localhost", "BadSignature"),
        (&known, "elsewhere.example", "not valid for name"),
    ] {
        let system = trusting(&known);
        let make =
            |port| Machine::behind_tls(port, TOKEN, "localhost", &pair(signed_by, certified));
        let found = sleeping_at(make, |config, _| {
            config.surroundings.authorities = Some(system.path().join("ca.crt"));
            config.tenant += "wake_timeout = \"3s\"\n";
        });
        let Some((machine, pooled)) = found else {
            return;
        };
        let refused = pooled.connect().unwrap_err();
        assert_eq!(refused.sqlstate(), "57P03", "{refused}");
        let said = pooled.pooler.wait_for_log("could not be woken").unwrap();
        assert!(said.contains("TLS failed") && said.contains(why), "{said}");
        assert_eq!(machine.calls(), Vec::<String>::new());
    }
}
