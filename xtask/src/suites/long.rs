//! Suites for the night: what `cargo xtask test` does in short, for longer, and a look at whether it would notice.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::Stop;
use crate::child;
use crate::workspace::{self, Workspace};

/// Hours, on a slow machine: compiling included.
const LONG: Duration = Duration::from_secs(3 * 60 * 60);

/// Compiling the program once more.
const COMPILE: Duration = Duration::from_secs(30 * 60);

/// `kill -9` in a loop.
pub(super) fn crash(workspace: &Workspace) -> Result<(), Stop> {
    let mut command = workspace.cargo();
    command.args(["test", "--release", "--package", "bursar", "--test", "crash", "--", "--nocapture"]);
    command.envs([("BURSAR_CRASH_ROUNDS", "50"), ("BURSAR_CRASH_CLIENTS", "64")]);
    Ok(child::run(&mut command, LONG)?)
}

/// How often `properties` begins anew.
const BEGINNINGS: usize = 100;

/// What the suite `unit` runs from one fixed beginning, from as many that are random; what fails prints its input.
pub(super) fn properties(workspace: &Workspace) -> Result<(), Stop> {
    for _ in 0..BEGINNINGS {
        let mut command = workspace.cargo();
        command.args([
            "test",
            "--release",
            "--package",
            "bursar-core",
            "--package",
            "bursar-rails",
            "--lib",
            "--quiet",
        ]);
        child::run(&mut command, LONG)?;
    }
    Ok(())
}

/// Inputs that no run before has seen, for every decoder and classifier of the rails.
pub(super) fn fuzz(workspace: &Workspace) -> Result<(), Stop> {
    let mut command = workspace.cargo();
    command.args(["test", "--release", "--package", "bursar-rails", "--test", "fuzz"]);
    command.env("BURSAR_FUZZ_CASES", "10000000");
    Ok(child::run(&mut command, LONG)?)
}

/// What `bursar prove` does, with more of everything.
pub(super) fn prove(workspace: &Workspace) -> Result<(), Stop> {
    let mut command = workspace.command(workspace.release_binary()?);
    command.args(["prove", "--spends", "100000", "--tokens", "32", "--connections", "128", "--kills", "50"]);
    Ok(child::run(command.args(["--seconds", "3600"]), LONG)?)
}

/// A program that grants everything, built apart: with the fault, `prove` must fail and say which promise broke;
/// without it, the same program must pass.
pub(super) fn prove_broken(workspace: &Workspace) -> Result<(), Stop> {
    let target = workspace.target_directory()?.join("broken");
    let mut build = workspace.cargo();
    build.args(["build", "--package", "bursar", "--features", "break-no-hold", "--target-dir"]).arg(&target);
    child::run(&mut build, COMPILE)?;
    let program = target.join("debug").join("bursar");
    let sound = report(workspace, &program, &[])?;
    if broken_promises(&sound) != Some(Vec::new()) {
        return Err(Stop::Failed(format!("without the fault it must pass: {sound}")));
    }
    let broken = report(workspace, &program, &["--break", "no-hold"])?;
    match broken_promises(&broken) {
        Some(promises) if promises.iter().any(|promise| promise == "P1") => Ok(()),
        _ => Err(Stop::Failed(format!("spends over the limit were not found: {broken}"))),
    }
}

/// The report of a quick run, whose exit status must agree with it.
fn report(workspace: &Workspace, program: &Path, arguments: &[&str]) -> Result<Value, Stop> {
    let mut command = workspace.command(program);
    command.args(["prove", "--quick", "--json"]).args(arguments);
    let (status, text) = workspace::told(&mut command)?;
    let report: Value = serde_json::from_str(&text).map_err(|_| format!("`bursar prove` gave no report: {text}"))?;
    let is_sound = broken_promises(&report).is_some_and(|promises| promises.is_empty());
    if status.success() != is_sound {
        return Err(Stop::Failed(format!("it ended with {status}, but its report says: {report}")));
    }
    Ok(report)
}

/// The promises that a report names as broken.
fn broken_promises(report: &Value) -> Option<Vec<String>> {
    let broken = report.get("broken")?.as_array()?;
    broken.iter().map(|one| Some(one.get("promise")?.as_str()?.to_owned())).collect()
}
