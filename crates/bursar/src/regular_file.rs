//! Files that are read to their end, which a pipe or a device may never have.

use std::fs;
use std::io;
use std::path::Path;

/// Refuses what is no regular file, before it is opened: opening a pipe may wait for ever, too.
///
/// # Errors
/// It is none, or cannot be looked at.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    match fs::metadata(path)?.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("is no regular file, and nothing else is read here")),
    }
}

/// What is in a regular file.
///
/// # Errors
/// It is none, or cannot be read.
#[cfg(feature = "any-rail")]
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    check(path)?;
    fs::read(path)
}

/// The text of a regular file.
///
/// # Errors
/// It is none, cannot be read, or has no text.
#[cfg(feature = "any-rail")]
pub(crate) fn read_to_string(path: &Path) -> io::Result<String> {
    check(path)?;
    fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_never_end_is_not_opened() {
        for endless in ["/dev/zero", "/"] {
            let told = check(Path::new(endless)).unwrap_err().to_string();
            assert_eq!(told, "is no regular file, and nothing else is read here", "{endless}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(check(file.path()).is_ok());
    }
}
