//! The section `[mail]` of the configuration: where mails go, who sends them, and where their links lead.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bursar_core::secret::Secret;
use bursar_gateway::mail::{Encryption, Login, MailDirectory, Smtp, SmtpServer, sender};
use bursar_service::mail::Post;
use serde::Deserialize;

use crate::failure::Failure;
use crate::{key_file, regular_file};

/// The longest password of a mail server, in bytes.
const LONGEST_PASSWORD: u64 = 1_024;

/// Mails.
#[derive(Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mail {
    from: String,
    links: String,
    server: Option<String>,
    #[serde(default)]
    encryption: Encrypted,
    port: Option<u16>,
    username: Option<String>,
    password_file: Option<PathBuf>,
    directory: Option<PathBuf>,
}

/// How the connection to the mail server is protected.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Default, Debug)]
#[serde(rename_all = "lowercase")]
enum Encrypted {
    /// From the start.
    #[default]
    Tls,
    /// After a greeting in clear.
    StartTls,
    /// Not at all.
    None,
}

impl Mail {
    /// Mails as files, with links that lead to a server of this machine.
    pub(crate) fn into_directory(directory: PathBuf, links: String) -> Self {
        Self {
            from: "Bursar <bursar@localhost.localdomain>".to_owned(),
            links,
            server: None,
            encryption: Encrypted::None,
            port: None,
            username: None,
            password_file: None,
            directory: Some(directory),
        }
    }

    /// Takes paths as relative to a place.
    pub(crate) fn placed(mut self, place: &Path) -> Self {
        for path in [&mut self.password_file, &mut self.directory].into_iter().flatten() {
            *path = place.join(&path);
        }
        self
    }

    /// What cannot be about the section, without looking at files.
    pub(crate) fn check(&self) -> Result<(), String> {
        sender(&self.from).map_err(|problem| format!("mail.from: {problem}"))?;
        check_links(&self.links)?;
        match (&self.server, &self.directory) {
            (None, None) => return Err("mail: name a `server`, or a `directory` that takes mails as files".to_owned()),
            (Some(_), Some(_)) => return Err("mail: there is a `server` and a `directory`; one will do".to_owned()),
            _ => {}
        }
        if self.username.is_some() != self.password_file.is_some() {
            return Err("mail: `username` and `password_file` go together".to_owned());
        }
        match &self.server {
            Some(server) if self.encryption == Encrypted::None && !is_this_machine(server) => {
                Err("mail.encryption = \"none\" is for a mail server on this machine only".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Ready to send.
    ///
    /// # Errors
    /// The password cannot be read, the directory cannot be made, or something cannot be.
    pub(crate) fn open(&self) -> Result<Post, Failure> {
        self.check().map_err(Failure::new)?;
        let public_url = self.links.trim_end_matches('/').to_owned();
        let from = sender(&self.from).map_err(Failure::new)?;
        if let Some(directory) = &self.directory {
            let mails = MailDirectory::open(directory, from).map_err(|problem| Failure::at(directory, problem))?;
            return Ok(Post { mailer: Arc::new(mails), public_url });
        }
        Ok(Post { mailer: Arc::new(self.smtp()?), public_url })
    }

    fn smtp(&self) -> Result<Smtp, Failure> {
        let host = self.server.clone().ok_or_else(|| Failure::new("mail.server is missing"))?;
        let (encryption, usual) = match self.encryption {
            Encrypted::Tls => (Encryption::Tls, 465),
            Encrypted::StartTls => (Encryption::StartTls, 587),
            Encrypted::None => (Encryption::None, 25),
        };
        let login = match (&self.username, &self.password_file) {
            (Some(username), Some(file)) => Some(Login { username: username.clone(), password: read_password(file)? }),
            _ => None,
        };
        let server = SmtpServer { host, port: self.port.unwrap_or(usual), encryption, login };
        let from = sender(&self.from).map_err(Failure::new)?;
        Smtp::new(server, from).map_err(|problem| Failure::new(format!("mail.server: {problem}")))
    }

    /// Whether mails can be handed over now; says to whom.
    ///
    /// # Errors
    /// What stands in the way.
    pub(crate) async fn test(&self) -> Result<String, Failure> {
        match (&self.directory, &self.server) {
            (Some(directory), _) => {
                self.open()?;
                Ok(format!("as files into {}", directory.display()))
            }
            (None, Some(server)) => {
                self.smtp()?.test().await.map_err(|problem| Failure::new(format!("{server}: {problem}")))?;
                Ok(format!("through {server}"))
            }
            (None, None) => Err(Failure::new("mail.server is missing")),
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// Links carry what opens an account: they lead to TLS, or to this machine.
fn check_links(links: &str) -> Result<(), String> {
    let problem = || {
        format!(
            "mail.links: `{}` is not the URL of this server, such as `https://bursar.example.com`",
            links.escape_debug()
        )
    };
    let (is_clear, rest) = match (links.strip_prefix("https://"), links.strip_prefix("http://")) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return Err(problem()),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:[]/".contains(c);
    let host = rest.split('/').next().unwrap_or_default();
    if host.is_empty() || !rest.chars().all(is_plain) {
        return Err(problem());
    }
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => bare,
        _ => host,
    };
    match is_clear && !is_this_machine(bare.trim_matches(['[', ']'])) {
        true => Err("mail.links: links in mails open accounts, so they lead to `https://`".to_owned()),
        false => Ok(()),
    }
}

fn read_password(path: &Path) -> Result<Secret<String>, Failure> {
    let opened = regular_file::check(path).and_then(|()| fs::File::open(path));
    let file = opened.map_err(|problem| Failure::at(path, problem))?;
    key_file::check_private(&file, path, "password")?;
    let mut text = String::new();
    file.take(LONGEST_PASSWORD).read_to_string(&mut text).map_err(|problem| Failure::at(path, problem))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mail(text: &str) -> Result<(), String> {
        let read: Mail = toml::from_str(text).map_err(|error| error.to_string())?;
        read.check()
    }

    #[test]
    fn a_section_says_where_mails_go_and_where_links_lead() {
        let sound =
            "from = 'Bursar <b@example.com>'\nlinks = 'https://bursar.example.com'\nserver = 'smtp.example.com'";
        assert_eq!(mail(sound), Ok(()));
        assert_eq!(mail(&sound.replace("server = 'smtp.example.com'", "directory = 'mail'")), Ok(()));
        assert_eq!(mail(&sound.replace("https://bursar.example.com", "http://127.0.0.1:8080/")), Ok(()));
        assert_eq!(mail(&sound.replace("https://bursar.example.com", "http://[::1]:8080")), Ok(()));
        for (from, to) in [
            ("https://", "http://"),
            ("https://", "javascript://"),
            ("https://bursar.example.com", "https://"),
            ("https://bursar.example.com", "https://a b"),
            ("b@example.com", "b"),
            ("server = 'smtp.example.com'", ""),
            ("server =", "directory = 'mail'\nserver ="),
            ("server =", "encryption = 'none'\nserver ="),
            ("server =", "username = 'b'\nserver ="),
            ("server =", "password = 'b'\nserver ="),
        ] {
            assert!(mail(&sound.replace(from, to)).is_err(), "{from} → {to}");
        }
    }

    #[test]
    fn a_password_that_others_may_read_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("password");
        fs::write(&path, "secret\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_password(&path).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read_password(&path).unwrap().expose(), "secret");
    }
}
