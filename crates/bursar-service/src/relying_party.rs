//! Whom passkeys are made for: the name they are bound to, and where pages that ask for them come from.

use url::{Host, Url};
use webauthn_rs::prelude::{Webauthn, WebauthnBuilder};

/// What people see as the name of this server.
const NAME: &str = "Bursar";

/// The relying party of all passkeys of this server. Its id must not change: passkeys of another id are lost.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    pub(crate) webauthn: Webauthn,
    id: String,
    origin: String,
}

impl RelyingParty {
    /// Checks where pages come from, such as `https://bursar.example.com`. The id is its host name unless a part
    /// of that is given. Browsers make passkeys on host names only, and in clear HTTP on `localhost` only.
    ///
    /// # Errors
    /// A sentence about what cannot be.
    pub fn new(origin: &str, id: Option<&str>) -> Result<Self, String> {
        let url = Url::parse(origin).map_err(|error| format!("the origin is not a URL: {error}"))?;
        let Some(Host::Domain(host)) = url.host() else {
            return Err("the origin must have a host name: browsers make no passkeys for addresses".to_owned());
        };
        let is_here = host == "localhost" || host.ends_with(".localhost");
        if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
            return Err("the origin must begin with `https://`; only `localhost` goes without".to_owned());
        }
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !is_bare || !url.username().is_empty() || url.password().is_some() {
            return Err("the origin is a scheme, a host and a port, nothing behind them".to_owned());
        }
        let id = id.unwrap_or(host).to_owned();
        // Who is bound to all of `com` is bound to everybody.
        if !id.contains('.') && id != host {
            return Err("the relying party id must be the host of the origin or a domain above it".to_owned());
        }
        let built = WebauthnBuilder::new(&id, &url).and_then(|builder| builder.rp_name(NAME).build());
        let webauthn =
            built.map_err(|_| "the relying party id must be the host of the origin or a domain above it".to_owned())?;
        Ok(Self { webauthn, id, origin: url.origin().ascii_serialization() })
    }

    /// The name that passkeys are bound to.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where pages come from, as browsers name it.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_host_of_the_origin_or_a_domain_above_it() {
        let party = RelyingParty::new("https://bursar.example.com", None).unwrap();
        assert_eq!((party.id(), party.origin()), ("bursar.example.com", "https://bursar.example.com"));
        assert!(RelyingParty::new("https://bursar.example.com:8443/", Some("example.com")).is_ok());
        assert!(RelyingParty::new("http://localhost:8080", None).is_ok());
        for (origin, id) in [
            ("https://bursar.example.com", Some("com")),
            ("https://bursar.example.com", Some("other.com")),
            ("https://bursar.example.com", Some("sar.example.com")),
            ("http://bursar.example.com", None),
            ("https://127.0.0.1", None),
            ("https://[::1]:80", None),
            ("https://bursar.example.com/login", None),
            ("https://me@bursar.example.com", None),
            ("bursar.example.com", None),
        ] {
            assert!(RelyingParty::new(origin, id).is_err(), "{origin} {id:?}");
        }
    }
}
