//! Tools that come from outside the toolchain: found, installed where that is possible, else reported.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::suites::Stop;
use crate::{child, version, workspace};

const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// A program and the Debian package that has it.
pub(crate) struct Tool {
    program: &'static str,
    package: &'static str,
}

pub(crate) const NODE: Tool = Tool {
    program: "node",
    package: "nodejs",
};
pub(crate) const NPM: Tool = Tool {
    program: "npm",
    package: "npm",
};
pub(crate) const CURL: Tool = Tool {
    program: "curl",
    package: "curl",
};

/// Makes sure that the tools are there.
///
/// # Errors
/// [`Stop::Skipped`] names a tool that is neither here nor to be had.
pub(crate) fn ensure(tools: &[Tool]) -> Result<(), Stop> {
    for tool in tools {
        if version(tool.program, "--version").is_some() {
            continue;
        }
        let cause = match install(tool.package) {
            Ok(()) if version(tool.program, "--version").is_some() => continue,
            Ok(()) => format!("package `{}` does not bring it", tool.package),
            Err(cause) => cause,
        };
        let program = tool.program;
        return Err(Stop::Skipped(format!("no `{program}` here: {cause}")));
    }
    Ok(())
}

fn install(package: &str) -> Result<(), String> {
    if !is_root() || version("apt-get", "--version").is_none() {
        return Err("installing it takes root and `apt-get`".to_owned());
    }
    refresh_package_lists()?;
    let arguments = ["install", "-y", "--no-install-recommends", package];
    apt_get(&arguments)
}

/// `apt-get update`, once a run: a failure does not get better by asking again.
fn refresh_package_lists() -> Result<(), String> {
    static REFRESHED: OnceLock<Result<(), String>> = OnceLock::new();
    REFRESHED.get_or_init(|| apt_get(&["update"])).clone()
}

fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    command.args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    child::run(&mut command, INSTALL_LIMIT).map_err(|failure| failure.to_string())
}

fn is_root() -> bool {
    workspace::output(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0")
}
