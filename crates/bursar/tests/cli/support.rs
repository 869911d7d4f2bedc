//! Runs the real program: servers that are killed when a test ends, and commands with a home of their own.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory for one test: its data, and the home of whoever types the commands.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program with nothing of the surroundings that could change what it does.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
        for variable in [
            "BURSAR_URL",
            "BURSAR_TOKEN",
            "BURSAR_PASSWORD",
            "BURSAR_USERNAME",
            "BURSAR_OTP",
            "BURSAR_CONFIG",
            "BURSAR_LOG",
        ] {
            command.env_remove(variable);
        }
        command.env("XDG_CONFIG_HOME", self.path("xdg")).current_dir(self.0.path()).stdin(Stdio::null());
        command.args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied());
        Ran(command.output().unwrap())
    }

    /// Starts a server and waits until it says, in one line, that it is ready.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        let mut child = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let Ok(line) = lines.recv_timeout(PATIENCE) else {
            child.kill().ok();
            let mut told = String::new();
            child.stderr.take().unwrap().read_to_string(&mut told).ok();
            panic!("the server did not start: {told}");
        };
        Server { child, lines, ready: serde_json::from_str(&line).unwrap() }
    }
}

/// What a command did.
pub(crate) struct Ran(Output);

impl Ran {
    pub(crate) fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    pub(crate) fn told(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// What it printed, whatever came of it.
    pub(crate) fn printed(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    /// What it printed as a failure for programs.
    pub(crate) fn failure(&self) -> Value {
        assert!(!self.0.status.success());
        serde_json::from_slice(&self.0.stdout).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        assert!(self.0.status.success(), "{}", self.told());
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        let text = self.text();
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// A running server; it is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    pub(crate) ready: Value,
}

impl Server {
    pub(crate) fn ready(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    pub(crate) fn wallet(&self, coin: &str) -> &str {
        let wallets = self.ready["wallets"].as_array().unwrap();
        wallets.iter().find(|wallet| wallet["coin"] == coin).unwrap()["id"].as_str().unwrap()
    }

    /// Tells it to end as a service manager does, and gives what else it printed.
    pub(crate) fn stop(mut self) -> (ExitStatus, Vec<String>) {
        let told = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(told.success());
        let mut rest = Vec::new();
        // The lines end when the process does.
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => rest.push(line),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("the server did not end"),
            }
        }
        (self.child.wait().unwrap(), rest)
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The permission bits of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Sets the permission bits of a file.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
