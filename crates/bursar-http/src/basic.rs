//! Basic credentials, in which clients of nodes, of OAuth and of APIs show a token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The token in basic credentials, as a bearer; nothing if they are of another kind.
pub(crate) fn token(authorization: &str) -> Option<String> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_start()).ok();
    let pair = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    // What cannot be read is no token, rather than nobody.
    // Clients of some APIs show a key as the user, and no password.
    let token = match pair.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((user, "")) if !user.is_empty() => user,
        Some((_, token)) => token,
        None => "-",
    };
    Some(format!("Bearer {token}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_password_or_the_user_without_one() {
        let read = |pair: &str| token(&format!("basic {}", STANDARD.encode(pair)));
        for (pair, bearer) in
            [("bot:v2x", "Bearer v2x"), ("v2x:", "Bearer v2x"), (":v2x", "Bearer v2x"), ("v2x", "Bearer -")]
        {
            assert_eq!(read(pair).as_deref(), Some(bearer), "{pair}");
        }
        assert_eq!(token("Bearer v2x"), None);
        assert_eq!(token("Basic !").as_deref(), Some("Bearer -"), "what cannot be read is no token");
    }
}
