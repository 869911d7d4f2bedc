//! A server as a process of its own. None outlives its test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::client::Client;

/// Longer than anything here takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The real program.
pub(crate) const BURSAR: &str = env!("CARGO_BIN_EXE_bursar");

/// What makes it a test environment on any free port.
pub(crate) const DEV: [&str; 5] = ["dev", "--json", "--listen", "127.0.0.1:0", "--data-dir"];

/// A running server; to drop it is to kill it.
pub(crate) struct Server {
    child: Child,
    ready: Value,
}

impl Server {
    /// Starts a server and waits until it says, in one line of JSON, that it is ready.
    pub(crate) fn start(command: &mut Command) -> Self {
        match Self::try_start(command) {
            Ok(server) => server,
            Err((status, failure)) => panic!("it did not start: {status}, {failure}"),
        }
    }

    /// Starts a server that may end at once, and gives its exit status and what it said then.
    pub(crate) fn try_start(command: &mut Command) -> Result<Self, (ExitStatus, Value)> {
        let command = command.env_remove("BURSAR_LOG").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = Self { child: command.spawn().unwrap(), ready: Value::Null };
        let (sender, lines) = channel();
        let out = BufReader::new(server.child.stdout.take().unwrap());
        thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let document = loop {
            let line = lines.recv_timeout(PATIENCE).expect("it says something");
            if let Some(start) = line.find('{') {
                break serde_json::from_str::<Value>(&line[start..]).unwrap();
            }
        };
        if document["url"].is_string() {
            server.ready = document;
            return Ok(server);
        }
        Err((server.child.wait().unwrap(), document))
    }

    pub(crate) fn ready(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {}", self.ready))
    }

    pub(crate) fn pid(&self) -> u64 {
        self.ready["pid"].as_u64().unwrap()
    }

    /// The bitcoin wallet.
    pub(crate) fn wallet(&self) -> &str {
        let wallets = self.ready["wallets"].as_array().unwrap();
        wallets.iter().find(|wallet| wallet["coin"] == "tbtc").unwrap()["id"].as_str().unwrap()
    }

    /// A client with a connection of its own.
    pub(crate) fn client(&self) -> Client {
        Client::of(self)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `kill -9`: nothing in the process gets to finish.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
