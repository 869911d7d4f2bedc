//! House rules as a test: what reviewers would otherwise have to remember.
//!
//! Each rule is a pure function from what is tracked to [`Finding`]s, so that each has tests of its own.
//! A rule has no exceptions list; one that needs exceptions is the wrong rule.

mod crates;
mod documents;
mod origins;
mod text;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::suites::Stop;
use crate::workspace::{Workspace, output};

/// A tracked text file.
pub(crate) struct Source {
    /// Relative to the root, with `/`.
    path: String,
    text: String,
}

/// A rule that is not kept, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// From 1; absent where the finding is about the whole file.
    line: Option<usize>,
    message: String,
}

impl Finding {
    fn in_file(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, message: message.into() }
    }

    fn in_line(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::in_file(path, message) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

/// Holds the checkout against every rule.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Stop> {
    let sources = tracked(workspace)?;
    let mut findings = Vec::new();
    findings.extend(sources.iter().flat_map(text::check));
    findings.extend(sources.iter().flat_map(origins::check));
    findings.extend(crates::check(&sources));
    findings.extend(crates::check_resolved(&sources, |package| dependency_tree(workspace, package))?);
    findings.extend(documents::check(&sources));

    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err(Stop::Failed("1 finding".to_owned())),
        count => Err(Stop::Failed(format!("{count} findings"))),
    }
}

/// Every text file that git tracks or would track.
fn tracked(workspace: &Workspace) -> Result<Vec<Source>, String> {
    let mut command = workspace.command("git");
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listing = output(&mut command)?;
    let paths: BTreeSet<&str> = listing.split('\0').filter(|path| !path.is_empty()).collect();
    Ok(paths.into_iter().filter_map(|path| read(workspace.root(), path)).collect())
}

/// A file as text; one that is deleted or not text is no business of the rules.
fn read(root: &Path, path: &str) -> Option<Source> {
    let text = std::fs::read_to_string(root.join(path)).ok()?;
    let path = path.to_owned();
    Some(Source { path, text })
}

/// What a crate pulls in when it is built alone, one package per line.
fn dependency_tree(workspace: &Workspace, package: &str) -> Result<String, String> {
    let mut command = workspace.cargo();
    command.args(["tree", "--quiet", "--package", package]);
    command.args(["--edges", "normal,no-proc-macro", "--prefix", "none"]);
    output(&mut command)
}
