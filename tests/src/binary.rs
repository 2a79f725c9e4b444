//! Where the binary is: built once for a run of the tests, whoever asks first.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

/// The binary `sluice`, of the profile under which the tests run.
pub fn sluice() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(build)
}

fn build() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a program");
    // target/<profile>/deps/<test>, or target/<profile>/examples/<test>
    let folder = test.ancestors().nth(2).expect("a test lies in the target folder").to_owned();
    let lock = File::create(folder.join("sluice-tests.lock")).expect("the target folder can be written");
    lock.lock().expect("the build can be locked");
    let stamp = folder.join("sluice-tests.built");
    // One runner starts a process for each test: the first of them builds.
    let runner = runner();
    if fs::read_to_string(&stamp).is_ok_and(|built| built == runner) {
        return folder.join("sluice");
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "-p", "sluice-server", "--bin", "sluice"]).current_dir(workspace());
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.output().expect("cargo can be started");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    fs::write(&stamp, runner).expect("the target folder can be written");
    folder.join("sluice")
}

/// The process that runs the tests, told apart from later ones with its number.
fn runner() -> String {
    let parent = std::os::unix::process::parent_id();
    let stat = fs::read_to_string(format!("/proc/{parent}/stat")).unwrap_or_default();
    let started = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(19)).unwrap_or_default();
    format!("{parent} {started}")
}
