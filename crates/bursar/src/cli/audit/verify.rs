//! `bursar audit verify`: whether a chain is sound, and which link is the first that is not.

use std::path::PathBuf;

use bursar_core::audit::{Broken, Fault, Head, MAIN_CHAIN, Verified, Verifier};
use clap::Args;
use serde_json::json;

use super::checkpoint::{self, PublicKey};
use super::form::hex;
use super::source::{Source, Unread};
use super::{Place, Range};
use crate::cli::output;
use crate::failure::Failure;

#[derive(Args)]
pub(in crate::cli) struct Verify {
    /// An export, instead of a data directory; - for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    file: Option<PathBuf>,
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
        let mut source = match &self.file {
            Some(path) => Source::file(path)?,
            None => Source::store(&self.place.directory()?, self.range.first())?,
        };
        let is_held_against = !recorded.is_empty();
        let verified = verify(&mut source, &self.range, recorded)?;
        if self.file.is_some() && verified.head.number < verified.from {
            return Err(Failure::new("there is no link in this file"));
        }
        if is_held_against && verified.checkpoints == 0 {
            output::remark("warning: no checkpoint speaks of these links");
        }
        tell(&verified, json)
    }
}

fn verify(source: &mut Source, range: &Range, recorded: Vec<Head>) -> Result<Verified, Failure> {
    let mut verifier = Verifier::believing(range.first()).until(range.to).against(recorded);
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
    let verified = verifier.finish().map_err(broken)?;
    match source.stray()?.filter(|_| range.to.is_none()) {
        Some(number) => Err(broken(Broken { link: u64::try_from(number).unwrap_or(0), fault: Fault::Unlinked })),
        None => Ok(verified),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn broken(broken: Broken) -> Failure {
    let failure = Failure::new(broken.to_string()).with_code("audit_chain_broken");
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
