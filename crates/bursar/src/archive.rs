//! Files of archived links: written, read back, and only then told to the store.
//!
//! A file that is there already is taken as it stands, if it is what is to be archived next: so what a crash left is
//! made use of by the next try. Until the store is told, every event is in it as well.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use bursar_core::audit::{Actor, Archived, Hash, Head, Verifier};
use bursar_core::time::{Span, Timestamp};
use bursar_service::Bursar;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::cli::audit::form;
use crate::cli::audit::source::{self, Source, Unread};
use crate::failure::Failure;
use crate::key_file;
use crate::server;

/// Up to where the chain is archived.
pub(crate) struct Extent {
    /// Only links older than this.
    pub(crate) before: Before,
    /// Only links up to the newest of these, with which they have to agree; all, if there is none.
    pub(crate) recorded: Vec<Head>,
}

/// An instant of the ledger, whose time never leaps.
#[derive(Clone, Copy)]
pub(crate) enum Before {
    At(Timestamp),
    Ago(Span),
}

/// Writes the oldest links of a data directory into a file, unless it is there, and reads the file back. Nothing, if no
/// link is old enough.
///
/// # Errors
/// The store or the file system does not answer, or the file is not sound or does not follow what was archived before.
pub(crate) fn write(directory: &Path, extent: &Extent, to: &Path) -> Result<Option<Archived>, Failure> {
    let mut chain = source::open(directory)?;
    let base = chain.base()?;
    if key_file::exists(to)? {
        return read_back(base, extent.recorded.clone(), to, to).map(Some);
    }
    let before = match extent.before {
        Before::At(time) => time,
        Before::Ago(span) => chain.position()?.time.minus(span),
    };
    let last = extent.recorded.iter().map(|head| head.number).max();
    let is_over = |number: u64, time: Timestamp| time >= before || last.is_some_and(|last| number > last);
    let Some(part) = copy(directory, base, is_over, to)? else { return Ok(None) };
    let archived = read_back(base, extent.recorded.clone(), part.path(), to)?;
    let failed = |problem: io::Error| Failure::at(to, problem);
    // It replaces nothing: of two that write the same archive at once, one is told that it is there.
    part.persist_noclobber(to).map_err(|error| failed(error.error))?;
    File::open(beside(to)).and_then(|directory| directory.sync_all()).map_err(failed)?;
    Ok(Some(archived))
}

/// The directory of a file.
pub(crate) fn beside(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Copies links until one is over, into a file that nobody else writes, beside its later place; no file, if the first
/// one is.
fn copy(
    directory: &Path,
    base: Head,
    is_over: impl Fn(u64, Timestamp) -> bool,
    to: &Path,
) -> Result<Option<NamedTempFile>, Failure> {
    let failed = |problem: io::Error| Failure::at(to, problem);
    let mut links = Source::store(directory, base.number.saturating_add(1))?;
    let mut last = base.number;
    let mut part: Option<BufWriter<NamedTempFile>> = None;
    while let Some((link, events)) = links.next().map_err(|unread| unread.after(last))? {
        if events.iter().any(|event| is_over(link.number, event.time)) {
            break;
        }
        if Some(link.number) != last.checked_add(1) {
            let problem =
                format!("link {} was archived by somebody else meanwhile; archive again", last.saturating_add(1));
            return Err(Failure::at(to, problem));
        }
        let file = match &mut part {
            Some(file) => file,
            None => {
                let file = tempfile::Builder::new().prefix(".archive-").suffix(".part").tempfile_in(beside(to));
                part.insert(BufWriter::new(file.map_err(failed)?))
            }
        };
        file.write_all(&form::line(&link, &events)?).map_err(failed)?;
        last = link.number;
    }
    let Some(file) = part else { return Ok(None) };
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    Ok(Some(file))
}

/// Verifies a file from the disk, as the one that follows what is archived and will be found there.
fn read_back(base: Head, recorded: Vec<Head>, path: &Path, to: &Path) -> Result<Archived, Failure> {
    let refused = |problem: String| Failure::at(to, format!("{problem}; nothing was let go of"));
    let mut verifier = Verifier::after(base).against(recorded.into_iter().filter(|head| head.number >= base.number));
    let mut file = Source::file(path)?;
    while let Some((link, events)) = file.next().map_err(|unread| match unread {
        Unread::Record(problem) => refused(problem),
        Unread::Failure(failure) => failure,
    })? {
        if verifier.head() == base && link.number <= base.number {
            let (first, last) = (link.number, base.number);
            return Err(refused(format!("it begins with link {first}, and links up to {last} are archived already")));
        }
        verifier.check(&link, &events).map_err(|broken| refused(broken.to_string()))?;
    }
    let through = verifier.head();
    if through.number <= base.number {
        return Err(refused("there is no link in this file".to_owned()));
    }
    let digest = digest(path).map_err(|problem| Failure::at(to, problem))?;
    let file = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Archived { first: base.number.saturating_add(1), through, file, digest })
}

fn digest(path: &Path) -> io::Result<Hash> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

/// Where a server archives by itself, and how long events stay in its store.
#[derive(Clone, Debug)]
pub(crate) struct Unattended {
    /// The data directory.
    pub(crate) data: PathBuf,
    /// The directory of the files.
    pub(crate) files: PathBuf,
    /// Links that are older are archived.
    pub(crate) keep: Span,
}

impl Unattended {
    /// Whether the directory of the files can be written to, or made.
    ///
    /// # Errors
    /// It cannot: the first round would fail, and only the log would say so.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        // What is missing is made by the server, under the user it has then.
        let there = self.files.ancestors().find(|place| place.exists()).unwrap_or(&self.files);
        tempfile::tempfile_in(there).map(drop).map_err(|problem| {
            Failure::at(&self.files, format!("old audit events cannot be archived here: {problem}"))
                .with_hint("audit.archive_directory names a directory that the server may write to; until then they stay in the store")
        })
    }

    /// Moves what is old enough into the next file, and logs it.
    pub(crate) async fn run(&self, bursar: &Bursar) {
        match self.archive(bursar).await {
            Ok(None) => {}
            Ok(Some(Archived { first, through, file, .. })) => {
                tracing::info!(first, last = through.number, file, "old audit events were archived");
            }
            Err(error) => tracing::error!(%error, "old audit events were not archived; they stay in the store"),
        }
    }

    async fn archive(&self, bursar: &Bursar) -> Result<Option<Archived>, Failure> {
        let written = tokio::task::spawn_blocking({
            let this = self.clone();
            move || this.write()
        });
        let written = written.await.map_err(|error| Failure::new(error.to_string()))??;
        if let Some(archived) = &written {
            bursar.note_archive(Actor::System, archived.clone()).await?;
        }
        Ok(written)
    }

    fn write(&self) -> Result<Option<Archived>, Failure> {
        server::make_directory(&self.files)?;
        let base = source::open(&self.data)?.base()?;
        let extent = Extent { before: Before::Ago(self.keep), recorded: Vec::new() };
        write(&self.data, &extent, &named_by(&self.files, base.number.saturating_add(1)))
    }
}

/// The file in a directory of archives that begins with this link; their names stand in the order of the chain.
fn named_by(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("audit-{first:012}.jsonl"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use bursar_core::coin::Coin;
    use bursar_core::id::WalletId;
    use bursar_core::secret::Secret;
    use bursar_service::people::NewUser;
    use bursar_store::seal::MasterKey;

    use super::*;
    use crate::configuration::Configuration;

    async fn something_happens(bursar: &Bursar, number: u8) {
        let (username, password) = (format!("user{number}@example.com"), "correct horse battery staple 7".to_owned());
        let user = NewUser { username, full_name: "A".to_owned(), password: Secret::new(password), seeded: true };
        let (user, _) = bursar.create_user(user).await.unwrap();
        let (id, coin) = (WalletId::from_bytes([number; 16]), Coin::parse("tbtc").unwrap());
        bursar.register_wallet(id, coin, "Treasury".to_owned(), "sandbox", user.id).await.unwrap();
    }

    fn names(directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_directory_that_cannot_be_written_to_is_told_before_anything_is_old() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("file"), "").unwrap();
        let at = |files: &str| {
            let files = place.path().join(files);
            Unattended { data: place.path().join("data"), files, keep: Span::from_seconds(86_400) }.check()
        };
        for files in ["file", "file/below"] {
            assert!(at(files).unwrap_err().to_string().contains("cannot be archived here"), "{files}");
        }
        assert!(at("").is_ok() && at("still/to/be/made").is_ok());
        assert_eq!(names(place.path()), ["file"], "nothing is left of looking");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_archives_by_itself_what_is_old_enough_file_after_file() {
        let place = tempfile::tempdir().unwrap();
        let text = "listen = '127.0.0.1:0'\ndata_directory = 'data'\nkey_file = 'key'\n            [audit]\narchive_directory = 'old'\nkeep = '1d'";
        fs::write(place.path().join("bursar.toml"), text).unwrap();
        let configuration = Configuration::read(&place.path().join("bursar.toml")).unwrap();
        let archive = configuration.archive().unwrap();
        let old = place.path().join("old");
        assert_eq!((&archive.files, archive.keep), (&old, Span::from_seconds(86_400)));
        server::make_directory(&archive.data).unwrap();
        let master = MasterKey::new(Secret::new([7; 32]));
        let bursar = server::open(&archive.data, &master, Default::default(), None, configuration.policy()).unwrap();
        something_happens(&bursar, 1).await;
        assert_eq!(archive.archive(&bursar).await.unwrap(), None, "nothing is a day old");
        let archive = Unattended { keep: Span::from_millis(0), ..archive };
        let first = archive.archive(&bursar).await.unwrap().unwrap();
        assert_eq!((first.first, first.file.as_str()), (1, "audit-000000000001.jsonl"));
        something_happens(&bursar, 2).await;
        // What a crash left before the store was told of it is what the next round takes.
        let left = archive.write().unwrap().unwrap();
        assert_eq!(left.first, first.through.number + 1);
        something_happens(&bursar, 3).await;
        assert_eq!(archive.archive(&bursar).await.unwrap(), Some(left.clone()));
        assert_eq!(names(&old), [first.file, left.file]);
        assert_eq!(source::open(&archive.data).unwrap().base().unwrap(), left.through);
    }
}
