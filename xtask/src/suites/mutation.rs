//! Suites for the night that look for what the tests do not notice: more worlds by seed, and faults put into
//! the code on purpose.

use std::process::Command;
use std::time::Duration;

use super::Stop;
use super::rust::has_subcommand;
use crate::child;
use crate::workspace::{self, Workspace};

/// Hours, on a slow machine.
const LONG: Duration = Duration::from_secs(8 * 60 * 60);
/// Compiling `cargo-mutants`.
const INSTALL: Duration = Duration::from_secs(30 * 60);
/// How many worlds a night has.
const WORLDS: u64 = 100_000;
/// How many histories a night has, each with so many commands.
const HISTORIES: u64 = 200;
const COMMANDS: u64 = 6000;

/// `cargo-mutants` on what decides about money: a mutant that no test notices is a failure. What is mutated and
/// what is left out, with reasons, is in `.cargo/mutants.toml`.
pub(super) fn mutation(workspace: &Workspace) -> Result<(), Stop> {
    if !has_subcommand(workspace, "mutants") {
        let install = child::run(workspace.cargo().args(["install", "--locked", "cargo-mutants"]), INSTALL);
        install.map_err(|failure| Stop::Skipped(format!("`cargo-mutants` is not to be had: {failure}")))?;
    }
    let mut command = workspace.cargo();
    command.args(["mutants", "--package", "bursar-core", "--no-shuffle", "--output"]);
    command.arg(workspace.target_directory()?);
    Ok(child::run(&mut command, LONG)?)
}

/// Worlds that no run before has seen: other ones for every commit, and the same ones for the same.
pub(super) fn simulation(workspace: &Workspace) -> Result<(), Stop> {
    let arguments = ["--test", "simulation", "simulation"];
    by_seed(workspace, &arguments, WORLDS, None)
}

/// Histories that no run before has seen, in the engine on the real store and in the naive model.
pub(super) fn model(workspace: &Workspace) -> Result<(), Stop> {
    by_seed(workspace, &["--test", "model"], HISTORIES, Some(COMMANDS))
}

/// Runs a test of the simulator for so many seeds of this commit.
fn by_seed(workspace: &Workspace, test: &[&str], seeds: u64, steps: Option<u64>) -> Result<(), Stop> {
    let commit = workspace::output(Command::new("git").current_dir(workspace.root()).args(["rev-parse", "HEAD"]))?;
    let number = commit.get(..8).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let first = number.unwrap_or(1) * seeds;
    let mut command = workspace.cargo();
    command.args(["test", "--release", "--package", "bursar-sim"]).args(test).args(["--", "--nocapture"]);
    command.envs([("BURSAR_SIM_FIRST", first.to_string()), ("BURSAR_SIM_SEEDS", seeds.to_string())]);
    command.envs(steps.map(|steps| ("BURSAR_SIM_STEPS", steps.to_string())));
    Ok(child::run(&mut command, LONG)?)
}
