//! `bursar audit …`: the audit chain, looked at, verified and taken elsewhere. Only `archive` has anything written to it.

mod archive;
mod checkpoint;
pub(crate) mod form;
pub(crate) mod source;
mod tail;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::operator::Place;
use crate::cli::output;
use crate::environment;
use crate::failure::{Exit, Failure};
use crate::key_file;

use source::{Source, Unread};

#[derive(Subcommand)]
pub(super) enum Audit {
    /// Show the newest events.
    Tail(tail::Tail),
    /// Verify the chain of a data directory, or an export of it; names the first link that is broken.
    Verify(verify::Verify),
    /// Print the chain, a line of JSON for each link with its events.
    Export {
        #[command(flatten)]
        range: Range,
        #[command(flatten)]
        place: Place,
    },
    /// Record where the chain ends, to be kept elsewhere.
    Checkpoint(checkpoint::Record),
    /// Move the oldest links into a file, so that the store does not grow without end.
    Archive(archive::Archive),
    /// Make a key that signs checkpoints, and print its public half.
    Keygen {
        /// The file to be made.
        file: PathBuf,
    },
}

/// Which links.
#[derive(Args)]
pub(super) struct Range {
    /// The first link; the first that is not archived if nothing is said.
    #[arg(long, value_name = "LINK", value_parser = clap::value_parser!(u64).range(1..))]
    from: Option<u64>,
    /// The last link; otherwise the last there is.
    #[arg(long, value_name = "LINK", value_parser = clap::value_parser!(u64).range(1..))]
    to: Option<u64>,
}

impl Audit {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        environment::start_log("warn");
        match self {
            Self::Tail(tail) => tail.run(json),
            Self::Verify(verify) => verify.run(json),
            Self::Export { range, place } => export(&range, &place),
            Self::Checkpoint(record) => record.run(),
            Self::Archive(archive) => archive.run(json),
            Self::Keygen { file } => keygen(&file, json),
        }
    }
}

impl Range {
    /// The first link that is asked of a chain that begins behind this one.
    fn first(&self, base: u64) -> Result<u64, Failure> {
        match self.from.or(self.to) {
            Some(archived) if archived <= base => Err(Failure::new(format!("links up to {base} are archived"))
                .with_hint("`bursar audit verify --archive` takes their files")),
            _ => Ok(self.from.unwrap_or_else(|| base.saturating_add(1))),
        }
    }

    fn ends_before(&self, number: u64) -> bool {
        self.to.is_some_and(|last| number > last)
    }
}

/// What is in the store goes out as it is: verifying is another command's.
fn export(range: &Range, place: &Place) -> Result<(), Failure> {
    let directory = place.directory()?;
    let base = source::open(&directory)?.base()?.number;
    let first = range.first(base)?;
    if base > 0 && range.from.is_none() {
        output::remark(&format!("earlier events, up to link {base}, are archived, and not in this export"));
    }
    if let Some(from) = range.from {
        check_reaches(from, range.to, source::open(&directory)?.position()?.head.number)?;
    }
    let mut source = Source::store(&directory, first)?;
    let mut last = first.saturating_sub(1);
    while let Some((link, events)) = source.next().map_err(|unread| unread.after(last))? {
        if range.ends_before(link.number) {
            break;
        }
        // Evidence is taken whole, or is known not to be.
        let is_out =
            output::offer(&form::line(&link, &events)?).map_err(|failure| broken_off(&failure.to_string(), last))?;
        if !is_out {
            return Err(broken_off("nobody reads the rest", last));
        }
        last = link.number;
    }
    if last >= first {
        let from = if first > 1 { format!(" --from {first}") } else { String::new() };
        output::remark(&format!(
            "whole: links {first} to {last}; `bursar audit verify --file FILE{from} --to {last}` says so of a copy"
        ));
    }
    Ok(())
}

/// What is there of an export then may look like a whole one.
fn broken_off(problem: &str, last: u64) -> Failure {
    Failure::new(format!("the export broke off behind link {last}, and is not whole: {problem}"))
        .with_context("link", last)
}

/// Nothing at all is no export of what was asked for.
fn check_reaches(from: u64, to: Option<u64>, end: u64) -> Result<(), Failure> {
    if let Some(to) = to.filter(|to| *to < from) {
        return Err(Failure::new(format!("--to {to} is before --from {from}")).with_exit(Exit::Usage));
    }
    if from <= end {
        return Ok(());
    }
    Err(Failure::new(format!("the chain ends with link {end}, before link {from}"))
        .with_exit(Exit::Usage)
        .with_code("audit_chain_ends")
        .with_context("link", from)
        .with_hint("leave --from out for all there is; a checkpoint tells whether it once went further"))
}

fn keygen(file: &std::path::Path, json: bool) -> Result<(), Failure> {
    let public = checkpoint::public_half(&key_file::create_secret(file)?);
    if json { output::json(&json!({"file": file, "publicKey": public})) } else { output::text(&public) }
}

impl Unread {
    /// The failure, if the last link that could be read has this number.
    pub(crate) fn after(self, last: u64) -> Failure {
        match self {
            Self::Record(problem) => {
                let link = last.saturating_add(1);
                Failure::new(format!("link {link} cannot be read: {problem}")).with_context("link", link)
            }
            Self::Failure(failure) => failure,
        }
    }
}
