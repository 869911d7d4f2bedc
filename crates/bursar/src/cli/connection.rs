//! Which server a command asks, and as whom.

use std::fs;
use std::path::{Path, PathBuf};

use bursar_client::{Client, ClientError, Declined, Kind};
use bursar_core::secret::Secret;
use clap::Args;

use crate::cli::credentials::{self, Credentials};
use crate::failure::{Exit, Failure, in_flags};

/// Where a server is when nothing says it.
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:8080";

#[derive(Args)]
pub(super) struct Connection {
    /// The server; otherwise the one that was logged in to last.
    #[arg(long, env = "BURSAR_URL")]
    url: Option<String>,
    /// The token to present, instead of the login's. Better in BURSAR_TOKEN: arguments are seen by others.
    #[arg(long, env = "BURSAR_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    authorities: Authorities,
}

/// Whose certificates are believed, where the server's was signed by an authority of one's own.
#[derive(Args)]
pub(super) struct Authorities {
    /// A file with the authorities, in PEM, that are believed instead of the usual ones; kept with a login.
    #[arg(long, value_name = "FILE", env = "BURSAR_CA_FILE")]
    ca_file: Option<PathBuf>,
}

impl Authorities {
    /// The file, wherever commands are run later.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn file(&self) -> Result<Option<PathBuf>, Failure> {
        let said = self.ca_file.as_deref().filter(|file| !file.as_os_str().is_empty());
        said.map(|file| file.canonicalize().map_err(|problem| Failure::io(file, &problem))).transpose()
    }
}

/// A client of a server, which believes the authorities in a file if there is one.
///
/// # Errors
/// The file cannot be read, or has none.
pub(super) fn reach(url: &str, token: Option<Secret<String>>, authorities: Option<&Path>) -> Result<Client, Failure> {
    let Some(file) = authorities else { return Ok(Client::new(url, token)) };
    let pem = fs::read(file).map_err(|problem| Failure::io(file, &problem))?;
    Client::trusting(url, token, &pem).map_err(|problem| Failure::at(file, problem))
}

impl Connection {
    /// Whether a token was given, so that the login's does not matter.
    pub(super) fn has_token(&self) -> bool {
        self.token.as_deref().is_some_and(|token| !token.trim().is_empty())
    }

    /// Whether anything says which server is asked.
    pub(super) fn is_said(&self) -> bool {
        self.url.as_deref().is_some_and(|url| !url.trim().is_empty()) || self.has_token()
    }

    /// An empty variable is as good as none.
    fn token(&self) -> Result<Option<&str>, Failure> {
        let token = self.token.as_deref().map(str::trim).filter(|token| !token.is_empty());
        match token {
            Some(token) if token.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                Err(Failure::usage("the token (--token, BURSAR_TOKEN) has a line break or blank in it"))
            }
            token => Ok(token),
        }
    }

    fn url(&self) -> Result<Option<String>, Failure> {
        self.url.as_deref().filter(|url| !url.trim().is_empty()).map(checked_url).transpose()
    }

    /// A client that presents the token that was given, or the login's.
    ///
    /// # Errors
    /// Nobody is logged in there; or the token or URL cannot be.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let (given, authorities) = (self.url()?, self.authorities.file()?);
        let kept = credentials::load(given.as_deref());
        if let Some(token) = self.token()? {
            let token = Some(Secret::new(token.to_owned()));
            let (url, kept) = match (given, kept) {
                // A file that cannot be read is no matter of one who says all of it.
                (Some(url), kept) => (url, kept.ok().flatten().and_then(|kept| kept.ca_file)),
                // A token goes to the server that issued it, which nobody can tell of several.
                (None, _) if credentials::all()?.len() > 1 => {
                    return Err(Failure::usage("a token is given and no server, and one is logged in to several")
                        .with_hint("--url or BURSAR_URL says which server the token is for"));
                }
                (None, kept) => kept?.map_or_else(|| (DEFAULT_URL.to_owned(), None), |kept| (kept.url, kept.ca_file)),
            };
            return reach(&url, token, authorities.or(kept).as_deref());
        }
        // A token goes to the server that issued it and to nobody else.
        let kept = kept?.ok_or_else(|| match &given {
            Some(url) => not_logged_in(&format!("nobody is logged in to {url}"))
                .and_hint("`bursar login --list` shows where one is"),
            None => not_logged_in("nobody is logged in"),
        })?;
        let Credentials { url, token, ca_file, .. } = kept;
        reach(&url, Some(Secret::new(token)), authorities.or(ca_file).as_deref())
    }
}

/// The URL of a server, without a slash at its end.
///
/// # Errors
/// It has no scheme, no host, or a path.
pub(super) fn checked_url(text: &str) -> Result<String, Failure> {
    let url = text.trim().trim_end_matches('/');
    let host = ["http://", "https://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    match host {
        Some(host) if host.contains(['/', '?', '#']) => {
            Err(Failure::usage(format!("`{url}` has a path")).with_hint("give the URL without a path"))
        }
        // It would be kept and listed.
        Some(host) if host.contains('@') => {
            Err(Failure::usage("the URL of the server has a user or password in it").with_hint("leave them out"))
        }
        Some(host) if !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            Ok(url.to_owned())
        }
        _ => Err(Failure::usage(format!("`{url}` is not the URL of a server")).with_hint("write http://HOST:PORT")),
    }
}

/// What is wrong with a server's certificate, and what to do.
const CERTIFICATES: &[(&str, &str)] = &[
    ("UnknownIssuer", "--ca-file names the authority that signed it"),
    (
        "CaUsedAsEndEntity",
        "the server shows the certificate of an authority as its own: make an authority, sign one for the server with it, and give \
         --ca-file the authority's",
    ),
    ("NotValidForName", "the certificate is for another name than that of the URL"),
    ("Expired", "the certificate is over, or a clock is wrong"),
];

fn not_logged_in(message: &str) -> Failure {
    Failure::new(message).with_exit(Exit::Unauthenticated).with_hint("bursar login")
}

fn of_context<'a>(declined: &'a Declined, name: &str) -> Option<&'a str> {
    declined.context()?.get(name)?.as_str()
}

/// Whoever does not know whether money moved asks after it, instead of sending more.
fn pending(failure: Failure, spend: &str) -> Failure {
    let told = format!("what became of spend {spend} is not known yet; it stays held, so send no other in its place");
    let failure = failure.with_message(told).with_exit(Exit::Unknown).with_code("outcome_pending");
    failure.with_context("spend", spend).with_hint(format!("`bursar spends show {spend}` tells"))
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let failure = Self::new(in_flags(&error.to_string()));
        match &error {
            ClientError::Unreachable { problem, .. } => {
                let failure = failure.with_exit(Exit::Unreachable);
                match CERTIFICATES.iter().find(|(says, _)| problem.contains(says)) {
                    // Nothing is sent before the other side is known.
                    Some((_, hint)) => failure.with_hint(format!("{hint}; nothing was sent")),
                    None => failure,
                }
            }
            ClientError::Unreadable { .. } => failure,
            ClientError::Declined(declined) => {
                if let (Some("outcome_pending"), Some(spend)) = (declined.code(), of_context(declined, "spend")) {
                    return pending(failure, spend);
                }
                let exit = match declined.kind() {
                    Kind::Unauthenticated => Exit::Unauthenticated,
                    Kind::Refused => Exit::Refused,
                    Kind::Other => Exit::Failure,
                };
                let mut failure = failure.with_exit(exit);
                if let Some(code) = declined.code() {
                    failure = failure.with_code(code);
                }
                for (name, value) in declined.context().into_iter().flatten() {
                    failure = failure.with_context(name, value.clone());
                }
                if declined.code() == Some("locked") && of_context(declined, "lockedBy") != Some("ledger") {
                    return failure.with_hint("as its owner: `bursar token resume ID` lifts the lock");
                }
                match (declined.reason(), declined.until()) {
                    (Some(reason), _)
                        if declined.code() == Some("not_unlocked") && reason.starts_with("the session") =>
                    {
                        failure.with_message(reason).with_hint("`bursar token unlock` does that")
                    }
                    // BitGo's words, which say nothing of why.
                    (Some(reason), _) if declined.message() == "needs unlock" => failure.with_message(in_flags(reason)),
                    (Some(reason), _) if reason != declined.message() => failure.with_hint(in_flags(reason)),
                    (None, Some(until)) => failure.with_hint(format!("until {until}")),
                    _ => failure,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_and_a_host_and_no_path() {
        for (text, url) in
            [(" http://127.0.0.1:8080/\n", "http://127.0.0.1:8080"), ("https://b.example", "https://b.example")]
        {
            assert_eq!(checked_url(text).ok().as_deref(), Some(url));
        }
        for text in ["127.0.0.1:8080", "bursar.example", "ftp://x", "http://", "http://a b"] {
            assert!(checked_url(text).unwrap_err().to_string().contains("write http://HOST:PORT"), "{text}");
        }
        for text in ["http://x/api", "https://x/api/v2/", "http://x?y"] {
            assert!(checked_url(text).unwrap_err().to_string().contains("give the URL without a path"), "{text}");
        }
    }
}
