//! The command line, run as operators run it, on files of a folder of the test's own.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("check-command-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the folder is the test's own");
    }
}

fn tidegate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command
        .args(arguments)
        .env("APP_SECRET", "from the environment")
        .env("ACME_PASSWORD", "from there as well")
        .env_remove("NOT_SET");
    command.output().expect("the command runs")
}

fn lines(output: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(output)
        .lines()
        .map(str::to_owned)
        .collect()
}

fn check(file: &Path) -> (Option<i32>, Vec<String>) {
    let output = tidegate(&["check", file.to_str().expect("a name")]);
    assert_eq!(lines(&output.stderr), [""; 0]);
    let folder = format!("{}/", file.parent().expect("a folder").display());
    let lines = lines(&output.stdout)
        .iter()
        .map(|line| line.replace(&folder, ""))
        .collect();
    (output.status.code(), lines)
}

#[test]
fn a_good_configuration_ends_with_0() {
    let folder = Folder::new("good");
    folder.write("app.secret", "from a file\n");
    folder.write(
        "tenants/beta.toml",
        "name = \"beta\"\n[[endpoint]]\nhost = \"127.0.0.1\"\n[[user]]\nname = \"app\"\nsecret = { file = \"../app.secret\" }\n",
    );
    let file = folder.write(
        "config.toml",
        "[node]\ninclude_tenants = \"tenants\"\n[[listener]]\nname = \"main\"\naddress = \"0.0.0.0:6432\"\nauth_type = \"trust\"\n\
         [[tenant]]\nname = \"acme\"\n[[tenant.endpoint]]\nhost = \"127.0.0.1\"\n[[tenant.user]]\nname = \"app\"\nsecret = { env = \"APP_SECRET\" }\n",
    );
    let (code, lines) = check(&file);
    assert_eq!(
        lines,
        [
            "warning: config.toml:6:1: listener.auth_type: trust lets everybody in who reaches this address, as any user",
            "config.toml: ok: 1 listener, 2 tenants, 1 warning",
        ]
    );
    assert_eq!(code, Some(0));
}

#[test]
fn every_mistake_of_every_file_is_told_and_ends_with_1() {
    let folder = Folder::new("bad");
    folder.write("tenants/beta.toml", "name = \"acme\"\n[[endpoint]]\nhost = \"127.0.0.1\"\n[network]\nallow = [\"10.0.0.1/8\"]\n");
    let file = folder.write(
        "config.toml",
        "[node]\ninclude_tenants = \"tenants\"\n[[listener]]\nname = \"main\"\naddress = \"127.0.0.1:6432\"\nproxy_protocol = \"auto\"\n\
         tls_certificates = [{ certificate = \"absent.crt\", key = \"config.toml\" }]\n\
         [[tenant]]\nname = \"acme\"\n[[tenant.endpoint]]\nhost = \"${NOT_SET}\"\n",
    );
    let (code, lines) = check(&file);
    assert_eq!(
        lines,
        [
            "warning: config.toml:7:1: listener.tls_certificates: this does nothing while tls is disable; set tls to allow or require",
            "config.toml:6:18: listener.proxy_protocol: unknown value \"auto\" (off, v1, v2, v1+v2)",
            "config.toml:7:37: listener.tls_certificates.certificate: cannot read absent.crt: No such file or directory (os error 2)",
            "config.toml:7:57: listener.tls_certificates.key: config.toml holds no private key in PEM",
            "config.toml:11:8: tenant.endpoint.host: the environment variable NOT_SET is not set",
            "tenants/beta.toml:1:1: tenant.name: the tenant \"acme\" is already defined at config.toml:9:1",
            "tenants/beta.toml:5:10: tenant.network.allow: \"10.0.0.1/8\": bits are set beyond the prefix length; write 10.0.0.0/8, or the address alone if only that is meant",
            "config.toml: refused: 6 mistakes, 1 warning",
        ]
    );
    assert_eq!(code, Some(1));
}

#[test]
fn a_file_that_is_not_there_ends_with_1() {
    let folder = Folder::new("absent");
    let (code, lines) = check(&folder.0.join("absent.toml"));
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_node_does_not_start_with_a_mistake_and_tells_it() {
    let folder = Folder::new("run");
    let file = folder.write("config.toml", "[node]\nworkers = -1\nx = 1\n");
    let file = file.to_str().expect("a name");
    for arguments in [&["run", file][..], &[file]] {
        let output = tidegate(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(lines(&output.stdout), [""; 0]);
        let told = lines(&output.stderr);
        assert_eq!(told.len(), 3, "{told:#?}");
        assert!(
            told[1].ends_with("2:11: node.workers: -1 is out of range (0 to 18446744073709551615)"),
            "{told:#?}"
        );
    }
}

#[test]
fn the_shipped_files_pass() {
    for name in ["minimal.toml", "tidegate.fly.toml", "tidegate.toml"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("config")
            .join(name);
        assert_eq!(check(&file).0, Some(0), "{name}");
    }
}

#[test]
fn the_settings_are_printed_as_a_configuration() {
    let output = tidegate(&["settings"]);
    assert!(output.status.success());
    let folder = Folder::new("settings");
    let file = folder.write("config.toml", &String::from_utf8_lossy(&output.stdout));
    assert_eq!(
        check(&file),
        (
            Some(0),
            vec!["config.toml: ok: 1 listener, 1 tenant, 0 warnings".to_owned()]
        )
    );
}

#[test]
fn the_version_is_the_package_s() {
    for flag in ["--version", "-V"] {
        let output = tidegate(&[flag]);
        assert_eq!(
            lines(&output.stdout),
            [format!("tidegate {}", env!("CARGO_PKG_VERSION"))]
        );
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn arguments_that_are_not_understood_end_with_2() {
    for arguments in [&[][..], &["check"], &["--frobnicate"], &["check", "a", "b"]] {
        let output = tidegate(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}
