//! The request target inside a subject (WC §2.4): verbatim, except that a bare `?` is dropped.
//!
//! Two functions repair the known ways in which BitGo's client signs other bytes than it sends. Each gives a target
//! to check once more, never one to route by.

use std::borrow::Cow;

/// The part of a request target that is signed: path and query, without scheme, host and fragment, and without a `?`
/// that has nothing behind it. Nothing is decoded, encoded or sorted.
pub fn signed(target: &str) -> Cow<'_, str> {
    let target = target.split_once('#').map_or(target, |(before, _)| before);
    let target = match target.split_once('?') {
        Some((before, "")) => before,
        _ => target,
    };
    let Some((_, rest)) = target.split_once("://").filter(|(scheme, _)| !scheme.contains(['/', '?'])) else {
        return Cow::Borrowed(target);
    };
    match rest.find(['/', '?']).and_then(|start| rest.get(start..)) {
        None => Cow::Borrowed("/"),
        Some(query) if query.starts_with('?') => Cow::Owned(format!("/{query}")),
        Some(path) => Cow::Borrowed(path),
    }
}

/// Leniency (a): the target with the characters that the client escapes before it signs, yet sends raw: apostrophe,
/// pipe, braces, caret, backtick, backslash. `None` if it has none of them.
pub fn escaped(target: &str) -> Option<String> {
    const RAW: [char; 7] = ['\'', '|', '{', '}', '^', '`', '\\'];
    target.contains(RAW).then(|| percent_encode(target, |byte| RAW.contains(&char::from(byte))))
}

/// Leniency (b): the target with its escaped non-ASCII characters decoded, since the client signs them raw and sends
/// them escaped. Escapes of ASCII stay. `None` if there is nothing to decode or the result is not UTF-8.
pub fn decoded(target: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(target.len());
    let mut parts = target.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    let mut changed = false;
    for part in parts {
        let escape = part.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if !byte.is_ascii() => {
                changed = true;
                bytes.push(byte);
                bytes.extend(part.bytes().skip(2));
            }
            _ => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8(bytes).ok().filter(|_| changed)
}

/// The target with its non-ASCII characters escaped, as it goes over the wire and as v4 signs it.
pub fn wire(target: &str) -> Cow<'_, str> {
    if target.is_ascii() { Cow::Borrowed(target) } else { Cow::Owned(percent_encode(target, |byte| !byte.is_ascii())) }
}

fn percent_encode(text: &str, must: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    let mut buffer = [0; 4];
    for character in text.chars() {
        let bytes = character.encode_utf8(&mut buffer);
        if bytes.bytes().any(&must) {
            bytes.bytes().for_each(|byte| encoded.push_str(&format!("%{byte:02X}")));
        } else {
            encoded.push(character);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_bare_question_mark_is_dropped() {
        for (target, expected) in [
            ("/a", "/a"),
            ("/a?", "/a"),
            ("/a?b=", "/a?b="),
            ("/a??", "/a??"),
            ("/a%20b?c=%C3%A9&a=1&a=0", "/a%20b?c=%C3%A9&a=1&a=0"),
            ("//api/v1", "//api/v1"),
            ("/redirect?to=https://example.org/x", "/redirect?to=https://example.org/x"),
            ("/a/https://example.org?", "/a/https://example.org"),
            ("*", "*"),
            ("", ""),
        ] {
            assert_eq!(signed(target), expected, "{target}");
        }
    }

    #[test]
    fn scheme_host_port_and_fragment_never_enter() {
        for (target, expected) in [
            ("https://h:8443/a?b=1", "/a?b=1"),
            ("https://h/a?b=1#frag", "/a?b=1"),
            ("https://h", "/"),
            ("https://h?", "/"),
            ("https://h?b=1", "/?b=1"),
        ] {
            assert_eq!(signed(target), expected, "{target}");
        }
    }

    #[test]
    fn raw_special_characters_are_escaped_for_a_second_check() {
        assert_eq!(escaped("/a'b%20c?q='1'|2").as_deref(), Some("/a%27b%20c?q=%271%27%7C2"));
        assert_eq!(escaped("/{}^`\\é").as_deref(), Some("/%7B%7D%5E%60%5Cé"));
        assert_eq!(escaped("/a%20b?c=d"), None);
    }

    #[test]
    fn escaped_non_ascii_is_decoded_for_a_second_check_and_ascii_escapes_stay() {
        assert_eq!(decoded("/%C3%A9%20b?u=%c3%bc").as_deref(), Some("/é%20b?u=ü"));
        for unchanged in ["/a%20b", "/%", "/%4", "/%zz", "/%+1", "/%C3", "/%C3%28", "/é"] {
            assert_eq!(decoded(unchanged), None, "{unchanged}");
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(target in "/[a-z0-9éüЖ☃🚀?&=]{0,30}") {
            let sent = wire(&target);
            prop_assert!(sent.is_ascii());
            prop_assert_eq!(decoded(&sent).unwrap_or_else(|| sent.to_string()), target);
        }

        #[test]
        fn any_target_has_a_signed_form_that_is_stable(target: String) {
            let _ = (escaped(&target), decoded(&target), wire(&target));
            prop_assert!(!signed(&target).contains('#'));
        }
    }
}
