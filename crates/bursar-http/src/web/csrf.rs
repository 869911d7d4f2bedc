//! Whether a form was sent by a page of ours: the browser says where it comes from, and the form carries a text that only a
//! page for this very session has.

use axum::http::{HeaderMap, header};
use bursar_core::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The field of every form that changes something.
pub(crate) const FIELD: &str = "form_token";

/// What is authenticated under a session's secret: no other use of that secret has this text.
const PURPOSE: &[u8] = b"bursar web form 1";

/// What forms are bound to: a session, or a visit before there is one.
#[derive(Clone, Debug)]
pub(crate) struct Binding(Secret<String>);

impl Binding {
    /// Binds to the secret of a cookie.
    pub(crate) fn to(secret: &str) -> Self {
        Self(Secret::new(secret.to_owned()))
    }

    /// The text that forms of this session carry.
    pub(crate) fn token(&self) -> String {
        let code = self.mac().map(|mac| base16ct::lower::encode_string(&mac.finalize().into_bytes()));
        code.unwrap_or_default()
    }

    /// Whether a form carries it.
    pub(crate) fn is(&self, token: &str) -> bool {
        let mut code = [0; 32];
        let is_read = base16ct::lower::decode(token, &mut code).is_ok_and(|read| read.len() == 32);
        is_read && self.mac().is_some_and(|mac| mac.verify_slice(&code).is_ok())
    }

    fn mac(&self) -> Option<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes()).ok()?;
        Some(mac.chain_update(PURPOSE))
    }
}

/// Whether the browser says that the request comes from a page of this origin. A request that says nothing does not.
pub(crate) fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
            (Some(_), Some(_)) => Err(()),
        }
    };
    let (Ok(origin), Ok(host)) = (text(header::ORIGIN), text(header::HOST)) else { return false };
    let Ok(site) = text(header::HeaderName::from_static("sec-fetch-site")) else { return false };
    let is_own = |origin: &str| {
        let place = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        place.is_some() && place == host
    };
    match (origin, site) {
        (Some(origin), None) => is_own(origin),
        (Some(origin), Some(site)) => is_own(origin) && site == "same-origin",
        (None, Some(site)) => site == "same-origin",
        (None, None) => false,
    }
}

/// Where the browser says that a form comes from, and where it arrived, if these are two places.
pub(crate) fn two_places(headers: &HeaderMap) -> Option<(String, String)> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (origin, host) = (text(header::ORIGIN)?, text(header::HOST)?);
    let from = origin.split_once("://")?.1;
    (from != host).then(|| (from.to_owned(), host.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, text) in headers {
            map.append(*name, text.parse().unwrap());
        }
        is_from_here(&map)
    }

    #[test]
    fn only_what_says_that_it_comes_from_here_does() {
        let host = ("host", "bursar.example:8443");
        assert!(says(&[host, ("origin", "https://bursar.example:8443")]));
        assert!(says(&[host, ("origin", "https://bursar.example:8443"), ("sec-fetch-site", "same-origin")]));
        assert!(says(&[host, ("sec-fetch-site", "same-origin")]));
        for strange in [
            &[host][..],
            &[host, ("origin", "null")],
            &[host, ("origin", "https://evil.example")],
            &[host, ("origin", "https://bursar.example")],
            &[host, ("origin", "https://bursar.example:8443.evil.example")],
            &[host, ("sec-fetch-site", "same-site")],
            &[host, ("sec-fetch-site", "none")],
            &[host, ("origin", "https://bursar.example:8443"), ("sec-fetch-site", "cross-site")],
            &[host, ("origin", "https://bursar.example:8443"), ("origin", "https://evil.example")],
            &[("origin", "https://bursar.example:8443")],
        ] {
            assert!(!says(strange), "{strange:?}");
        }
    }

    #[test]
    fn a_form_that_arrives_elsewhere_is_told_of_both_places() {
        let places = |origin: &str, host: &str| {
            let headers = [(header::ORIGIN, origin), (header::HOST, host)];
            two_places(&headers.map(|(name, text)| (name, text.parse().unwrap())).into_iter().collect())
        };
        let both = Some(("bursar.example:8443".to_owned(), "bursar.example".to_owned()));
        assert_eq!(places("https://bursar.example:8443", "bursar.example"), both);
        assert_eq!(places("https://bursar.example", "bursar.example"), None);
        assert_eq!(places("null", "bursar.example"), None);
    }

    #[test]
    fn a_forms_text_belongs_to_one_session() {
        let (one, other) = (Binding::to("v2xone"), Binding::to("v2xother"));
        assert!(one.is(&one.token()));
        assert!(!one.is(&other.token()));
        for wrong in ["", "00", &"0".repeat(64), "v2xone"] {
            assert!(!one.is(wrong), "{wrong}");
        }
    }
}
