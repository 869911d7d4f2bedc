//! The cookies of the web pages. All are bound to this very host by their names (`__Host-`).

use axum::http::{HeaderMap, header};

/// The session's token.
pub(crate) const SESSION: &str = "__Host-bursar";
/// Binds forms to a browser that is not signed in yet.
pub(crate) const VISIT: &str = "__Host-bursar-visit";
/// The chosen theme.
pub(crate) const THEME: &str = "__Host-bursar-theme";

/// How long a choice of theme is kept, in seconds: a year.
const THEME_AGE: u64 = 31_536_000;

/// The text of a cookie. Of two of one name neither counts.
pub(crate) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(own, _)| *own == name).map(|(_, text)| text);
    match (found.next(), found.next()) {
        (Some(text), None) => Some(text),
        _ => None,
    }
}

/// Hands out a cookie that lasts as long as the browser; scripts never see it.
pub(crate) fn set(name: &str, text: &str) -> String {
    format!("{name}={text}; Path=/; Secure; HttpOnly; SameSite=Lax")
}

/// Hands out the cookie of the chosen theme.
pub(crate) fn set_theme(text: &str) -> String {
    format!("{}; Max-Age={THEME_AGE}", set(THEME, text))
}

/// Takes a cookie back.
pub(crate) fn remove(name: &str) -> String {
    format!("{}; Max-Age=0", set(name, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_two_of_a_name_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; __Host-bursar=v2x; b=2".parse().unwrap());
        assert_eq!(read(&headers, SESSION), Some("v2x"));
        assert_eq!(read(&headers, "c"), None);
        headers.append(header::COOKIE, "__Host-bursar=other".parse().unwrap());
        assert_eq!(read(&headers, SESSION), None);
    }
}
