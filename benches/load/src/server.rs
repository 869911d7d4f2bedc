//! Servers of this machine, and the processor time they take. One ends when whoever started it does.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Problem;
use crate::gateway::Nginx;

/// Longer than any of them takes to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// After how long a server that does not listen yet is looked for again.
const AGAIN: Duration = Duration::from_micros(200);

/// The kernel counts processor time in hundredths of a second, whatever its own clock (`man 5 proc`, `USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// A running server; it is killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// What it cannot do without: its processor time counts as the server's own.
    beside: Vec<Server>,
    /// What it said when it was ready.
    pub(crate) ready: Value,
}

impl Server {
    /// The bare server, of this same program.
    pub(crate) fn hello(cores: Option<&str>) -> Result<Self, Problem> {
        let mut command = on_cores(&std::env::current_exe()?, cores);
        command.arg("hello");
        Self::start(&mut command)
    }

    /// The test environment in this data directory.
    pub(crate) fn dev(bursar: &Path, data: &Path, rails: Option<&Path>, cores: Option<&str>) -> Result<Self, Problem> {
        let mut command = on_cores(bursar, cores);
        command.args(["dev", "--json", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
        if let Some(rails) = rails {
            command.arg("--rails").arg(rails);
        }
        Self::start(&mut command)
    }

    /// What answers as a node of a chain would, of this same program.
    pub(crate) fn node() -> Result<Self, Problem> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("node");
        Self::start(&mut command)
    }

    /// nginx in one process, with what it cannot do without.
    pub(crate) fn nginx(nginx: &Nginx, beside: Vec<Self>, cores: Option<&str>) -> Result<Self, Problem> {
        let Nginx { configuration, address } = nginx;
        let mut command = on_cores(Path::new("nginx"), cores);
        command.arg("-c").arg(configuration).stdin(Stdio::null());
        let child = command.spawn().map_err(|problem| format!("nginx cannot be started: {problem}"))?;
        let server = Self { child, address: *address, beside, ready: Value::Null };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if started.elapsed() > PATIENCE {
                return Err("nginx did not start".into());
            }
            std::thread::park_timeout(AGAIN);
        }
        Ok(server)
    }

    fn start(command: &mut Command) -> Result<Self, Problem> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let (sender, lines) = channel();
        let out = child.stdout.take().map(BufReader::new);
        std::thread::spawn(move || out.and_then(|out| out.lines().next()).map(|line| sender.send(line)));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, address, beside: Vec::new(), ready: Value::Null };
        let line = lines.recv_timeout(PATIENCE).map_err(|_| "a server did not start")??;
        server.ready = serde_json::from_str(&line)?;
        let address = server.url()?.trim_start_matches("http://").parse::<SocketAddr>()?;
        if !address.ip().is_loopback() {
            return Err(format!("{address} is not of this machine").into());
        }
        server.address = address;
        Ok(server)
    }

    /// Where it is.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for its answer to one request.
    pub(crate) fn first_answer(&self) -> Result<(), Problem> {
        let mut connection = TcpStream::connect(self.address)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.write_all(b"GET /api/v1/ping HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        match connection.read(&mut [0; 64])? {
            0 => Err("a server closed the connection".into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Where it is, for clients.
    pub(crate) fn url(&self) -> Result<&str, Problem> {
        self.ready.get("url").and_then(Value::as_str).ok_or_else(|| "a server named no URL".into())
    }

    /// The processor time it has taken since it started, user and system, all its threads.
    pub(crate) fn cpu(&self) -> Result<Duration, Problem> {
        self.beside.iter().try_fold(cpu(&self.child.id().to_string())?, |sum, beside| Ok(sum + beside.cpu()?))
    }
}

/// The processor time this process has taken.
pub(crate) fn own_cpu() -> Result<Duration, Problem> {
    cpu("self")
}

fn cpu(process: &str) -> Result<Duration, Problem> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let ticks = ticks(&stat).ok_or("/proc/<pid>/stat reads otherwise here")?;
    Ok(TICK * ticks)
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Fields 14 and 15, counted after the name in parentheses, which may hold anything.
fn ticks(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u32>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

/// A command that is kept to these processors. `taskset` becomes the program, so the process id is the program's.
fn on_cores(program: &Path, cores: Option<&str>) -> Command {
    let Some(cores) = cores else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", cores]).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn processor_time_is_read_past_a_name_with_parentheses_and_blanks() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 3 4 20 0 5 0 100 1000 200";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (short) S 1"), None);
    }
}
