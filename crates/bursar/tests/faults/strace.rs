//! `strace` on a running server: to see what it asks the kernel for, or to have the kernel refuse it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::server::Server;

/// Watches a server until it is dropped.
pub(crate) struct Strace(Child);

impl Strace {
    /// Writes the named system calls of all threads to a file, with the files they are about and what is
    /// written, however long.
    pub(crate) fn record(server: &Server, calls: &str, to: &Path) -> Self {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-s", "65536", "-e", &format!("trace={calls}"), "-o"]).arg(to);
        Self::attach(strace, server)
    }

    /// Has system calls fail, where they are about these files.
    pub(crate) fn refuse(server: &Server, calls: &str, error: &str, files: &[&Path]) -> Self {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "-e", &format!("inject={calls}:error={error}")]);
        for file in files {
            strace.arg("-P").arg(file);
        }
        Self::attach(strace, server)
    }

    fn attach(mut strace: Command, server: &Server) -> Self {
        strace.args(["-p", &server.pid().to_string()]).stderr(Stdio::piped());
        let mut child = strace.spawn().expect("`strace` is there");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut told = String::new();
        while !told.contains("attached") {
            let line = lines.next().unwrap_or_else(|| panic!("it did not attach: {told}")).unwrap();
            told.push_str(&line);
        }
        thread::spawn(move || lines.for_each(drop));
        Self(child)
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // Told to end it lets go of the server; killed it would leave it stopped.
        let told = Command::new("kill").arg(self.0.id().to_string()).status();
        assert!(told.is_ok_and(|status| status.success()));
        self.0.wait().ok();
    }
}
