//! Files of keys: 64 hex digits that only their owner may read, outside the data directory.

use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bursar_core::secret::Secret;
use bursar_store::seal::MasterKey;

use crate::archive::beside;
use crate::environment;
use crate::failure::Failure;
use crate::regular_file;

/// A key, and some space for a line end.
const LONGEST: u64 = 80;

/// Where systemd tells a service that its credentials are.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Makes a new master key and its file, durably.
///
/// # Errors
/// There is such a file already, or it cannot be written.
pub(crate) fn create(path: &Path) -> Result<MasterKey, Failure> {
    create_secret(path).map(MasterKey::new)
}

/// Reads the master key.
///
/// # Errors
/// There is no such file, others may read it, or it is no key.
pub(crate) fn read(path: &Path) -> Result<MasterKey, Failure> {
    read_secret(path, "master key").map(MasterKey::new)
}

/// Makes 32 random bytes and their file, durably.
///
/// # Errors
/// There is such a file already, or it cannot be written.
pub(crate) fn create_secret(path: &Path) -> Result<Secret<[u8; 32]>, Failure> {
    let bytes = Secret::new(environment::random_bytes::<32>());
    let text = Secret::new(base16ct::lower::encode_string(bytes.expose()));
    let directory = beside(path);
    let write = || {
        // It has its name once all of it is on the disk. A temporary file has mode 0600 from its beginning.
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(text.expose().as_bytes())?;
        file.write_all(b"\n")?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|error| error.error)?;
        File::open(directory)?.sync_all()
    };
    write().map_err(|problem: std::io::Error| Failure::io(path, &problem))?;
    Ok(bytes)
}

/// Reads the 32 bytes of a key; `what` says whose it is.
///
/// # Errors
/// There is no such file, others may read it, or it is no key.
pub(crate) fn read_secret(path: &Path, what: &str) -> Result<Secret<[u8; 32]>, Failure> {
    let opened = regular_file::check(path).and_then(|()| File::open(path));
    let file = opened.map_err(|problem| match problem.kind() {
        ErrorKind::NotFound => Failure::at(path, format!("there is no {what} here")).with_hint(
            "put it back from its copy, which is kept elsewhere than the data; without it nothing sealed can be opened",
        ),
        _ => Failure::io(path, &problem),
    })?;
    check_private(&file, path, what)?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(|problem| Failure::at(path, problem))?;
    let text = Secret::new(text);
    let decoded = Secret::new(base16ct::lower::decode_vec(text.expose().trim_end()).unwrap_or_default());
    let bytes = decoded.expose().as_slice().try_into();
    let bytes = bytes.map_err(|_| Failure::at(path, format!("is no {what}, which is 64 lower-case hex digits")))?;
    Ok(Secret::new(bytes))
}

/// Refuses a file of a secret that others may read; `what` says which secret.
///
/// # Errors
/// They may, or its mode is not known.
pub(crate) fn check_private(file: &File, path: &Path, what: &str) -> Result<(), Failure> {
    let metadata = file.metadata().map_err(|problem| Failure::at(path, problem))?;
    match open_to_others(path, &metadata) {
        None => Ok(()),
        Some(mode) => Err(Failure::at(path, format!("the {what} may be read by others (mode {mode:03o})"))
            .with_hint(format!("chmod 600 {}", path.display()))),
    }
}

/// The mode of a file, if others than its owner may read it.
pub(crate) fn open_to_others(path: &Path, metadata: &Metadata) -> Option<u32> {
    let mode = metadata.permissions().mode();
    let is_open = mode & others(path, environment::variable(CREDENTIALS).as_deref()) != 0;
    is_open.then_some(mode & 0o777)
}

/// The bits of a file's mode that let others read it. systemd lets its service read a credential by an access list, of which a
/// mode shows the mask in place of the group.
fn others(path: &Path, credentials: Option<&str>) -> u32 {
    if credentials.is_some_and(|directory| path.starts_with(directory)) { 0o037 } else { 0o077 }
}

/// Whether there is a file at this place.
pub(crate) fn exists(path: &Path) -> Result<bool, Failure> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(problem) if problem.kind() == ErrorKind::NotFound => Ok(false),
        Err(problem) => Err(Failure::io(path, &problem)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_credential_of_systemd_has_a_group_in_its_mode() {
        let of = |path: &str, directory| others(Path::new(path), directory);
        let directory = Some("/run/credentials/bursar.service");
        assert_eq!(
            of("/run/credentials/bursar.service/master.key", directory),
            0o037,
            "the group reads, and writes nothing"
        );
        assert_eq!(of("/run/credentials/bursar.services/master.key", directory), 0o077);
        assert_eq!(of("/etc/bursar/master.key", directory), 0o077);
        assert_eq!(of("/etc/bursar/master.key", None), 0o077);
    }
}
