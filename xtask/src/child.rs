//! Children that cannot outlive their time, or the person who started them.
//!
//! Each child leads a process group of its own, and a [`Leash`] ends the whole group when the time is up,
//! when the child is done (what it left behind ends too), and when this program dies in whatever way.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// Waits for its standard input to close, then ends process group `$1`: politely, after 5 s by force.
const GUARD: &str = r#"
read -r _
kill -s TERM -- "-$1" 2>/dev/null || exit 0
tries=50
while [ "$tries" -gt 0 ] && kill -s 0 -- "-$1" 2>/dev/null; do
    sleep 0.1
    tries=$((tries - 1))
done
kill -s KILL -- "-$1" 2>/dev/null
"#;

/// Why a child did not do what it was started for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It could not be started or waited for.
    Unstartable { command: String, cause: io::Error },
    /// It ended, and said that it failed.
    Unsuccessful { command: String, status: ExitStatus },
    /// Its time was up.
    TimedOut { command: String, limit: Duration },
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unstartable { command, cause } => {
                write!(formatter, "`{command}` could not run: {cause}")
            }
            Self::Unsuccessful { command, status } => {
                write!(formatter, "`{command}` failed: {status}")
            }
            Self::TimedOut { command, limit } => {
                let seconds = limit.as_secs_f32();
                write!(formatter, "`{command}` was ended after {seconds} s")
            }
        }
    }
}

/// Runs a command to its end; what it prints streams through.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<(), Failure> {
    println!("$ {}", text_of(command));
    Running::start(command)?.wait(limit)
}

/// A child that is running, and will not be once this is dropped.
pub(crate) struct Running {
    command: String,
    stdout: Option<ChildStdout>,
    ended: Receiver<io::Result<ExitStatus>>,
    _leash: Leash,
}

impl Running {
    /// Starts a command with nothing on its standard input.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        let text = text_of(command);
        let unstartable = |cause| Failure::Unstartable { command: text.clone(), cause };
        let mut child = command.stdin(Stdio::null()).process_group(0).spawn().map_err(unstartable)?;
        let leash = Leash::on(&mut child).map_err(unstartable)?;
        let stdout = child.stdout.take();
        let (sender, ended) = channel();
        // The thread ends with the child; nobody listening any more is fine.
        std::thread::spawn(move || sender.send(child.wait()));
        Ok(Self { command: text, stdout, ended, _leash: leash })
    }

    /// Its standard output, once, if the command was set up with a pipe.
    pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.stdout.take()
    }

    /// Waits until it ends by itself, at most for `limit`.
    pub(crate) fn wait(self, limit: Duration) -> Result<(), Failure> {
        let command = self.command.clone();
        match self.ended.recv_timeout(limit) {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(Failure::Unsuccessful { command, status }),
            Ok(Err(cause)) => Err(Failure::Unstartable { command, cause }),
            Err(RecvTimeoutError::Timeout) => Err(Failure::TimedOut { command, limit }),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Failure::Unstartable { command, cause: io::Error::other("nobody waits for it") })
            }
        }
    }
}

/// A process beside the child's group that outlives this program just long enough to end that group.
struct Leash {
    guard: Child,
    /// Never written to: the guard notices that it closes.
    held: Option<ChildStdin>,
}

impl Leash {
    fn on(child: &mut Child) -> io::Result<Self> {
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard", &child.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match guard {
            Ok(mut guard) => {
                let held = guard.stdin.take();
                Ok(Self { guard, held })
            }
            Err(error) => {
                child.kill()?;
                Err(error)
            }
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        drop(self.held.take());
        if let Err(error) = self.guard.wait() {
            eprintln!("the guard of a process group was lost: {error}");
        }
    }
}

/// The command as a person would type it, without its environment and the folder of its program.
fn text_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::{Failure, Running};

    const LONG: Duration = Duration::from_secs(30);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        command
    }

    fn exists(process: &str) -> bool {
        let mut probe = shell(&format!("kill -0 {process} 2>/dev/null"));
        probe.status().unwrap().success()
    }

    #[test]
    fn a_child_is_judged_by_its_exit_status() {
        assert!(Running::start(&mut shell("exit 0")).unwrap().wait(LONG).is_ok());
        let failed = Running::start(&mut shell("exit 3")).unwrap().wait(LONG);
        assert!(matches!(failed, Err(Failure::Unsuccessful { .. })), "{failed:?}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let failure = Running::start(&mut Command::new("no-such-program-here")).err();
        assert!(failure.unwrap().to_string().contains("no-such-program-here"));
    }

    #[test]
    fn a_child_out_of_time_is_ended_with_all_its_children() {
        let started = Instant::now();
        let mut child = Running::start(&mut shell("sleep 60 & echo $!; wait")).unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.take_stdout().unwrap());
        stdout.read_line(&mut line).unwrap();
        assert!(exists(line.trim()));

        let outcome = child.wait(Duration::from_millis(50));
        assert!(matches!(outcome, Err(Failure::TimedOut { .. })), "{outcome:?}");
        // The pipe closes when the last process that holds it is gone.
        assert_eq!(stdout.read_line(&mut line).unwrap(), 0);
        assert!(started.elapsed() < LONG);
    }

    #[test]
    fn what_a_child_leaves_behind_ends_with_it() {
        let mut child = Running::start(&mut shell("sleep 60 & exit 0")).unwrap();
        let mut stdout = BufReader::new(child.take_stdout().unwrap());
        assert!(child.wait(LONG).is_ok());
        assert_eq!(stdout.read_line(&mut String::new()).unwrap(), 0);
    }
}
