//! `bursar token rotate`: a new text for the same token, shown once or written to a file.

use std::path::PathBuf;

use bursar_core::secret::Secret;
use clap::Args;
use serde_json::Value;

use crate::cli::connection::Connection;
use crate::cli::env_file::EnvFile;
use crate::cli::otp::Otp;
use crate::cli::token::seconds;
use crate::cli::{limits, output, shown};
use crate::failure::Failure;

/// The variable under which commands look for a token.
const VARIABLE: &str = "BURSAR_TOKEN";

#[derive(Args)]
pub(in crate::cli) struct Rotate {
    /// The token's id.
    id: String,
    /// How long the old text goes on, at most 7d: seconds, or with a unit; 0 ends it at once.
    #[arg(long, default_value = "24h", value_parser = overlap)]
    overlap: u64,
    /// Write BURSAR_TOKEN=TEXT to this file, readable by its owner only, and do not print the text.
    #[arg(long, value_name = "FILE")]
    write_env: Option<PathBuf>,
    #[command(flatten)]
    otp: Otp,
    #[command(flatten)]
    connection: Connection,
}

impl Rotate {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let client = self.connection.client()?;
        let file = self.write_env.as_deref().map(EnvFile::open).transpose()?;
        let rotated = self.otp.present(|otp| client.rotate(&self.id, self.overlap, otp));
        let mut rotated = rotated.map_err(|failure| failure.with_flags(&[("overlap", "--overlap")]))?;
        let ends = ends(&rotated, self.overlap);
        let Some(file) = file else {
            return match json {
                true => output::json(&rotated),
                false => output::text(&format!("{}\n{ends}", shown::once(&rotated, &shown::units(&client)))),
            };
        };
        let fields = rotated.as_object_mut();
        let Some(Value::String(text)) = fields.and_then(|fields| fields.remove("token")) else {
            return Err(Failure::new("the server handed out no token"));
        };
        let path = file.set(VARIABLE, &Secret::new(text)).map_err(|failure| {
            let old = if self.overlap == 0 { "the old text ended" } else { "the old text goes on" };
            failure.with_hint(format!("{old}; rotate again, which replaces the new one that was never used"))
        })?;
        if let Some(fields) = rotated.as_object_mut() {
            fields.insert("file".to_owned(), path.to_string_lossy().into());
        }
        if json {
            return output::json(&rotated);
        }
        output::text(&format!("{VARIABLE} is in {}.\n{ends}", path.display()))
    }
}

/// What becomes of the old text, which a rotation before this may have dated already.
fn ends(rotated: &Value, overlap: u64) -> String {
    let warnings = limits::list(rotated, "warnings");
    let says = |part: &str| warnings.iter().filter_map(Value::as_str).any(|warning| warning.contains(part));
    let until = shown::text(rotated, "oldEnds");
    let ends = match says("the old secret ends") {
        _ if overlap == 0 => "The old text ended: only the new one counts.".to_owned(),
        true => {
            format!("The old text ends at {until}, as a rotation before this said; --overlap does not make that later.")
        }
        false => format!("The old text goes on until {until}."),
    };
    match says("is void") {
        true => format!(
            "The text that the rotation before this made, and that nobody had used, is void: put this one wherever that one is.\n{ends}"
        ),
        false => ends,
    }
}

fn overlap(text: &str) -> Result<u64, String> {
    if text == "0" { Ok(0) } else { seconds(text) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_becomes_of_the_old_text_is_told_as_it_is() {
        let until = json!({"oldEnds": "then"});
        assert_eq!(ends(&until, 60), "The old text goes on until then.");
        assert_eq!(ends(&until, 0), "The old text ended: only the new one counts.");
        let sooner = json!({"oldEnds": "then", "warnings": ["the old secret ends at then"]});
        assert!(ends(&sooner, 60).starts_with("The old text ends at then, as a rotation before this said"));
        let void = json!({"oldEnds": "then", "warnings": ["the secret of the rotation before this is void"]});
        let told = ends(&void, 60);
        assert!(told.contains("is void") && told.ends_with("The old text goes on until then."), "{told}");
    }
}
