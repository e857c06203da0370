//! `tidegate explain`: where a text would go from here, without a node.

use std::process::Command;
use std::process::Output;

use tidegate_harness::Folder;
use tidegate_harness::free_port;
use tidegate_harness::polling;

use super::world::LIMIT;
use super::world::World;
use super::world::world;

/// What the command says, for a tenant with these endpoints.
fn explain(world: &World, endpoints: &[(&str, u16, &str)], arguments: &[&str]) -> Output {
    let folder = Folder::new().unwrap();
    let endpoint = |(name, port, role): &(&str, u16, &str)| {
        format!(
            "[[tenant.endpoint]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\nrole = \"{role}\"\n"
        )
    };
    let endpoints: String = endpoints.iter().map(endpoint).collect();
    let (user, password) = (&world.database.user, &world.database.password);
    let text = format!(
        "[[listener]]\nname = \"main\"\naddress = \"127.0.0.1:1\"\n[[tenant]]\nname = \"acme\"\n{endpoints}\
         [[tenant.user]]\nname = \"{user}\"\nsecret = \"{password}\"\n"
    );
    let file = folder.path().join("explained.toml");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("explain").arg(&file).args(arguments);
    command.args(["--database", &world.database.name]);
    command.output().unwrap()
}

/// The words of the line that begins with a name.
fn line(output: &Output, name: &str) -> Vec<String> {
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    let mut lines = said.lines();
    let is_it = |line: &&str| line.split_whitespace().next() == Some(name);
    let found = lines.find(is_it).unwrap_or_else(|| panic!("{said}"));
    found.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_read_is_explained_by_asking_the_endpoints_themselves() {
    let Some(world) = world() else {
        return;
    };
    let gone = free_port().unwrap();
    let endpoints = [
        ("first", world.primary.port(), "auto"),
        ("second", world.standby.port(), "auto"),
        ("third", gone, "replica"),
    ];
    let read = "select count(*) from pg_class";
    // It waits a few seconds for what endpoints say.
    let mut output = explain(world, &endpoints, &["acme", read]);
    let is_told = || {
        let said = |name| line(&output, name)[1] == "yes";
        let is_told = said("first") || said("second");
        if !is_told {
            output = explain(world, &endpoints, &["acme", read]);
        }
        is_told
    };
    polling::until_true("endpoints that answer in time", LIMIT, is_told).unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(line(&output, "text")[1..], ["reads", "it", "only", "reads"]);
    let (first, second) = (line(&output, "first"), line(&output, "second"));
    // Which of the two is nearer is measured anew each time.
    let (chosen, rule) = match (&*first[1], &*second[1]) {
        ("no", "yes") => (&second, "only_one"),
        ("yes", "no") => (&first, "primary_is_nearer"),
        other => panic!("{other:?} {output:?}"),
    };
    assert_eq!(chosen[2..4], ["100", rule], "{output:?}");
    let third = line(&output, "third").join(" ");
    assert!(
        third.starts_with("third no 0 it does not answer: "),
        "{third}"
    );
    let write = explain(world, &endpoints, &["acme", "delete from t"]);
    assert_eq!(line(&write, "first")[1..4], ["yes", "100", "writes"]);
    assert_eq!(line(&write, "second")[1..3], ["no", "0"]);
}

#[test]
fn what_cannot_be_explained_ends_with_1_and_says_why() {
    let Some(world) = world() else {
        return;
    };
    let one = [("first", world.primary.port(), "primary")];
    for (arguments, code, said) in [
        (&["globex", "select 1"][..], 1, "there is no tenant globex"),
        (
            &["acme", "select 1", "--user", "eve"],
            1,
            "the tenant has no user eve",
        ),
        (&["acme"], 2, "required arguments were not provided"),
    ] {
        let output = explain(world, &one, arguments);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(said), "{told}");
    }
    let output = explain(world, &one, &["acme", "select 1"]);
    assert_eq!(
        line(&output, "first"),
        ["first", "yes", "100", "no_replica"]
    );
    let (gone, standby) = (free_port().unwrap(), world.standby.port());
    let endpoints = [("first", gone, "auto"), ("second", standby, "auto")];
    let output = explain(world, &endpoints, &["acme", "select 1"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(line(&output, "second")[1], "no");
}
