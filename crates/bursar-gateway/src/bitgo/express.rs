//! BitGo Express beside the upstream: it has the keys of hot wallets, and makes and signs what is to be sent.
//!
//! It signs none of its answers, so none is believed: what became of a spend the upstream itself tells.

use std::collections::BTreeMap;
use std::time::Duration;

use bursar_core::secret::Secret;
use bursar_rails::json::Json;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};

use crate::tls::Trust;
use crate::upstream::{NoAnswer, Upstream};

/// How long it may take: it asks the upstream several times.
const WITHIN: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;

/// How it is configured.
pub struct ExpressSettings {
    /// Where it is.
    pub url: String,
    /// What opens the key of a wallet, by the upstream's name of the wallet.
    pub passphrases: BTreeMap<String, Secret<String>>,
}

/// BitGo Express.
pub(super) struct Express {
    upstream: Upstream,
    bearer: HeaderValue,
    passphrases: BTreeMap<String, Secret<String>>,
}

impl Express {
    pub(super) fn new(settings: ExpressSettings, token: &Secret<String>, trust: &Trust) -> Result<Self, String> {
        let ExpressSettings { url, passphrases } = settings;
        // It closes what is idle after some seconds: a connection that was kept would lose a spend to that now and then.
        let upstream = Upstream::apart(&Secret::new(url), WITHIN, LONGEST_ANSWER, trust)
            .map_err(|problem| format!("`express_url` {problem}"))?;
        let bearer = Secret::new(format!("Bearer {}", token.expose()));
        let mut bearer =
            HeaderValue::from_str(bearer.expose()).map_err(|_| "`token_file` cannot be sent".to_owned())?;
        bearer.set_sensitive(true);
        Ok(Self { upstream, bearer, passphrases })
    }

    /// Asks it to send, once, and gives the status of its answer, which says nothing of what became of it. Its words stay
    /// there: they may show the token.
    ///
    /// # Errors
    /// There is no answer: unless nothing was sent, it may have been done.
    pub(super) async fn send(&self, path: &[&str], wallet: &str, body: Json) -> Result<StatusCode, NoAnswer> {
        let place = self.upstream.under(path).map_err(NoAnswer::NotSent)?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.bearer.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = match (body, self.passphrases.get(wallet)) {
            (Json::Object(mut entries), Some(passphrase)) => {
                entries.push(("walletPassphrase".into(), Json::Text(passphrase.expose().as_str().into())));
                Json::Object(entries)
            }
            (body, _) => body,
        };
        let body = Secret::new(body.to_string());
        place.call(Method::POST, headers, body.expose().clone()).await.map(|answered| answered.status)
    }
}
