//! What a proxy says that it was asked: method, host, target and client, each in its one normal form or refused.
//!
//! Bursar must understand of a request what the application behind the proxy will understand. So nothing is
//! interpreted that can be written in two ways: it is refused.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, Method};
use bursar_core::ip::unmapped;
use bursar_wire::header::{ORIGINAL_METHOD, ORIGINAL_URI};
use ipnet::IpNet;

use super::refusal::{Denied, Kind};
use super::values::is_same_name;
use crate::address::is_among;

/// The longest target of a request, in bytes.
const LONGEST_TARGET: usize = 8192;
/// The most addresses of proxies that are walked.
const MOST_HOPS: usize = 32;

/// Applications take these for the method, and read another than the proxy told.
const OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

/// Applications take these for the target.
const OTHER_TARGETS: [&str; 2] = ["x-original-url", "x-rewrite-url"];

/// Who asks, and so where the request stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asker {
    /// nginx, by `auth_request`.
    Nginx,
    /// Traefik or Caddy, by `forwardAuth` and `forward_auth`.
    Forward,
    /// Envoy, by `ext_authz` over HTTP.
    Envoy,
}

/// A request as the proxy received it.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) host: String,
    /// The parts of the path, decoded; none is empty, but the last may be.
    pub(super) path: Vec<String>,
    pub(super) query: Option<String>,
    /// Path and query as they were written.
    pub(super) target: String,
    pub(super) client: IpAddr,
}

impl Asked {
    /// Reads a question. `method` and `target` are those of the question itself, the prefix of Envoy's taken off.
    pub(super) fn read(
        asker: Asker,
        (method, target): (&Method, &str),
        headers: &HeaderMap,
        (peer, proxies): (IpAddr, &[IpNet]),
    ) -> Result<Self, Denied> {
        let is_proxy = |address: IpAddr| is_among(address, proxies);
        if !is_proxy(peer) {
            let reason = "only a proxy among `trusted_proxies` may say what it was asked";
            return Err(Denied::new(Kind::NotAllowed, "proxy_not_trusted", reason));
        }
        // Behind CGI and its like `_` and `-` are one.
        let overrides = |name: &&HeaderName| OVERRIDES.contains(&name.as_str().replace('_', "-").as_str());
        if let Some(name) = headers.keys().find(overrides) {
            return Err(overridden(name.as_str()));
        }
        if headers.keys().any(|name| name.as_str().starts_with("bursar")) {
            return Err(Denied::unclear("header_forged", "headers that begin with `Bursar` are ours to set"));
        }
        let (method, target) = match asker {
            Asker::Nginx => (needed(headers, ORIGINAL_METHOD)?, needed(headers, ORIGINAL_URI)?),
            Asker::Forward => (needed(headers, "x-forwarded-method")?, needed(headers, "x-forwarded-uri")?),
            Asker::Envoy => (method.as_str(), target),
        };
        let host = needed(headers, if asker == Asker::Envoy { "host" } else { "x-forwarded-host" })?;
        let client = client(needed(headers, "x-forwarded-for")?, is_proxy)?;
        if !(1..=16).contains(&method.len()) || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(not_normal("method"));
        }
        check_host(host)?;
        let (path, query) = split(target)?;
        if let Some(name) = other_target(headers, host, target) {
            return Err(Denied::unclear("target_overridden", &format!("`{name}` would make it another target")));
        }
        if query.is_some_and(|query| form_urlencoded::parse(query.as_bytes()).any(|(name, _)| is_method(&name))) {
            return Err(overridden("_method"));
        }
        Ok(Self {
            method: method.to_owned(),
            host: host.to_owned(),
            path,
            query: query.map(str::to_owned),
            target: target.to_owned(),
            client,
        })
    }
}

/// A header that names another target than the proxy told. Some proxies tell theirs in one as well.
fn other_target<'a>(headers: &'a HeaderMap, host: &str, target: &str) -> Option<&'a HeaderName> {
    let is_told = |text: &str| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        // Some tell the host with its port, or as the client wrote it.
        let name = |host: &str| host.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let path = rest.map_or(Some(text), |rest| {
            let (told, path) = rest.split_at_checked(rest.find('/')?)?;
            (name(told) == name(host)).then_some(path)
        });
        text.is_empty() || path == Some(target)
    };
    let is_one = |name: &HeaderName| OTHER_TARGETS.contains(&name.as_str().replace('_', "-").as_str());
    let mut found = headers.iter().filter(|(name, _)| is_one(name));
    found.find(|(_, value)| !value.to_str().is_ok_and(is_told)).map(|(name, _)| name)
}

/// Whether a field of a query or form is the method to some applications.
pub(super) fn is_method(name: &str) -> bool {
    is_same_name(name, "_method")
}

pub(super) fn overridden(what: &str) -> Denied {
    Denied::unclear("method_overridden", &format!("`{what}` would make it another method"))
}

fn not_normal(what: &str) -> Denied {
    Denied::unclear("not_normal", &format!("the {what} is not in its normal form, so it could be read in two ways"))
}

/// The one header of a name, or its underscored spelling, which some applications take for the same.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Denied> {
    let is_same = |other: &str| {
        other.len() == name.len()
            && other
                .bytes()
                .zip(name.bytes())
                .all(|(a, b)| a == b || (a == b'_' && b == b'-') || (a == b'-' && b == b'_'))
    };
    let mut found = headers.iter().filter(|(other, _)| is_same(other.as_str()));
    let Some((other, value)) = found.next() else { return Ok(None) };
    if found.next().is_some() || other.as_str() != name {
        return Err(Denied::unclear("header_ambiguous", &format!("there is more than one header `{name}`")));
    }
    let text = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
    text.map(Some).ok_or_else(|| not_normal(&format!("header `{name}`")))
}

fn needed<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Denied> {
    let missing = || Denied::unclear("forwarded_missing", &format!("the proxy does not send `{name}`"));
    single(headers, name)?.filter(|text| !text.is_empty()).ok_or_else(missing)
}

/// The client: the first address from the right that is none of our proxies.
fn client(forwarded: &str, is_proxy: impl Fn(IpAddr) -> bool) -> Result<IpAddr, Denied> {
    let mut found = None;
    for hop in forwarded.rsplit(',').take(MOST_HOPS) {
        let address: IpAddr = hop.trim_matches(' ').parse().map_err(|_| not_normal("client's address"))?;
        let address = unmapped(address);
        found = Some(address);
        if !is_proxy(address) {
            break;
        }
    }
    found.ok_or_else(|| not_normal("client's address"))
}

fn check_host(host: &str) -> Result<(), Denied> {
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port);
    let is_normal = host.len() <= 255 && name.split('.').all(is_label) && port.is_none_or(is_port);
    if is_normal { Ok(()) } else { Err(not_normal("host")) }
}

/// The decoded parts of the path, and the query as it was written.
fn split(target: &str) -> Result<(Vec<String>, Option<&str>), Denied> {
    if target.len() > LONGEST_TARGET {
        return Err(Denied::unclear("not_normal", &format!("the target is longer than {LONGEST_TARGET} bytes")));
    }
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let Some(parts) = path.strip_prefix('/') else { return Err(not_normal("path")) };
    let parts: Vec<&str> = parts.split('/').collect();
    let last = parts.len().saturating_sub(1);
    let decoded = parts.iter().enumerate().map(|(place, part)| {
        let is_sound = (!part.is_empty() || place == last) && !matches!(*part, "." | "..");
        decode(part).filter(|_| is_sound).ok_or_else(|| not_normal("path"))
    });
    let path = decoded.collect::<Result<_, _>>()?;
    let is_sound = |byte: u8| byte.is_ascii_graphic() && !b"#\\\"<>^`{|}".contains(&byte);
    match query.is_none_or(|query| query.bytes().all(is_sound)) {
        true => Ok((path, query)),
        false => Err(not_normal("query")),
    }
}

/// A part of a path, if it is written in the one way it should be: only what has to be is escaped, in capitals.
fn decode(part: &str) -> Option<String> {
    let mut decoded = String::with_capacity(part.len());
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte);
        if is_plain {
            decoded.push(char::from(byte));
            continue;
        }
        if byte != b'%' {
            return None;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).filter(|_| !byte.is_ascii_lowercase());
        let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
        let escaped = u8::try_from(high * 16 + low).ok()?;
        // What is a separator somewhere, or need not be escaped, is read in two ways.
        if !(b" \"<>[]^`{|}".contains(&escaped)) {
            return None;
        }
        decoded.push(char::from(escaped));
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T>(result: Result<T, Denied>) -> Option<String> {
        result.err().map(|denied| denied.code.into_owned())
    }

    #[test]
    fn a_path_that_can_be_read_in_two_ways_is_refused() {
        for target in [
            "",
            "a",
            "//a",
            "/a//b",
            "/./a",
            "/a/..",
            "/../a",
            "/%2e%2e/a",
            "/%2E%2E/a",
            "/a%2Fb",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/%61",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a;b=1/c",
            "/a#b",
            "/\u{e9}",
            "/%C3%A9",
            "/a b",
            "/a%00",
            "/a%0A",
            "http://example.com/a",
            "*",
            "/a?b#c",
            "/a?b\\c",
            "/a?\u{e9}",
            "/a?b c",
            "/a%25b",
        ] {
            assert_eq!(code(split(target)).as_deref(), Some("not_normal"), "{target}");
        }
        let long = format!("/{}", "a".repeat(LONGEST_TARGET));
        assert_eq!(code(split(&long)).as_deref(), Some("not_normal"));
        let (path, query) = split("/v1/a%20b/c:d@e/?x=%2F&y").unwrap();
        assert_eq!((path, query), (["v1", "a b", "c:d@e", ""].map(str::to_owned).to_vec(), Some("x=%2F&y")));
    }

    #[test]
    fn a_host_has_one_spelling() {
        for host in [
            "Example.com",
            "example.com.",
            ".example.com",
            "a..b",
            "",
            "a:",
            "a:080",
            "a:0",
            "a:99999",
            "a:b:c",
            "user@a",
            "a_b",
            "[::1]",
            "a/b",
            "\u{e9}.com",
        ] {
            assert_eq!(code(check_host(host)).as_deref(), Some("not_normal"), "{host}");
        }
        for host in ["example.com", "localhost:8080", "127.0.0.1:1", "xn--caf-dma.example"] {
            assert_eq!(code(check_host(host)), None, "{host}");
        }
    }

    #[test]
    fn a_client_is_the_first_from_the_right_that_is_no_proxy_of_ours() {
        let is_proxy = |address: IpAddr| address.to_string().starts_with("10.");
        let found = |text: &str| client(text, is_proxy).map(|address| address.to_string());
        assert_eq!(found("1.1.1.1, 203.0.113.7, 10.0.0.2").unwrap(), "203.0.113.7");
        assert_eq!(found("nonsense, 203.0.113.7").unwrap(), "203.0.113.7");
        assert_eq!(found("10.0.0.1").unwrap(), "10.0.0.1");
        assert_eq!(found("::ffff:203.0.113.7").unwrap(), "203.0.113.7");
        for text in ["nonsense", "", "203.0.113.7, nonsense, 10.0.0.1", "203.0.113.7:80", "010.0.0.1"] {
            assert_eq!(code(client(text, is_proxy)).as_deref(), Some("not_normal"), "{text}");
        }
    }
}
