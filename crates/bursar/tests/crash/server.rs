//! The real program on a data directory that outlives it. No server outlives its test.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use bursar_gateway::sandbox::{Book, Transfer};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;

/// What the wallet holds at first, in satoshi.
pub(crate) const FUNDS: u64 = 10_000_000_000;

/// Longer than anything here takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A place for a data directory and the log.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Starts a server and waits until it says, in one line, that it is ready.
    pub(crate) fn start(&self) -> Server {
        let (child, lines) = self.spawn();
        let mut server = Server { child, ready: Value::Null };
        let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it did not start: {}", self.log()));
        server.ready = serde_json::from_str(&line).unwrap();
        server
    }

    /// Starts a server that must end by itself, and gives its exit status and what it said.
    pub(crate) fn start_in_vain(&self) -> (ExitStatus, String) {
        let (child, lines) = self.spawn();
        let mut server = Server { child, ready: Value::Null };
        // With `--json` the one line is what went wrong, and the lines end when the process does.
        let failure = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it said nothing: {}", self.log()));
        let failure: Value = serde_json::from_str(&failure).unwrap();
        assert!(failure["error"].is_string() && failure.get("url").is_none(), "{failure}");
        assert_eq!(lines.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "it goes on");
        (server.child.wait().unwrap(), self.log())
    }

    fn spawn(&self) -> (Child, Receiver<String>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bursar"));
        command.args(["dev", "--json", "--listen", "127.0.0.1:0", "--data-dir"]).arg(self.path("data"));
        command.env_remove("BURSAR_LOG").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(File::create(self.path("log")).unwrap()).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        (child, lines)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Every transfer in the sandbox's book.
    pub(crate) fn book(&self) -> Vec<Transfer> {
        Book::open(&self.path("data/sandbox.db")).unwrap().transfers().unwrap()
    }
}

/// A running server; to drop it is to kill it.
pub(crate) struct Server {
    child: Child,
    ready: Value,
}

impl Server {
    pub(crate) fn ready(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    /// What it printed of the user and the wallets that a restart must not change.
    pub(crate) fn printed(&self) -> Vec<String> {
        let names = ["username", "password", "otp", "serverXpub"];
        let wallets = self.ready["wallets"].as_array().unwrap().iter();
        let wallets =
            wallets.flat_map(|wallet| ["id", "coin", "label", "address"].map(|name| wallet[name].to_string()));
        names.iter().map(|name| self.ready(name).to_owned()).chain(wallets).collect()
    }

    fn wallet(&self) -> &Value {
        let wallets = self.ready["wallets"].as_array().unwrap();
        wallets.iter().find(|wallet| wallet["coin"] == "tbtc").unwrap()
    }

    /// What the wallet held at the start, as printed.
    pub(crate) fn balance(&self) -> u64 {
        self.wallet()["balance"].as_str().unwrap().parse().unwrap()
    }

    /// A client with a connection of its own.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.ready("url"), self.wallet()["id"].as_str().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `kill -9`: nothing in the process gets to finish.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn lines(out: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}
