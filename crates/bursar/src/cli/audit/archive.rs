//! `bursar audit archive`: the oldest links go into a file, and out of the store.

use std::path::{Path, PathBuf};

use bursar_core::audit::Archived;
use bursar_core::time::{Span, Timestamp};
use clap::Args;
use serde_json::json;

use super::checkpoint;
use super::form::hex;
use crate::archive::{self, Before, Extent};
use crate::cli::operator::Place;
use crate::cli::output;
use crate::configuration::{is_inside, parse_duration};
use crate::failure::Failure;
use crate::operator::{Answer, Request};

#[derive(Args)]
pub(in crate::cli) struct Archive {
    /// Archive what is older than this, such as 400d.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, required_unless_present = "before", conflicts_with = "before")]
    older_than: Option<Span>,
    /// Archive what happened before this, such as 2026-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    before: Option<Timestamp>,
    /// The file that is made. One that is there and that the store was not told of is taken as it stands.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Archive no more than up to the newest checkpoint of this file, which has to agree; may be given again.
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
}

impl Archive {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let directory = self.place.directory()?;
        let extent = Extent { before: self.before(), recorded: recorded(&self.checkpoints)? };
        if is_inside(&self.to, &directory) {
            return Err(Failure::at(&self.to, "an archive must not be in the data directory")
                .with_hint("whoever loses or changes the data must not have the archive with it"));
        }
        let Some(archived) = archive::write(&directory, &extent, &self.to)? else {
            return if json { output::json(&json!({"archived": null})) } else { output::text("nothing is that old") };
        };
        let to = self.to;
        match self.place.answer(Request::Archived(archived.clone().into()))? {
            Answer::Done => tell(&archived, &to, json),
            Answer::Failed { message } => Err(Failure::new(message)),
            _ => Err(Failure::new("the server answered something else than was asked")),
        }
    }

    fn before(&self) -> Before {
        match (self.before, self.older_than) {
            (Some(time), _) => Before::At(time),
            (None, Some(span)) => Before::Ago(span),
            // The command line demands one of them; without any, nothing is old enough.
            (None, None) => Before::At(Timestamp::from_millis(i64::MIN)),
        }
    }
}

fn recorded(checkpoints: &[PathBuf]) -> Result<Vec<bursar_core::audit::Head>, Failure> {
    let mut recorded = Vec::new();
    for path in checkpoints {
        recorded.extend(checkpoint::heads(path, None)?);
    }
    Ok(recorded)
}

fn tell(archived: &Archived, to: &Path, json: bool) -> Result<(), Failure> {
    let Archived { first, through, digest, .. } = archived;
    let (hash, digest) = (hex(through.hash), hex(*digest));
    if json {
        return output::json(&json!({
            "archived": {"first": first, "last": through.number, "hash": hash, "file": to.to_string_lossy(), "sha256": digest},
        }));
    }
    output::text(&format!(
        "links {first} to {} are in {} now, and no longer in the store\nsha256: {digest}",
        through.number,
        to.display()
    ))
}

fn instant(text: &str) -> Result<Timestamp, String> {
    bursar_core::limit::text::instant(text)
        .ok_or_else(|| format!("`{text}` is no time; write it as 2026-01-31T00:00:00Z"))
}
