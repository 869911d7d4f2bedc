//! Files of archived links: written, read back, and only then told to the store.
//!
//! A file that is there already is taken as it stands, if it is what is to be archived next: so what a crash left is
//! made use of by the next try. Until the store is told, every event is in it as well.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bursar_core::audit::{Archived, Hash, Head, Verifier};
use bursar_core::time::{Span, Timestamp};
use sha2::{Digest, Sha256};

use crate::cli::audit::form;
use crate::cli::audit::source::{self, Source, Unread};
use crate::failure::Failure;
use crate::key_file;

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
    if !key_file::exists(to)? {
        let before = match extent.before {
            Before::At(time) => time,
            Before::Ago(span) => chain.position()?.time.minus(span),
        };
        let last = extent.recorded.iter().map(|head| head.number).max();
        let is_over = |number: u64, time: Timestamp| time >= before || last.is_some_and(|last| number > last);
        if !copy(directory, base, is_over, to)? {
            return Ok(None);
        }
    }
    read_back(base, extent.recorded.clone(), to).map(Some)
}

/// Copies links until one is over; false, and no file, if the first one is.
fn copy(directory: &Path, base: Head, is_over: impl Fn(u64, Timestamp) -> bool, to: &Path) -> Result<bool, Failure> {
    let failed = |problem: io::Error| Failure::at(to, problem);
    let mut links = Source::store(directory, base.number.saturating_add(1))?;
    let mut last = base.number;
    let mut part: Option<(PathBuf, BufWriter<File>)> = None;
    while let Some((link, events)) = links.next().map_err(|unread| unread.after(last))? {
        if events.iter().any(|event| is_over(link.number, event.time)) {
            break;
        }
        let (_, file) = match &mut part {
            Some(part) => part,
            None => part.insert(begin(to).map_err(failed)?),
        };
        file.write_all(&form::line(&link, &events)?).map_err(failed)?;
        last = link.number;
    }
    let Some((path, file)) = part else { return Ok(false) };
    let finish = || {
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        // Unlike a renaming, this replaces nothing.
        fs::hard_link(&path, to)?;
        fs::remove_file(&path)?;
        let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    };
    finish().map_err(failed)?;
    Ok(true)
}

/// A file beside its later place, so that what is half written never stands there.
fn begin(to: &Path) -> io::Result<(PathBuf, BufWriter<File>)> {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let path = to.with_file_name(name);
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    Ok((path, BufWriter::new(file)))
}

/// Verifies a file from the disk, as the one that follows what is archived.
fn read_back(base: Head, recorded: Vec<Head>, path: &Path) -> Result<Archived, Failure> {
    let refused = |problem: String| Failure::at(path, format!("{problem}; nothing was let go of"));
    let mut verifier = Verifier::after(base).against(recorded.into_iter().filter(|head| head.number >= base.number));
    let mut file = Source::file(path)?;
    while let Some((link, events)) = file.next().map_err(|unread| match unread {
        Unread::Record(problem) => refused(problem),
        Unread::Failure(failure) => failure,
    })? {
        verifier.check(&link, &events).map_err(|broken| refused(broken.to_string()))?;
    }
    let through = verifier.head();
    if through.number <= base.number {
        return Err(refused("there is no link in this file".to_owned()));
    }
    let digest = digest(path).map_err(|problem| Failure::at(path, problem))?;
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
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

/// The file in a directory of archives that begins with this link; their names stand in the order of the chain.
pub(crate) fn named_by(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("audit-{first:012}.jsonl"))
}
