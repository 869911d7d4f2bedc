//! A small disk of one's own: a file system in memory, mounted where only its servers see it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Mounts, says so, and keeps the namespace until its standard input ends.
const HOLD: &str = r#"mount -t tmpfs -o size="$1",mode=0700 tmpfs "$2" && echo mounted && exec cat"#;

/// A mounted file system; it is gone when this is dropped.
pub(crate) struct Disk {
    holder: Child,
    mounted_at: TempDir,
}

/// What fills a disk, until it is dropped.
pub(crate) struct Ballast(PathBuf);

impl Disk {
    pub(crate) fn of(size: &str) -> Self {
        let mounted_at = tempfile::tempdir().unwrap();
        let mut hold = Command::new("unshare");
        hold.args(["--user", "--map-root-user", "--mount", "sh", "-c", HOLD, "sh", size]).arg(mounted_at.path());
        let mut holder = hold.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("`unshare` is there");
        let mut told = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut told).unwrap();
        assert_eq!(told, "mounted\n", "no file system can be mounted here");
        Self { holder, mounted_at }
    }

    /// A command that sees the disk, and keeps its process id.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string(), "--user", "--mount", "--preserve-credentials"]);
        command.arg(program);
        command
    }

    /// A path on the disk, for those who see it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.mounted_at.path().join(name)
    }

    /// The same path for this process.
    pub(crate) fn path_from_here(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.path(name).strip_prefix("/").unwrap())
    }

    /// Leaves not a byte.
    pub(crate) fn fill(&self) -> Ballast {
        let path = self.path_from_here("ballast");
        let mut file = File::create(&path).unwrap();
        for piece in [1 << 16, 1 << 10, 1] {
            let piece = vec![0x55; piece];
            let full = loop {
                if let Err(error) = file.write_all(&piece) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull);
        }
        Ballast(path)
    }

    /// Makes the whole file system read-only, or writable again; nobody may have a file open to write.
    pub(crate) fn remount(&self, how: &str) {
        let status = self.command("mount").args(["-o", &format!("remount,{how}")]).arg(self.mounted_at.path()).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The file system goes with the last process that sees it.
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        fs::remove_file(Path::new(&self.0)).unwrap();
    }
}
