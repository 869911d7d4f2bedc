//! Which server a command asks, and as whom.

use bursar_client::{Client, ClientError, Kind};
use bursar_core::secret::Secret;
use clap::Args;

use crate::cli::credentials::{self, Credentials};
use crate::failure::{Exit, Failure};

/// Where a server is when nothing says it.
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:8080";

#[derive(Args)]
pub(super) struct Connection {
    /// The server; otherwise the one that was logged in to.
    #[arg(long, env = "BURSAR_URL")]
    url: Option<String>,
    /// The token to present, instead of the login's. Better in BURSAR_TOKEN: arguments are seen by others.
    #[arg(long, env = "BURSAR_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl Connection {
    /// Whether a token was given, so that the login's does not matter.
    pub(super) fn has_token(&self) -> bool {
        self.token().is_some()
    }

    /// An empty variable is as good as none.
    fn token(&self) -> Option<&str> {
        self.token.as_deref().filter(|token| !token.is_empty())
    }

    fn url(&self) -> Option<&str> {
        self.url.as_deref().filter(|url| !url.is_empty())
    }

    /// A client that presents the token that was given, or the login's.
    ///
    /// # Errors
    /// Nobody is logged in, or to another server.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        if let Some(token) = self.token() {
            let token = Some(Secret::new(token.to_owned()));
            let url = match self.url() {
                Some(url) => url.to_owned(),
                None => credentials::load()?.map_or_else(|| DEFAULT_URL.to_owned(), |kept| kept.url),
            };
            return Ok(Client::new(&url, token));
        }
        let kept = credentials::load()?.ok_or_else(|| not_logged_in("nobody is logged in"))?;
        let Credentials { url, token, .. } = kept;
        // A token goes to the server that issued it and to nobody else.
        match self.url() {
            Some(other) if other.trim_end_matches('/') != url.trim_end_matches('/') => {
                Err(not_logged_in(&format!("the login is one of {url}, not of {other}")))
            }
            _ => Ok(Client::new(&url, Some(Secret::new(token)))),
        }
    }
}

fn not_logged_in(message: &str) -> Failure {
    Failure::new(message).with_exit(Exit::Unauthenticated).with_hint("bursar login")
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let failure = Self::new(error.to_string());
        match &error {
            ClientError::Unreachable { .. } => failure.with_exit(Exit::Unreachable),
            ClientError::Unreadable { .. } => failure,
            ClientError::Declined(declined) => {
                let exit = match declined.kind() {
                    Kind::Unauthenticated => Exit::Unauthenticated,
                    Kind::Refused => Exit::Refused,
                    Kind::Other => Exit::Failure,
                };
                let failure = failure.with_exit(exit);
                match declined.reason() {
                    Some(reason) if reason != declined.message() => failure.with_hint(reason),
                    _ => failure,
                }
            }
        }
    }
}
