//! Where the command line keeps sessions, one for each server: one file in the user's configuration, readable by them
//! only.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use bursar_core::secret::Secret;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::environment;
use crate::failure::Failure;
use crate::key_file;
use crate::server;

const FILE: &str = "credentials.toml";
/// How many servers one is logged in to at once; beyond that the oldest login is forgotten.
const MOST_LOGINS: usize = 64;

/// A session that was logged in to. It has a token in it: it must not be logged.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Credentials {
    pub(super) url: String,
    pub(super) username: String,
    pub(super) token: String,
    pub(super) expires: String,
    /// The authorities that signed the server's certificate, where they are not the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ca_file: Option<PathBuf>,
}

impl Credentials {
    fn is_of(&self, url: &str) -> bool {
        self.url.trim_end_matches('/') == url
    }
}

/// The file: the login of the last server on top, as it was when there was only one, and those of others below.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    last: Credentials,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<Credentials>,
}

/// The file's place, by the XDG base directories.
pub(super) fn path() -> Result<PathBuf, Failure> {
    let absolute = |name: &str| environment::variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let configuration = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    let configuration =
        configuration.ok_or_else(|| Failure::new("neither XDG_CONFIG_HOME nor HOME says where to keep credentials"))?;
    Ok(configuration.join("bursar").join(FILE))
}

/// The login of a server, or the last one if none is named.
///
/// # Errors
/// The file cannot be read, or others may read it.
pub(super) fn load(url: Option<&str>) -> Result<Option<Credentials>, Failure> {
    let mut logins = all()?.into_iter();
    Ok(match url {
        Some(url) => logins.find(|login| login.is_of(url)),
        None => logins.next(),
    })
}

/// The sessions that were kept, the last one first.
///
/// # Errors
/// The file cannot be read, is no regular one, or others may read it.
pub(super) fn all() -> Result<Vec<Credentials>, Failure> {
    let path = path()?;
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(problem) if problem.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(problem) => return Err(Failure::at(&path, problem)),
    };
    // Who reads a pipe or a device may wait for ever.
    if !metadata.is_file() {
        let hint = format!("put it aside (mv '{0}' '{0}.other'), and log in anew", path.display());
        return Err(Failure::at(&path, "is no regular file, and logins are kept in nothing else").with_hint(hint));
    }
    if key_file::open_to_others(&path, &metadata).is_some() {
        let hint = format!(
            "chmod 600 '{}'; if somebody may have read it, also end those sessions (`bursar session revoke --all`) and log in anew",
            path.display()
        );
        return Err(Failure::at(&path, "others may read these credentials").with_hint(hint));
    }
    let text = Secret::new(fs::read_to_string(&path).map_err(|problem| Failure::at(&path, problem))?);
    // The error would quote the line, which may be the token's.
    let kept: Kept = toml::from_str(text.expose()).map_err(|_| {
        // It may have the logins of other servers in it, which nobody is told to remove.
        let hint = format!("mend it, or put it aside (mv '{0}' '{0}.broken'), and log in anew", path.display());
        Failure::at(&path, "cannot be understood").with_hint(hint)
    })?;
    Ok([vec![kept.last], kept.others].concat())
}

/// Keeps a session as the last one, in place of the one before of its server.
///
/// # Errors
/// The file cannot be read or written.
pub(super) fn save(credentials: Credentials) -> Result<PathBuf, Failure> {
    change(|logins| {
        logins.retain(|login| !login.is_of(&credentials.url));
        logins.insert(0, credentials);
        logins.truncate(MOST_LOGINS);
    })
}

/// Forgets the session of a server.
///
/// # Errors
/// The file cannot be read, written or removed.
pub(super) fn forget(url: &str) -> Result<(), Failure> {
    change(|logins| logins.retain(|login| !login.is_of(url))).map(drop)
}

/// Writes the file anew, never half of it; without a login there is no file.
fn change(change: impl FnOnce(&mut Vec<Credentials>)) -> Result<PathBuf, Failure> {
    let path = path()?;
    let directory = path.parent().unwrap_or(&path);
    server::make_directory(directory)?;
    let at = |problem| Failure::at(&path, problem);
    // Two logins at once must not lose one of them, as far as the file system can lock.
    let lock = File::open(directory).and_then(|directory| directory.lock().map(|()| directory)).ok();
    let mut logins = all()?;
    change(&mut logins);
    let mut logins = logins.into_iter();
    match logins.next() {
        None => match fs::remove_file(&path) {
            Err(problem) if problem.kind() != ErrorKind::NotFound => return Err(at(problem)),
            _ => {}
        },
        Some(last) => {
            let text = toml::to_string(&Kept { last, others: logins.collect() });
            let text = Secret::new(text.map_err(|error| Failure::new(error.to_string()))?);
            write(&path, directory, &text).map_err(at)?;
        }
    }
    drop(lock);
    Ok(path)
}

fn write(path: &Path, directory: &Path, text: &Secret<String>) -> io::Result<()> {
    // Behind a link the file itself is written anew, so that no old one stays there with its tokens.
    let behind = fs::canonicalize(path);
    let path = behind.as_deref().unwrap_or(path);
    let directory = path.parent().unwrap_or(directory);
    // A temporary file has mode 0600 from its beginning.
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(text.expose().as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error).map(drop)
}
