//! What commands print: results to standard output, failures to standard error.

use std::io::{self, IsTerminal, Write};

use bursar_core::text::is_hidden;
use serde_json::Value;

use crate::failure::{Failure, in_flags};

/// Prints one line, or several, as they are.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    raw(format!("{text}\n").as_bytes())
}

/// Prints a table, and says beside it, for people, that it is empty.
pub(super) fn table(drawn: &str, none: &str) -> Result<(), Failure> {
    text(drawn)?;
    // Without rows it has one line, of its titles.
    if drawn.lines().nth(1).is_none() {
        remark(none);
    }
    Ok(())
}

/// Prints a document: on one line, so that line-wise readers can use it.
pub(super) fn json(value: &Value) -> Result<(), Failure> {
    text(&value.to_string())
}

/// Writes bytes to standard output, at once.
pub(super) fn raw(bytes: &[u8]) -> Result<(), Failure> {
    offer(bytes).map(|_| ())
}

/// Writes a part of something long; false if nobody wants the rest.
pub(super) fn offer(bytes: &[u8]) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // Whoever reads has seen enough, as in `bursar token list | head`.
        Err(problem) if problem.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => Ok(written.map(|()| true)?),
    }
}

/// Whether standard output is read by somebody at a terminal.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// So many of a thing: `1 account`, `2 accounts`.
pub(super) fn counted(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Prints what a server warns of in its answer to standard error.
pub(super) fn warnings(answer: &Value) {
    let warnings = answer.get("warnings").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for warning in warnings.iter().filter_map(Value::as_str) {
        remark(&format!("warning: {}", printable(&in_flags(warning))));
    }
}

/// Prints a remark to standard error.
pub(super) fn remark(text: &str) {
    // There is nobody left to be told that this did not work.
    writeln!(io::stderr().lock(), "{text}").ok();
}

/// Prints a failure to standard error, and for programs as a document to standard output.
pub(super) fn failure(failure: &Failure, is_json: bool) {
    if let Some(document) = failure.document().filter(|_| is_json) {
        // There is nobody left to be told that this did not work.
        json(&document).ok();
    }
    remark(&printable(&failure.to_string()));
}

/// Text of others without what could steer a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) && c != '\n' { '\u{fffd}' } else { c }).collect()
}
