//! A tenant that the startup parameter `options` names, in a real process.
#![cfg(test)]

use tidegate_harness::PooledDatabase;
use tidegate_harness::wire::Login;
use tidegate_harness::wire::Wire;
use tidegate_harness::wire::WireError;

/// The secret of the database's owner at the tenant that is not the listener's default.
const SECRET: &str = "the secret at globex";

/// A Tidegate with a second tenant on the same database, at which the owner has another secret:
/// who is let in with it is there.
fn start() -> Option<PooledDatabase> {
    let mut pooled = PooledDatabase::start(|_| {}).unwrap()?;
    let database = pooled.database.clone();
    let (port, user, password) = (database.port, &database.user, &database.password);
    let globex = format!(
        "[[tenant]]\nname = \"globex\"\n[[tenant.endpoint]]\nhost = \"127.0.0.1\"\nport = {port}\n\
         [[tenant.user]]\nname = \"{user}\"\nsecret = \"{SECRET}\"\nserver_secret = \"{password}\""
    );
    pooled.reloaded(|config| config.more = globex).unwrap();
    Some(pooled)
}

fn at_globex(pooled: &PooledDatabase, options: &str) -> Login {
    pooled
        .login()
        .with_password(SECRET)
        .with("options", options)
}

fn sqlstate(result: Result<Wire, WireError>) -> String {
    result.unwrap_err().sqlstate().to_owned()
}

#[test]
fn a_tenant_that_options_name_is_entered_and_the_other_options_go_on() {
    let Some(pooled) = start() else { return };
    for options in [
        "-ctenant=globex -cwork_mem=7MB",
        "-c work_mem=7MB -c tenant=globex",
        "--work_mem=7MB --tenant=globex",
        "reference=globex -cwork_mem=7MB",
        "-c reference=globex -c work_mem=7MB",
        "tenant=globex -c work_mem=7MB",
        "-ctenant=globex -creference=globex -cwork_mem=7MB",
    ] {
        let mut client = Wire::connect(&at_globex(&pooled, options)).expect(options);
        assert_eq!(client.query("show work_mem").unwrap(), "7MB", "{options}");
    }
    // The secret tells that it was no other tenant.
    let elsewhere = Wire::connect(&at_globex(&pooled, "-cwork_mem=7MB"));
    assert_eq!(sqlstate(elsewhere), "28P01");
    // A user's name and the options may say the same.
    let user = format!("{}.globex", pooled.database.user);
    Wire::connect(&at_globex(&pooled, "-ctenant=globex").as_user(&user)).unwrap();
}

#[test]
fn two_that_name_different_tenants_are_refused_before_a_password_is_asked_for() {
    let Some(pooled) = start() else { return };
    let by_user = format!("{}.acme", pooled.database.user);
    let own = pooled.database.user.clone();
    for (user, options) in [
        (&own, "-ctenant=globex -ctenant=acme"),
        (&own, "-ctenant=globex -creference=acme"),
        (&by_user, "-ctenant=globex"),
        (&by_user, "reference=globex"),
    ] {
        let login = at_globex(&pooled, options).as_user(user);
        let mut client = Wire::announce(&login).unwrap();
        let first = client.message().unwrap();
        let report = first.report().expect(options);
        assert_eq!(report.sqlstate, "28000", "{options}: {report}");
        assert_eq!(report.message, "the connection names two tenants");
        assert_eq!(client.until_closed().unwrap(), [], "{options}");
    }
}
