//! Tools that come from outside the toolchain: found, installed where that is possible, else reported.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::suites::Stop;
use crate::{child, version, workspace};

const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// A program, the oldest version that will do, and the Debian package that has it.
pub(crate) struct Tool {
    program: &'static str,
    /// What makes it say its version.
    asks: &'static str,
    /// The first number of its version, as in `v20.1.0`.
    major_min: u32,
    package: &'static str,
}

pub(crate) const NODE: Tool = Tool { program: "node", asks: "--version", major_min: 20, package: "nodejs" };
pub(crate) const NPM: Tool = Tool { program: "npm", asks: "--version", major_min: 0, package: "npm" };
pub(crate) const CURL: Tool = Tool { program: "curl", asks: "--version", major_min: 0, package: "curl" };
pub(crate) const CHROMIUM: Tool = Tool { program: "chromium", asks: "--version", major_min: 0, package: "chromium" };
pub(crate) const NGINX: Tool = Tool { program: "nginx", asks: "-v", major_min: 0, package: "nginx-light" };
pub(crate) const CADDY: Tool = Tool { program: "caddy", asks: "version", major_min: 0, package: "caddy" };
pub(crate) const PYTHON: Tool = Tool { program: "python3", asks: "--version", major_min: 0, package: "python3" };
pub(crate) const PHP: Tool = Tool { program: "php", asks: "--version", major_min: 0, package: "php-cli" };
pub(crate) const RACK: Tool = Tool { program: "rackup", asks: "--version", major_min: 0, package: "ruby-rack" };
pub(crate) const STRACE: Tool = Tool { program: "strace", asks: "--version", major_min: 0, package: "strace" };
pub(crate) const UNSHARE: Tool = Tool { program: "unshare", asks: "--version", major_min: 0, package: "util-linux" };

/// Makes sure that the tools are there.
///
/// # Errors
/// [`Stop::Skipped`] names a tool that is neither here nor to be had.
pub(crate) fn ensure(tools: &[Tool]) -> Result<(), Stop> {
    let unusable = tools.iter().find_map(|tool| make_usable(tool).err());
    unusable.map_or(Ok(()), |reason| Err(Stop::Skipped(reason)))
}

fn make_usable(tool: &Tool) -> Result<(), String> {
    let program = tool.program;
    if version(program, tool.asks).is_none() {
        install(tool.package).map_err(|cause| format!("no `{program}` here: {cause}"))?;
    }
    let found = version(program, tool.asks);
    let found = found.ok_or_else(|| format!("package `{}` has no `{program}`", tool.package))?;
    if tool.major_min > 0 && major(&found).is_none_or(|major| major < tool.major_min) {
        let wanted = tool.major_min;
        return Err(format!("`{program}` is {found}, and it takes {wanted} or newer"));
    }
    Ok(())
}

/// A program of Python's package index in an environment of its own, which is made unless it is there: the path of
/// the program. `requirements` names the packages, to the version.
///
/// # Errors
/// [`Stop::Skipped`] says why it is not to be had.
pub(crate) fn python_program(environment: &Path, requirements: &Path, program: &str) -> Result<PathBuf, Stop> {
    ensure(&[PYTHON])?;
    let installed = environment.join("bin").join(program);
    let wanted = std::fs::read(requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    let stamp = environment.join("requirements.txt");
    if installed.exists() && std::fs::read(&stamp).is_ok_and(|made_of| made_of == wanted) {
        return Ok(installed);
    }
    let skipped = |failure: child::Failure| Stop::Skipped(failure.to_string());
    let make = || child::run(Command::new("python3").args(["-m", "venv"]).arg(environment), INSTALL_LIMIT);
    if make().is_err() {
        // Debian has it as a package of its own.
        install("python3-venv").map_err(Stop::Skipped)?;
        make().map_err(skipped)?;
    }
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements);
    child::run(&mut pip, INSTALL_LIMIT).map_err(skipped)?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(installed)
}

/// The first number in what a program prints about its version.
fn major(version: &str) -> Option<u32> {
    let number = version.trim_start_matches('v').split('.').next()?;
    number.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::{Tool, ensure, major};
    use crate::suites::Stop;

    #[test]
    fn a_tool_that_is_too_old_is_skipped_with_its_version() {
        // A program that is on every machine with this toolchain, and has no version 9999.
        let cargo = Tool { program: "cargo", asks: "--version", major_min: 9999, package: "cargo" };
        let stopped = ensure(&[cargo]);
        let Err(Stop::Skipped(reason)) = stopped else {
            panic!("{stopped:?}");
        };
        assert!(reason.contains("9999"), "{reason}");
    }

    #[test]
    fn a_version_is_read_as_node_prints_it() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("11.19.1"), Some(11));
        assert_eq!(major("none"), None);
    }
}
