//! Where the workspace is, where it builds to, and how its `cargo` is called.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde_json::Value;

/// This checkout.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the checkout that this program was built from.
    pub(crate) fn locate() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let root = root.ok_or("the folder of xtask has no parent")?.to_owned();
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A `cargo` command in the root, of the toolchain that built this program.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        self.command(cargo)
    }

    /// A command that starts in the root.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// Where the tests' build puts the binary `bursar`: with debug assertions, and third-party crates shared with the tests.
    pub(crate) fn binary(&self) -> Result<PathBuf, String> {
        Ok(self.target_directory()?.join("debug").join("bursar"))
    }

    /// Where `cargo build --release` puts the binary `bursar`.
    pub(crate) fn release_binary(&self) -> Result<PathBuf, String> {
        Ok(self.target_directory()?.join("release").join("bursar"))
    }

    /// Where this workspace builds to.
    pub(crate) fn target_directory(&self) -> Result<PathBuf, String> {
        let metadata = self.cargo_json(&["metadata", "--format-version=1", "--no-deps"])?;
        let target = metadata.get("target_directory").and_then(Value::as_str);
        Ok(PathBuf::from(target.ok_or("`cargo metadata` names no target directory")?))
    }

    fn cargo_json(&self, arguments: &[&str]) -> Result<Value, String> {
        let text = output(self.cargo().args(arguments))?;
        serde_json::from_str(&text).map_err(|error| format!("`cargo metadata`: {error}"))
    }
}

/// How a command ended and what it printed, for commands that may fail.
pub(crate) fn told(command: &mut Command) -> Result<(ExitStatus, String), String> {
    let name = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("`{name}`: {error}"))?;
    let text = String::from_utf8(output.stdout).map_err(|error| format!("`{name}`: {error}"))?;
    Ok((output.status, text))
}

/// What a short command prints, for commands that only ask.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("`{name}`: {error}"))?;
    if !output.status.success() {
        let cause = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{name}` failed: {}", cause.trim()));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("`{name}`: {error}"))
}
