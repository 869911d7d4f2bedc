//! `bursar token rotate`: a new text for the same token, shown once or written to a file.

use std::path::PathBuf;

use bursar_core::secret::Secret;
use clap::Args;
use serde_json::Value;

use crate::cli::connection::Connection;
use crate::cli::env_file::EnvFile;
use crate::cli::otp::Otp;
use crate::cli::token::seconds;
use crate::cli::{output, shown};
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
        let ends = format!("The old text goes on until {}.", shown::text(&rotated, "oldEnds"));
        let Some(file) = file else {
            return match json {
                true => output::json(&rotated),
                false => output::text(&format!("{}\n{ends}", shown::once(&rotated))),
            };
        };
        let fields = rotated.as_object_mut();
        let Some(Value::String(text)) = fields.and_then(|fields| fields.remove("token")) else {
            return Err(Failure::new("the server handed out no token"));
        };
        let path = file.set(VARIABLE, &Secret::new(text)).map_err(|failure| {
            failure.with_hint("the old text goes on; rotate again, which replaces the new one that was never used")
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

fn overlap(text: &str) -> Result<u64, String> {
    if text == "0" { Ok(0) } else { seconds(text) }
}
