//! Questions to whoever sits at the terminal, if anybody does. No secret that lasts may be asked for here.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::failure::Failure;

/// Whether somebody can be asked: the question goes to standard error, the answer comes from standard input.
pub(super) fn is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks, and gives the answer without the blanks around it.
///
/// # Errors
/// The terminal cannot be written or read.
pub(super) fn ask(question: &str) -> Result<String, Failure> {
    let mut err = io::stderr().lock();
    write!(err, "{question}")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}
