//! Children of this same program: the server that is killed, and the rail that is not. None outlives whoever
//! started it: when this process ends, however it does, their standard input ends and they with it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;

/// Longer than any of them takes to start, on a slow machine and after a kill.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child that is ready; to drop it is to kill it.
pub(super) struct Process {
    child: Child,
    /// What it said when it was ready.
    pub(super) ready: Value,
}

impl Process {
    /// Starts this program with these arguments and waits until it says, in one line, that it is ready.
    ///
    /// # Errors
    /// It ends before, or says nothing. Why stands in the log.
    pub(super) fn start(arguments: &mut Command, log: &Path) -> Result<Self, Failure> {
        let file = File::options().append(true).create(true).open(log).map_err(|problem| Failure::at(log, problem))?;
        // A group of its own: what interrupts this process is not meant for its children.
        let command = arguments.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file).process_group(0);
        let mut child = command.spawn()?;
        let lines = child.stdout.take().map(lines);
        let mut process = Self { child, ready: Value::Null };
        let line = lines.and_then(|lines| lines.recv_timeout(PATIENCE).ok()).unwrap_or_default();
        process.ready = serde_json::from_str(&line).unwrap_or_default();
        match process.ready.get("pid") {
            Some(_) => Ok(process),
            None => Err(Failure::new(format!("a part of the test did not start: {line}"))
                .with_hint(format!("its log is {}; --keep DIRECTORY keeps it", log.display()))),
        }
    }

    /// A command that calls this very program.
    ///
    /// # Errors
    /// The system does not say which one it is.
    pub(super) fn command() -> Result<Command, Failure> {
        Ok(Command::new(std::env::current_exe()?))
    }

    /// `kill -9`: nothing in it gets to finish.
    pub(super) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Whether it has ended though nobody killed it.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

fn lines(out: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    // Ends with the child, and reads on until then so that the child can write.
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            // Only the first line is waited for.
            sender.send(line).ok();
        }
    });
    lines
}
