//! Where the command line keeps a session: one file in the user's configuration, readable by them only.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use bursar_core::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::environment;
use crate::failure::Failure;
use crate::server;

const FILE: &str = "credentials.toml";

/// A session that was logged in to. It has a token in it: it must not be logged.
#[derive(Serialize, Deserialize)]
pub(super) struct Credentials {
    pub(super) url: String,
    pub(super) username: String,
    pub(super) token: String,
    pub(super) expires: String,
    /// The authorities that signed the server's certificate, where they are not the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ca_file: Option<PathBuf>,
}

/// The file's place, by the XDG base directories.
pub(super) fn path() -> Result<PathBuf, Failure> {
    let absolute = |name: &str| environment::variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let configuration = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    let configuration =
        configuration.ok_or_else(|| Failure::new("neither XDG_CONFIG_HOME nor HOME says where to keep credentials"))?;
    Ok(configuration.join("bursar").join(FILE))
}

/// The session that was kept, if any.
///
/// # Errors
/// The file cannot be read, or others may read it.
pub(super) fn load() -> Result<Option<Credentials>, Failure> {
    let path = path()?;
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(problem) if problem.kind() == ErrorKind::NotFound => return Ok(None),
        Err(problem) => return Err(Failure::at(&path, problem)),
    };
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(Failure::at(&path, "others may read these credentials")
            .with_hint(format!("chmod 600 {}, and log in anew if others are on this machine", path.display())));
    }
    let text = Secret::new(fs::read_to_string(&path).map_err(|problem| Failure::at(&path, problem))?);
    // The error would quote the line, which may be the token's.
    toml::from_str(text.expose()).map(Some).map_err(|_| Failure::at(&path, "cannot be understood; log in anew"))
}

/// Keeps a session, instead of the one before; never half of it.
///
/// # Errors
/// The file cannot be written.
pub(super) fn save(credentials: &Credentials) -> Result<PathBuf, Failure> {
    let path = path()?;
    let directory = path.parent().unwrap_or(&path);
    server::make_directory(directory)?;
    let text = toml::to_string(credentials).map_err(|error| Failure::new(error.to_string()))?;
    let text = Secret::new(text);
    // A temporary file has mode 0600 from its beginning.
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(text.expose().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)
    };
    write().map_err(|problem: std::io::Error| Failure::at(&path, problem))?;
    Ok(path)
}

/// Forgets the session.
///
/// # Errors
/// The file cannot be removed.
pub(super) fn forget() -> Result<(), Failure> {
    let path = path()?;
    match fs::remove_file(&path) {
        Err(problem) if problem.kind() != ErrorKind::NotFound => Err(Failure::at(&path, problem)),
        _ => Ok(()),
    }
}
