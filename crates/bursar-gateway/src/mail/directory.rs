//! Mails as files, for test environments: whoever tries something out reads them there.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bursar_service::mail::{Mail, MailProblem, Mailer};
use bursar_service::rail::Answer;
use lettre::message::Mailbox;

/// How many mails are kept; older ones are removed.
const MOST_KEPT: usize = 500;

/// A directory that takes mails, one `.eml` each, named in their order.
pub struct MailDirectory {
    path: PathBuf,
    from: Mailbox,
    next: AtomicU64,
}

impl MailDirectory {
    /// Makes the directory if there is none, for its owner's eyes only: there are links in it that open accounts.
    ///
    /// # Errors
    /// The machine refuses.
    pub fn open(path: &Path, from: Mailbox) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let last = numbers(path)?.last().copied().unwrap_or_default();
        Ok(Self { path: path.to_owned(), from, next: AtomicU64::new(last.saturating_add(1)) })
    }

    fn keep(&self, mail: &Mail) -> Result<(), MailProblem> {
        let message = super::message(&self.from, mail)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let kept = || -> io::Result<()> {
            let path = self.path.join(name(number));
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(&message.formatted())?;
            let numbers = numbers(&self.path)?;
            let excess = numbers.len().saturating_sub(MOST_KEPT);
            numbers.iter().take(excess).try_for_each(|old| fs::remove_file(self.path.join(name(*old))))
        };
        kept().map_err(|problem| MailProblem { is_lasting: false, text: format!("{}: {problem}", self.path.display()) })
    }
}

impl Mailer for MailDirectory {
    fn send<'a>(&'a self, mail: &'a Mail) -> Answer<'a, Result<(), MailProblem>> {
        // A file of a few hundred bytes, in a test environment.
        Box::pin(async { self.keep(mail) })
    }
}

fn name(number: u64) -> String {
    format!("{number:08}.eml")
}

/// The numbers of the mails that are there, in their order.
fn numbers(path: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".eml"));
        numbers.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mail(text: &str) -> Mail {
        Mail { to: "a@example.com".to_owned(), subject: "s".to_owned(), text: text.to_owned() }
    }

    #[tokio::test]
    async fn mails_are_kept_in_order_over_restarts_and_for_their_owner_only() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("mail");
        let open = || MailDirectory::open(&path, super::super::sender("b@example.com").unwrap()).unwrap();
        open().send(&mail("first")).await.unwrap();
        open().send(&mail("second")).await.unwrap();
        let second = path.join("00000002.eml");
        assert!(fs::read_to_string(&second).unwrap().contains("second"));
        assert_eq!(fs::metadata(&second).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[tokio::test]
    async fn only_the_newest_mails_are_kept() {
        let place = tempfile::tempdir().unwrap();
        let mails = MailDirectory::open(place.path(), super::super::sender("b@example.com").unwrap()).unwrap();
        for number in 0..MOST_KEPT + 3 {
            mails.send(&mail(&number.to_string())).await.unwrap();
        }
        let kept = numbers(place.path()).unwrap();
        assert_eq!((kept.len(), kept[0]), (MOST_KEPT, 4));
    }
}
