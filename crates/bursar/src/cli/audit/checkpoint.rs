//! Checkpoints: written to files that are kept elsewhere, signed, and read again.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use bursar_core::audit::{Checkpoint, Head, MAIN_CHAIN, Verifier};
use bursar_core::secret::Secret;
use bursar_store_sqlite::SqliteChain;
use clap::Args;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use super::form::{CheckpointForm, Hex, hex};
use super::{Place, source};
use crate::cli::output;
use crate::configuration::{self, Configuration};
use crate::failure::Failure;
use crate::key_file;

#[derive(Args)]
pub(in crate::cli) struct Record {
    /// The key to sign with, of `bursar audit keygen`; keep it out of the data directory.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The file that the checkpoint is added to; otherwise it is printed.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// The key that checkpoints have to be signed with.
#[derive(Clone)]
pub(in crate::cli) struct PublicKey(Box<VerifyingKey>);

impl Record {
    pub(super) fn run(self) -> Result<(), Failure> {
        let directory = self.place.directory()?;
        let key = self.key.as_deref().map(|path| signing_key(path, &directory)).transpose()?;
        if let (Some(path), Some(configuration)) = (&self.key, self.place.configuration())
            && is_same(path, &Configuration::read(configuration)?.key_file)
        {
            return Err(Failure::at(path, "this is the master key, which opens the data and signs nothing")
                .with_hint("`bursar audit keygen` makes a key to sign with"));
        }
        let mut chain = source::open(&directory)?;
        let position = chain.position()?;
        ends_soundly(&mut chain, position.head)?;
        let checkpoint = Checkpoint { chain: MAIN_CHAIN.to_owned(), head: position.head, time: position.time };
        let mut form = CheckpointForm::new(&checkpoint);
        if let Some(key) = key {
            form.public_key = Some(Hex(key.verifying_key().to_bytes()));
            form.signature = Some(Hex(key.sign(&checkpoint.canonical_form()).to_bytes()));
        }
        let line = form.line()?;
        if let Some(path) = &self.out {
            agrees_with_last(&mut chain, path)?;
            append(path, &line).map_err(|problem| Failure::at(path, problem))?;
        }
        output::raw(&line)
    }
}

/// Whether two files are one.
fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// Keys beside the data would be signed with by whoever changes the data.
fn signing_key(path: &Path, directory: &Path) -> Result<SigningKey, Failure> {
    if configuration::is_inside(path, directory) {
        return Err(Failure::at(path, "the signing key must not be in the data directory"));
    }
    Ok(SigningKey::from_bytes(key_file::read_secret(path, "signing key")?.expose()))
}

/// The public half of a signing key.
pub(super) fn public_half(secret: &Secret<[u8; 32]>) -> String {
    hex(SigningKey::from_bytes(secret.expose()).verifying_key().to_bytes())
}

/// Reads a public key from the command line.
pub(super) fn public_key(text: &str) -> Result<PublicKey, String> {
    let Hex(bytes) = Hex::try_from(text.to_owned())?;
    VerifyingKey::from_bytes(&bytes)
        .map(|key| PublicKey(Box::new(key)))
        .map_err(|_| "it is no ed25519 public key".to_owned())
}

/// A broken end is not worth recording.
fn ends_soundly(chain: &mut SqliteChain, head: Head) -> Result<(), Failure> {
    let mut verifier = Verifier::believing(head.number);
    for (link, events) in chain.links(head.number, 1)? {
        verifier.check(&link, &events).map_err(|broken| Failure::new(broken.to_string()))?;
    }
    Ok(())
}

/// A chain that contradicts what was recorded last is not recorded as if nothing had been.
fn agrees_with_last(chain: &mut SqliteChain, path: &Path) -> Result<(), Failure> {
    let recorded = match path.try_exists() {
        Ok(false) => return Ok(()),
        _ => heads(path, None)?,
    };
    let Some(last) = recorded.into_iter().max_by_key(|head| head.number).filter(|head| head.number > 0) else {
        return Ok(());
    };
    let base = chain.base()?;
    if last.number < base.number {
        output::remark(
            "the newest checkpoint here lies in the archive: only `bursar audit verify --archive` holds it against the chain",
        );
        return Ok(());
    }
    if last == base {
        return Ok(());
    }
    let found = chain.links(last.number, 1)?.into_iter().next().map(|(link, _)| link.head());
    if found == Some(last) {
        return Ok(());
    }
    let problem =
        format!("the chain has no link {} with the hash that is recorded here; nothing was added", last.number);
    Err(Failure::at(path, problem).with_hint("`bursar audit verify --checkpoint` with this file says more"))
}

/// Adds a line, durably.
fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    let needs_line_end = match fs::read(path) {
        Ok(there) => there.last().is_some_and(|last| *last != b'\n'),
        Err(problem) if problem.kind() == ErrorKind::NotFound => false,
        Err(problem) => return Err(problem),
    };
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    if needs_line_end {
        file.write_all(b"\n")?;
    }
    file.write_all(line)?;
    file.sync_all()
}

/// The heads that a file of checkpoints records, whose signatures are good.
///
/// # Errors
/// The file cannot be read, a line is no checkpoint of this chain, or its signature is missing or bad.
pub(super) fn heads(path: &Path, key: Option<&PublicKey>) -> Result<Vec<Head>, Failure> {
    let text = fs::read_to_string(path).map_err(|problem| Failure::at(path, problem))?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let heads: Result<Vec<Head>, Failure> = lines
        .map(|(number, line)| head(line, key).map_err(|problem| Failure::at(path, format!("line {number}: {problem}"))))
        .collect();
    match heads {
        Ok(heads) if heads.is_empty() => Err(Failure::at(path, "there is no checkpoint in this file")),
        heads => heads,
    }
}

fn head(line: &str, key: Option<&PublicKey>) -> Result<Head, String> {
    let form = CheckpointForm::read(line)?;
    let checkpoint = form.checkpoint();
    if checkpoint.chain != MAIN_CHAIN {
        return Err(format!("it is of another chain than `{MAIN_CHAIN}`"));
    }
    // Without a key to trust, a signature only tells damage.
    let key = match (key, form.public_key) {
        (Some(PublicKey(key)), Some(Hex(by))) if by != key.to_bytes() => {
            return Err("it is signed with another key".to_owned());
        }
        (Some(PublicKey(key)), _) => Some(**key),
        (None, Some(Hex(by))) => Some(VerifyingKey::from_bytes(&by).map_err(|_| "its public key is none".to_owned())?),
        (None, None) => None,
    };
    match (key, form.signature) {
        (None, None) => Ok(checkpoint.head),
        (Some(_), None) => Err("it is not signed".to_owned()),
        (None, Some(_)) => Err("it does not say by which key it is signed".to_owned()),
        (Some(key), Some(Hex(signature))) => {
            let signed = key.verify_strict(&checkpoint.canonical_form(), &Signature::from_bytes(&signature));
            signed.map(|()| checkpoint.head).map_err(|_| "its signature is not good".to_owned())
        }
    }
}
