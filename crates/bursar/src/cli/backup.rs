//! `bursar backup`: a copy of the data, whether or not a server runs.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use bursar_store_sqlite::copy;
use clap::Args;
use serde_json::json;

use crate::archive::beside;
use crate::cli::audit::{form, source};
use crate::cli::operator::Place;
use crate::cli::output;
use crate::configuration::is_inside;
use crate::environment;
use crate::failure::Failure;
use crate::server;

#[derive(Args)]
pub(super) struct Backup {
    /// The file that is made; outside the data directory.
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

impl Backup {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        environment::start_log("warn");
        let directory = self.place.directory()?;
        if is_inside(&self.file, &directory) {
            return Err(Failure::at(&self.file, "a copy must not be in the data directory")
                .with_hint("whoever loses the data must not lose the copy with it"));
        }
        source::open(&directory)?;
        let failed = |problem: std::io::Error| Failure::io(&self.file, &problem);
        let beside = beside(&self.file);
        // A directory of its own, so that the copy can be looked at as a store before it has its name.
        let part = tempfile::Builder::new().prefix(".backup-").tempdir_in(beside).map_err(failed)?;
        let written = part.path().join(server::DATABASE);
        copy(&directory, &written)?;
        let head = source::open(part.path())?.position()?.head;
        let file = tempfile::TempPath::try_from_path(&written).map_err(failed)?;
        let is_kept = |file: File| {
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.sync_all()
        };
        File::open(&file).and_then(is_kept).map_err(failed)?;
        // It replaces nothing.
        file.persist_noclobber(&self.file).map_err(|error| failed(error.error))?;
        File::open(beside).and_then(|directory| directory.sync_all()).map_err(failed)?;
        let (link, hash) = (head.number, form::hex(head.hash));
        if json {
            return output::json(&json!({"file": self.file.to_string_lossy(), "link": link, "hash": hash}));
        }
        output::text(&format!(
            "{} has everything up to link {link} of the audit chain\nhash: {hash}",
            self.file.display()
        ))
    }
}
