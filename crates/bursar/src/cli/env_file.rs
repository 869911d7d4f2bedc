//! Files of environment variables that get a secret: written whole or not at all, for their owner only.
//!
//! What can fail is tried before the secret exists, since a secret that is shown once must not be lost.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

use bursar_core::secret::Secret;
use tempfile::NamedTempFile;

use crate::archive::beside;
use crate::failure::Failure;
use crate::regular_file;

/// A file that is about to be replaced.
pub(super) struct EnvFile {
    path: PathBuf,
    before: Secret<String>,
    after: NamedTempFile,
}

impl EnvFile {
    /// Reads the file, if there is one, and makes its successor beside it.
    ///
    /// # Errors
    /// It cannot be read, or its directory not be written.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        // A link stays one: what it leads to is replaced.
        let path = match fs::canonicalize(path) {
            Ok(target) => target,
            Err(problem) if problem.kind() == ErrorKind::NotFound => path.to_owned(),
            Err(problem) => return Err(Failure::at(path, problem)),
        };
        // A device or a pipe would be replaced by a file.
        let before = match regular_file::check(&path).and_then(|()| fs::read_to_string(&path)) {
            Ok(text) => Secret::new(text),
            Err(problem) if problem.kind() == ErrorKind::NotFound => Secret::new(String::new()),
            Err(problem) => return Err(Failure::at(&path, problem)),
        };
        // A temporary file has mode 0600 from its beginning.
        let after = NamedTempFile::new_in(beside(&path)).map_err(|problem| Failure::at(&path, problem))?;
        keep_owner(&path, after.as_file()).map_err(|problem| Failure::at(&path, problem))?;
        Ok(Self { path, before, after })
    }

    /// Sets a variable and leaves all others; durable when it returns.
    ///
    /// # Errors
    /// The file cannot be written; then it is as it was.
    pub(super) fn set(mut self, name: &str, value: &Secret<String>) -> Result<PathBuf, Failure> {
        let text = with(self.before.expose(), name, value.expose());
        let path = self.path;
        let write = || {
            self.after.write_all(text.expose().as_bytes())?;
            self.after.as_file().sync_all()?;
            self.after.persist(&path).map_err(|error| error.error)?;
            File::open(beside(&path))?.sync_all()
        };
        write().map_err(|problem: io::Error| Failure::at(&path, problem))?;
        Ok(path)
    }
}

/// Whoever reads the file now goes on reading it, also if the administrator replaces it.
fn keep_owner(path: &Path, after: &File) -> io::Result<()> {
    let owner = |metadata: &Metadata| (metadata.uid(), metadata.gid());
    let before = match fs::metadata(path) {
        Ok(metadata) => owner(&metadata),
        Err(problem) if problem.kind() == ErrorKind::NotFound => return Ok(()),
        Err(problem) => return Err(problem),
    };
    if before == owner(&after.metadata()?) { Ok(()) } else { fchown(after, Some(before.0), Some(before.1)) }
}

/// The text with the variable set where it was set first, or at the end.
fn with(text: &str, name: &str, value: &str) -> Secret<String> {
    let mut after = String::new();
    let mut is_set = false;
    for line in text.lines() {
        let assignment = line.trim_start();
        let (export, assignment) = match assignment.strip_prefix("export ") {
            Some(assignment) => ("export ", assignment.trim_start()),
            None => ("", assignment),
        };
        let is_own = assignment.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        match (is_own, is_set) {
            (false, _) => after.extend([line, "\n"]),
            (true, false) => after.extend([export, name, "=", value, "\n"]),
            // A second line would undo the first.
            (true, true) => {}
        }
        is_set |= is_own;
    }
    if !is_set {
        after.extend([name, "=", value, "\n"]);
    }
    Secret::new(after)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_the_line_of_the_variable_changes() {
        let set = |text| with(text, "BURSAR_TOKEN", "new").expose().clone();
        assert_eq!(set(""), "BURSAR_TOKEN=new\n");
        assert_eq!(set("A=1\nBURSAR_TOKEN=old\n# B"), "A=1\nBURSAR_TOKEN=new\n# B\n");
        assert_eq!(set("export BURSAR_TOKEN=old\nBURSAR_TOKEN=older\n"), "export BURSAR_TOKEN=new\n");
        assert_eq!(set("BURSAR_TOKENS=x\n#BURSAR_TOKEN=y"), "BURSAR_TOKENS=x\n#BURSAR_TOKEN=y\nBURSAR_TOKEN=new\n");
    }

    #[test]
    fn the_file_is_replaced_for_its_owner_only_and_a_link_to_it_stays() {
        let home = tempfile::tempdir().unwrap();
        let (file, link) = (home.path().join("bot.env"), home.path().join("link"));
        fs::write(&file, "A=1\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        EnvFile::open(&link).unwrap().set("B", &Secret::new("2".to_owned())).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "A=1\nB=2\n");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2, "something is left behind");
    }

    #[test]
    fn what_is_no_file_is_left_as_it_is() {
        let listener = tempfile::tempdir().unwrap();
        let socket = listener.path().join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let Err(refused) = EnvFile::open(&socket) else { panic!("it would be replaced") };
        assert!(refused.to_string().contains("is no regular file"), "{refused}");
        assert!(!fs::metadata(&socket).unwrap().is_file());
    }
}
