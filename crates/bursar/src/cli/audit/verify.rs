//! `bursar audit verify`: whether a chain is sound, and which link is the first that is not.

use std::path::{Path, PathBuf};

use bursar_core::audit::{Broken, Fault, Head, MAIN_CHAIN, Verified, Verifier};
use clap::Args;
use serde_json::json;

use super::checkpoint::{self, PublicKey};
use super::form::hex;
use super::source::{self, Source, Unread};
use super::{Place, Range};
use crate::cli::output;
use crate::failure::{Exit, Failure};

#[derive(Args)]
pub(in crate::cli) struct Verify {
    /// An export, instead of a data directory; - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    file: Option<PathBuf>,
    /// Files of the archive, in their order, which the chain has to go on from; from link 1 on if `--from` is not said.
    #[arg(long = "archive", value_name = "FILE", num_args = 1..)]
    archives: Vec<PathBuf>,
    /// Checkpoints that the chain has to agree with, one on each line; may be given again.
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// The key that every checkpoint has to be signed with.
    #[arg(long, value_name = "HEX", requires = "checkpoints", value_parser = checkpoint::public_key)]
    public_key: Option<PublicKey>,
    #[command(flatten)]
    range: Range,
    #[command(flatten)]
    place: Place,
}

impl Verify {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let mut recorded = Vec::new();
        for path in &self.checkpoints {
            recorded.extend(checkpoint::heads(path, self.public_key.as_ref())?);
        }
        let is_held_against = !recorded.is_empty();
        let mut oldest: Vec<u64> = recorded.iter().map(|head| head.number).collect();
        let base = match &self.file {
            Some(_) => Head::default(),
            None => source::open(&self.place.directory()?)?.base()?,
        };
        let verified = self.verify(base, recorded)?;
        if self.file.is_some() && verified.head.number < verified.from {
            return Err(Failure::new("there is no link in this file"));
        }
        oldest.retain(|number| *number > 0 && *number < base.number && number.saturating_add(1) < verified.from);
        if !oldest.is_empty() {
            output::remark(&format!("{} checkpoints lie in the archive; give its files with --archive", oldest.len()));
        } else if is_held_against && verified.checkpoints == 0 {
            output::remark("warning: no checkpoint speaks of these links");
        }
        tell(&verified, json)
    }
}

impl Verify {
    /// Verifies the files of the archive, and what goes on from them.
    fn verify(&self, base: Head, recorded: Vec<Head>) -> Result<Verified, Failure> {
        let begins_in_store = self.archives.is_empty() && self.file.is_none();
        let verifier = match self.range.from {
            None if begins_in_store => {
                self.range.first(base.number)?;
                Verifier::after(base)
            }
            None => Verifier::default(),
            Some(_) if begins_in_store => Verifier::believing(self.range.first(base.number)?),
            Some(from) => Verifier::believing(from),
        };
        // The event that speaks of the base may stand before a link from which to begin.
        let verifier = match self.range.from {
            None if self.file.is_none() => verifier.with_base(base),
            _ => verifier,
        };
        let mut verifier = verifier.until(self.range.to).against(recorded);
        for path in &self.archives {
            go_on(&mut verifier, &mut Source::file(path)?)?;
        }
        let mut source = match &self.file {
            Some(path) => Source::file(path)?,
            None => {
                let directory = self.place.directory()?;
                if !self.archives.is_empty() {
                    meets(&verifier, base, &directory)?;
                }
                Source::store(&directory, verifier.next_number())?
            }
        };
        go_on(&mut verifier, &mut source)?;
        let verified = verifier.finish().map_err(broken)?;
        match source.stray()?.filter(|_| self.range.to.is_none()) {
            Some(number) => Err(broken(Broken { link: u64::try_from(number).unwrap_or(0), fault: Fault::Unlinked })),
            None => Ok(verified),
        }
    }
}

/// An archive that reaches into the store, as one does that the store was not told of, has to end with a link of it.
fn meets(verifier: &Verifier, base: Head, directory: &Path) -> Result<(), Failure> {
    let end = verifier.head();
    if end.number <= base.number {
        return Ok(());
    }
    let found = source::open(directory)?.links(end.number, 1)?.first().map(|(link, _)| link.head());
    match found.filter(|found| found.number == end.number) {
        Some(found) if found != end => Err(broken(Broken { link: end.number, fault: Fault::Hash })),
        Some(_) => Ok(()),
        None => Err(broken(Broken { link: end.number, fault: Fault::Truncated { reached: end.number } })),
    }
}

fn go_on(verifier: &mut Verifier, source: &mut Source) -> Result<(), Failure> {
    while !verifier.is_done() {
        match source.next() {
            Ok(Some((link, events))) => verifier.check(&link, &events).map_err(broken)?,
            Ok(None) => break,
            Err(Unread::Record(problem)) => {
                return Err(broken(Broken { link: verifier.next_number(), fault: Fault::Unreadable(problem) }));
            }
            Err(Unread::Failure(failure)) => return Err(failure),
        }
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn broken(broken: Broken) -> Failure {
    let failure = Failure::new(broken.to_string());
    let failure = match broken.fault {
        Fault::Ends { .. } => failure
            .with_code("audit_chain_ends")
            .with_hint("a checkpoint, with --checkpoint, tells whether it once went further"),
        Fault::Beyond => failure.with_exit(Exit::Usage).with_code("audit_chain_ends").with_hint(
            "without --from it is told with which link the chain ends; a checkpoint, whether it once went further",
        ),
        _ => failure.with_code("audit_chain_broken"),
    };
    failure.with_context("link", broken.link).with_context("fault", broken.fault.code())
}

fn tell(verified: &Verified, json: bool) -> Result<(), Failure> {
    let Verified { from, head, events, checkpoints } = *verified;
    let hash = hex(head.hash);
    if json {
        return output::json(&json!({
            "sound": true,
            "chain": MAIN_CHAIN,
            "from": from,
            "head": {"number": head.number, "hash": hash},
            "events": events,
            "checkpoints": checkpoints,
        }));
    }
    if head.number < from {
        return output::text("sound: there is no link yet");
    }
    let before = if from > 1 { "\nwhat comes before them was not verified" } else { "" };
    output::text(&format!(
        "sound: links {from} to {}, with {events} events{before}\nhead: {hash}\ncheckpoints that agree: {checkpoints}",
        head.number,
    ))
}
