//! Suites that take the Rust toolchain only.

use std::process::Command;
use std::time::Duration;

use super::{QUICK, Stop};
use crate::tools::{self, STRACE, UNSHARE};
use crate::workspace::Workspace;
use crate::{child, version};

/// Compiling the workspace from nothing, and then running what was compiled.
const COMPILE_AND_RUN: Duration = Duration::from_secs(20 * 60);

/// Inputs for each target of `fuzz`: less than a minute of them.
const FUZZ_CASES: &str = "40000";

/// What random tests begin with: one commit gets one verdict wherever this runs. New inputs are for `nightly`, and for whoever
/// calls `cargo nextest run`.
const SEEDS: [(&str, &str); 2] = [("PROPTEST_RNG_SEED", "7"), ("BOLERO_RANDOM_SEED", "7")];

/// Watches a process that is no child of `strace`, until that ends.
const CAN_ATTACH: &str = "sleep 1 & strace -o /dev/null -p $!";

pub(super) fn fmt(workspace: &Workspace) -> Result<(), Stop> {
    cargo(workspace, &["fmt", "--all", "--check"], QUICK)
}

pub(super) fn clippy(workspace: &Workspace) -> Result<(), Stop> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    cargo(workspace, &arguments, COMPILE_AND_RUN)
}

pub(super) fn no_rails(workspace: &Workspace) -> Result<(), Stop> {
    check_with(workspace, "")
}

pub(super) fn each_rail_alone(workspace: &Workspace) -> Result<(), Stop> {
    ["bitcoin", "bitgo", "evm", "http"].into_iter().try_for_each(|kind| check_with(workspace, kind))
}

fn check_with(workspace: &Workspace, rails: &str) -> Result<(), Stop> {
    let arguments = ["check", "-p", "bursar", "--bins", "--no-default-features", "--features", rails];
    cargo(workspace, &arguments, COMPILE_AND_RUN)
}

pub(super) fn doc(workspace: &Workspace) -> Result<(), Stop> {
    let mut command = workspace.cargo();
    command.args(["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    Ok(child::run(&mut command, COMPILE_AND_RUN)?)
}

pub(super) fn deny(workspace: &Workspace) -> Result<(), Stop> {
    if !has_subcommand(workspace, "deny") {
        return Err(Stop::Skipped("`cargo-deny` is not installed".to_owned()));
    }
    // The advisory database comes from the network; what is asked here is in the lock file.
    let arguments = ["deny", "--offline", "check", "bans", "licenses", "sources"];
    cargo(workspace, &arguments, QUICK)
}

pub(super) fn unit(workspace: &Workspace) -> Result<(), Stop> {
    if has_subcommand(workspace, "nextest") {
        let mut command = workspace.cargo();
        command.args(["nextest", "run", "--workspace", "--no-fail-fast"]).envs(SEEDS);
        child::run(&mut command, COMPILE_AND_RUN)?;
        // What nextest does not run: the examples in the documentation.
        return cargo(workspace, &["test", "--workspace", "--doc"], COMPILE_AND_RUN);
    }
    println!("`cargo-nextest` is not installed: `cargo test` runs the same tests");
    let mut command = workspace.cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]).envs(SEEDS);
    Ok(child::run(&mut command, COMPILE_AND_RUN)?)
}

/// What `unit` tries with some thousand inputs, with more of them: the whole workspace, as `unit` compiled it.
pub(super) fn fuzz(workspace: &Workspace) -> Result<(), Stop> {
    let mut command = workspace.cargo();
    command.args(["test", "--workspace", "--test", "fuzz"]);
    command.env("BURSAR_FUZZ_CASES", FUZZ_CASES).envs(SEEDS);
    Ok(child::run(&mut command, COMPILE_AND_RUN)?)
}

/// Tests that take more than a toolchain; the other suites leave them out.
pub(super) fn faults(workspace: &Workspace) -> Result<(), Stop> {
    tools::ensure(&[STRACE, UNSHARE])?;
    if !quiet(Command::new("unshare").args(["--user", "--map-root-user", "--mount", "true"])) {
        return Err(Stop::Skipped("nothing can be mounted here, not even for oneself".to_owned()));
    }
    if !quiet(Command::new("sh").args(["-c", CAN_ATTACH])) {
        return Err(Stop::Skipped("`strace` may not watch a process here".to_owned()));
    }
    // The whole workspace, so that what the suite before compiled is used again.
    let arguments: &[&str] = match has_subcommand(workspace, "nextest") {
        true => &["nextest", "run", "--workspace", "--test", "faults", "--run-ignored", "all", "--no-fail-fast"],
        false => &["test", "--workspace", "--test", "faults", "--no-fail-fast", "--", "--include-ignored"],
    };
    cargo(workspace, arguments, COMPILE_AND_RUN)
}

/// `bursar prove` on a program that can be told to hold nothing: it must find that, and else pass. The whole
/// workspace again, so that only what knows of the fault is compiled once more.
pub(super) fn prove_broken(workspace: &Workspace) -> Result<(), Stop> {
    cargo(workspace, &["test", "--workspace", "--features", "bursar/break-no-hold", "--test", "prove"], COMPILE_AND_RUN)
}

/// The binary that the tests of the workspace compiled; where they were not compiled yet, they are.
pub(super) fn binary(workspace: &Workspace) -> Result<(), Stop> {
    cargo(workspace, &["test", "--workspace", "--no-run"], COMPILE_AND_RUN)
}

pub(super) fn release(workspace: &Workspace) -> Result<(), Stop> {
    let arguments = ["build", "--release", "--package", "bursar", "--bin", "bursar"];
    cargo(workspace, &arguments, COMPILE_AND_RUN)
}

fn cargo(workspace: &Workspace, arguments: &[&str], limit: Duration) -> Result<(), Stop> {
    Ok(child::run(workspace.cargo().args(arguments), limit)?)
}

pub(super) fn has_subcommand(workspace: &Workspace, name: &str) -> bool {
    version(&format!("cargo-{name}"), "--version").is_some() || quiet(workspace.cargo().args([name, "--version"]))
}

fn quiet(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
