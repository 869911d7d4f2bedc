//! `bursar key …`: the master key, for the operator on the server's machine.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use crate::cli::{Configured, output};
use crate::configuration::{Configuration, is_inside};
use crate::failure::Failure;
use crate::server::{self, Rails};
use crate::{environment, key_file};

#[derive(Subcommand)]
pub(super) enum Key {
    /// Change the master key while no server runs: the old one opens this data no more.
    Change {
        /// The file of the new key, outside the data directory. It is made, unless a key is there already.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        #[command(flatten)]
        configured: Configured,
    },
}

impl Key {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        environment::start_log("warn");
        let Self::Change { to, configured } = self;
        let configuration = Configuration::read(&configured.config)?;
        let (directory, old) = (&configuration.data_directory, &configuration.key_file);
        if is_inside(&to, directory) {
            return Err(Failure::at(&to, "the master key must not be in the data directory")
                .with_hint("whoever copies the data must not get the key with it"));
        }
        if !server::has_store(directory)? {
            return Err(Failure::at(directory, "there is no store in this directory"));
        }
        let before = key_file::read(old)?;
        if to.canonicalize().is_ok_and(|to| old.canonicalize().is_ok_and(|old| old == to)) {
            return Err(Failure::at(&to, "this is the key that there is; name another file"));
        }
        // Its file is on the disk before anything needs it; what a cut left off is gone on with.
        let master = if key_file::exists(&to)? { key_file::read(&to)? } else { key_file::create(&to)? };
        server::rewrap(directory, &before, &master)?;
        server::runtime()?.block_on(async {
            let bursar = server::open(directory, &master, Rails::new(), None, configuration.policy())?;
            let noted = bursar.note_master_key_change().await;
            bursar.close();
            Ok::<_, Failure>(noted?)
        })?;
        tell(&configured.config, old, &to, json)
    }
}

fn tell(config: &Path, old: &Path, new: &Path, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&json!({"keyFile": new, "before": old, "config": config}));
    }
    output::text(&format!(
        "{} opens the data now, and {} does not.\n\nName it in {}: key_file = \"{}\", and copy it to where the copy of the old one is.\n\
         Keep the old one as long as there are copies of the data from before: they open with nothing else.",
        new.display(),
        old.display(),
        config.display(),
        new.display(),
    ))
}
