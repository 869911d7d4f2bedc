//! Requests that are passed on, and what their answers say in our names.

use super::routes::Found;
use crate::Forbidden;
use crate::dialect::{Passed, Query};
use crate::exchange::Asked;
use crate::json::Json;

/// The longest query, in bytes.
const LONGEST_QUERY: usize = 4096;
/// The most values of a query.
const MOST_VALUES: usize = 64;
/// Fields that are a secret of the client's, which goes nowhere.
const SECRETS: [&str; 9] =
    ["walletPassphrase", "passphrase", "password", "prv", "xprv", "userPrv", "encryptedPrv", "userEncryptedPrv", "otp"];
/// Where an answer says which wallet it is about.
const NAMES_OF_WALLETS: [&str; 3] = ["id", "wallet", "walletId"];

/// What is passed on of a request to a wallet that the upstream calls so.
///
/// # Errors
/// It could be read in two ways, or carries a secret.
pub fn read(found: &Found<'_>, asked: &Asked<'_>, reference: &str) -> Result<Passed, Forbidden> {
    let body = match (found.route.method, asked.body) {
        (_, []) => None,
        ("GET", _) => return Err(Forbidden::undecodable("a body belongs to no GET; leave it out")),
        (_, body) => Some(object(body)?),
    };
    Ok(Passed { method: found.route.method, names: found.names(reference), query: query(asked.query)?, body })
}

fn object(body: &[u8]) -> Result<Json, Forbidden> {
    let read = Json::read(body)?;
    let Json::Object(entries) = &read else {
        return Err(Forbidden::undecodable("the body is no JSON object; send one"));
    };
    match entries.iter().find(|(name, _)| SECRETS.contains(&&**name)) {
        Some((name, _)) => {
            Err(Forbidden::undecodable(format!("`{name}` is a secret that is not sent on; leave it out")))
        }
        None => Ok(read),
    }
}

fn query(text: Option<&str>) -> Result<Query, Forbidden> {
    let refuse = || Forbidden::undecodable("the query cannot be read in one way; escape what is no letter or digit");
    let text = text.unwrap_or_default();
    if text.len() > LONGEST_QUERY || text.split('&').count() > MOST_VALUES {
        return Err(Forbidden::undecodable(format!("the query is longer than {LONGEST_QUERY} bytes")));
    }
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let (name, value) = (unescaped(name)?, unescaped(value)?);
        (!name.is_empty()).then(|| (name.into(), value.into()))
    };
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split('&').map(|part| pair(part).ok_or_else(refuse)).collect()
}

/// Resolves escapes, once; nothing if there is one that cannot be read, or a character that needed one.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                (digit()? << 4) | digit()?
            }
            byte if byte.is_ascii_alphanumeric() || b"-._~:@$,[]!*'()".contains(&byte) => byte,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))
}

/// An answer in our names: where it is said which wallet it is about, ours stands in place of the upstream's.
pub fn shown(answer: Json, reference: &str, own: &str) -> Json {
    match answer {
        Json::Object(entries) => {
            let entry = |(name, value): (Box<str>, Json)| {
                let is_name = NAMES_OF_WALLETS.contains(&&*name) && value.as_text() == Some(reference);
                let value = if is_name { Json::Text(own.into()) } else { shown(value, reference, own) };
                (name, value)
            };
            Json::Object(entries.into_iter().map(entry).collect())
        }
        Json::List(items) => Json::List(items.into_iter().map(|item| shown(item, reference, own)).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitgo::routes::find;

    fn passed(method: &str, path: &str, query: Option<&str>, body: &str) -> Result<Passed, Forbidden> {
        let found = find(method, path).expect("a route");
        let asked = Asked { method, path, query, headers: &[], body: body.as_bytes() };
        read(&found, &asked, "up")
    }

    #[test]
    fn what_is_passed_on_is_written_anew_and_names_the_upstreams_wallet() {
        let path = "/api/v2/tbtc/wallet/0a/unspents";
        let found = passed("GET", path, Some("limit=5&chains=0&chains=10&a%5Bb%5D=x%3Ay"), "").expect("a request");
        assert_eq!(found.names.join("/"), "api/v2/tbtc/wallet/up/unspents");
        let query: Vec<String> = found.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(query, ["limit=5", "chains=0", "chains=10", "a[b]=x:y"]);
        for query in ["a", "=b", "a=b c", "a=%", "a=%zz", "a=%ff", "a=b;c=d", "a=b#c", "a=%00", "a=+"] {
            assert!(passed("GET", path, Some(query), "").is_err(), "{query}");
        }
        assert!(passed("GET", path, None, "{}").is_err());
    }

    #[test]
    fn no_secret_of_a_client_goes_upstream_and_no_body_that_is_read_in_two_ways() {
        let path = "/api/v2/tbtc/wallet/0a/tx/build";
        let sound = r#"{"recipients":[{"address":"x","amount":1e0}]}"#;
        assert_eq!(passed("POST", path, None, sound).expect("a request").body.expect("a body").to_string(), sound);
        for body in [
            r#"{"walletPassphrase":"x"}"#,
            r#"{"\u006ftp":"1"}"#,
            r#"{"recipients":[],"recipients":[]}"#,
            "[]",
            "recipients=1",
            "{} {}",
        ] {
            assert!(passed("POST", path, None, body).is_err(), "{body}");
        }
    }

    #[test]
    fn our_name_of_the_wallet_stands_where_the_upstreams_did() {
        let answer = br#"{"id":"up","n":[{"walletId":"up","wallet":"other","label":"up","value":1.50}]}"#;
        let shown = shown(Json::read(answer).expect("JSON"), "up", "0a").to_string();
        assert_eq!(shown, r#"{"id":"0a","n":[{"walletId":"0a","wallet":"other","label":"up","value":1.50}]}"#);
    }
}
