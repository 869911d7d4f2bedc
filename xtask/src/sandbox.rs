//! A Bursar for other people's clients: what the README's first command starts, with a port of its own.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::Value;

use crate::child::Running;
use crate::suites::Stop;
use crate::workspace::Workspace;

const READY_LIMIT: Duration = Duration::from_secs(60);

/// A running test server; it ends when this is dropped.
pub(crate) struct Sandbox {
    pub(crate) url: String,
    pub(crate) password: String,
    _server: Running,
}

impl Sandbox {
    /// Starts `bursar dev` and waits until it says that it is ready.
    pub(crate) fn start(workspace: &Workspace) -> Result<Self, Stop> {
        let mut command = workspace.command(workspace.binary()?);
        command.args(["dev", "--json"]);
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut server = Running::start(&mut command)?;
        let stdout = server.take_stdout().ok_or_else(|| failed("has no output"))?;

        let (sender, ready) = channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            // A receiver that gave up is fine, but the pipe is read to its end lest the server block.
            let _ = sender.send(lines.next());
            lines.for_each(drop);
        });
        let line = ready.recv_timeout(READY_LIMIT).ok().flatten();
        let line = line.ok_or_else(|| failed("did not say that it is ready"))?;
        let line = line.map_err(|error| failed(&error.to_string()))?;
        let (url, password) = read_ready_line(&line).map_err(|cause| failed(&cause))?;
        Ok(Self { url, password, _server: server })
    }
}

fn failed(cause: &str) -> Stop {
    Stop::Failed(format!("`bursar dev` {cause}"))
}

/// URL and password out of the one line that `bursar dev --json` prints.
fn read_ready_line(line: &str) -> Result<(String, String), String> {
    let ready: Value = serde_json::from_str(line).map_err(|error| format!("printed no JSON: {error}"))?;
    let text = |field: &str| {
        let value = ready.get(field).and_then(Value::as_str);
        let value = value.ok_or_else(|| format!("printed no `{field}`"))?;
        Ok::<_, String>(value.to_owned())
    };
    Ok((text("url")?, text("password")?))
}

#[cfg(test)]
mod tests {
    use super::read_ready_line;

    #[test]
    fn the_ready_line_has_url_and_password() {
        let line = r#"{"url":"http://127.0.0.1:9","username":"u","password":"p","pid":1}"#;
        let expected = ("http://127.0.0.1:9".to_owned(), "p".to_owned());
        assert_eq!(read_ready_line(line), Ok(expected));
    }

    #[test]
    fn a_ready_line_without_a_field_names_it() {
        let error = read_ready_line(r#"{"url":"http://127.0.0.1:9"}"#).unwrap_err();
        assert!(error.contains("`password`"), "{error}");
        assert!(read_ready_line("ready").is_err());
    }
}
