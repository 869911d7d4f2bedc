//! Bodies: what is in them, and how they are written anew.

use serde::Deserialize;

use crate::Forbidden;
use crate::http::form;
use crate::http::reads::Reads;
use crate::json::Json;

/// The most values in a JSON body.
const MOST_VALUES: usize = 100_000;

/// How the body of a request is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// There is none.
    #[default]
    None,
    /// A JSON object.
    Json,
    /// A form.
    Form,
}

impl Content {
    /// The content type it has.
    pub(super) const fn media_type(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Json => Some("application/json"),
            Self::Form => Some("application/x-www-form-urlencoded"),
        }
    }

    /// Reads a body. What comes is an object; the values of a form are texts.
    ///
    /// # Errors
    /// It is said to be of another kind, or two readers could differ in what it says.
    pub(super) fn read(self, media_type: Option<&str>, body: &[u8], reads: &Reads) -> Result<Json, Forbidden> {
        let Some(wanted) = self.media_type() else {
            if body.is_empty() {
                return Ok(Json::Object(Vec::new()));
            }
            return Err(Forbidden::undecodable("the rule of this request takes no body"));
        };
        if !media_type.is_some_and(|found| is_media_type(found, wanted)) {
            return Err(Forbidden::undecodable(format!("the header `Content-Type` must be `{wanted}`")));
        }
        match self {
            Self::Form => {
                let text = std::str::from_utf8(body).map_err(|_| Forbidden::undecodable("the form is no UTF-8"))?;
                let value = |(name, value)| (name, Json::Text(value));
                Ok(Json::Object(form::pairs(text, "form", reads)?.into_iter().map(value).collect()))
            }
            Self::Json | Self::None => {
                let read = Json::read(body)?;
                if !matches!(read, Json::Object(_)) {
                    return Err(Forbidden::undecodable("the body must be a JSON object"));
                }
                let mut left = MOST_VALUES;
                names_are_plain(&read, &mut left)?;
                Ok(read)
            }
        }
    }

    /// Writes anew what was read.
    pub(super) fn written(self, body: &Json) -> Vec<u8> {
        match (self, body) {
            (Self::None, _) => Vec::new(),
            (Self::Form, Json::Object(entries)) => {
                let pairs = entries.iter().filter_map(|(name, value)| Some((&**name, value.as_text()?)));
                form::written(pairs).into_bytes()
            }
            (Self::Json | Self::Form, body) => body.to_string().into_bytes(),
        }
    }
}

/// Whether a header's media type is this one, with no parameter but `charset=utf-8`.
fn is_media_type(found: &str, wanted: &str) -> bool {
    let mut parts = found.split(';').map(str::trim);
    parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(wanted))
        && parts.all(|parameter| {
            ["charset=utf-8", "charset=\"utf-8\""].iter().any(|known| parameter.eq_ignore_ascii_case(known))
        })
}

/// Some readers take no heed of the case of a name: to them `amount` and `Amount` are one name that is there twice.
fn names_are_plain(json: &Json, left: &mut usize) -> Result<(), Forbidden> {
    let many = || Forbidden::undecodable(format!("the body has more than {MOST_VALUES} values"));
    *left = left.checked_sub(1).ok_or_else(many)?;
    match json {
        Json::Object(entries) => {
            if entries.iter().any(|(name, _)| name.contains(char::is_control)) {
                return Err(Forbidden::undecodable("a name in the body has a control character"));
            }
            if let Some(name) = form::twice(entries.iter().map(|(name, _)| &**name)) {
                return Err(Forbidden::undecodable(format!("`{name}` is there twice, in other letters")));
            }
            entries.iter().try_for_each(|(_, value)| names_are_plain(value, left))
        }
        Json::List(items) => items.iter().try_for_each(|item| names_are_plain(item, left)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::reads::{ANY_NAME, Read};

    fn read(content: Content, media_type: Option<&str>, body: &[u8]) -> Result<Json, Forbidden> {
        content.read(media_type, body, &Reads::of(&[Read { place: Some("body"), name: ANY_NAME.into() }]))
    }

    #[test]
    fn a_body_is_read_only_as_what_the_rule_says_it_is() {
        let json = Some("application/json; charset=UTF-8");
        assert!(read(Content::Json, json, br#"{"a":1}"#).is_ok());
        let form = Some("application/x-www-form-urlencoded");
        assert!(read(Content::Form, form, b"a=1").is_ok());
        for (content, kind, body) in [
            (Content::Json, form, &b"{}"[..]),
            (Content::Form, json, b"a=1"),
            (Content::Json, None, b"{}"),
            (Content::Json, Some("application/json; charset=utf-16"), b"{}"),
            (Content::Json, Some("application/json, text/plain"), b"{}"),
            (Content::Json, Some("application/jsonp"), b"{}"),
            (Content::Json, json, b""),
            (Content::Json, json, b"[]"),
            (Content::Json, json, b"1"),
            (Content::Json, json, b"\xef\xbb\xbf{}"),
            (Content::Json, json, br#"{"a":1,"a":2}"#),
            (Content::Json, json, br#"{"a":1,"\u0041":2}"#),
            (Content::Json, json, br#"{"a":{"b":1,"B":2}}"#),
            (Content::Json, json, "{\"is\":1,\"i\u{17f}\":2}".as_bytes()),
            (Content::Json, json, br#"{"k":1,"\u212a":2}"#),
            (Content::Json, json, br#"{"a\u0000":1}"#),
            (Content::Json, json, br#"{"a":[{"b\n":1}]}"#),
            (Content::Json, json, br#"{"a\u007f":1}"#),
            (Content::Json, json, br#"{"a":1}{"a":2}"#),
            (Content::Json, json, br#"{"a":NaN}"#),
            (Content::Json, json, br#"{"a":01}"#),
            (Content::Form, form, b"a=\xff"),
            (Content::None, None, b"a"),
        ] {
            assert!(read(content, kind, body).is_err(), "{content:?} {}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn what_is_written_anew_is_canonical() {
        let json =
            read(Content::Json, Some("application/json"), b"{ \"\\u0061\" : [ 1.50 , \"\\/\" ] }").expect("JSON");
        assert_eq!(Content::Json.written(&json), br#"{"a":[1.50,"/"]}"#);
        let form = read(Content::Form, Some("application/x-www-form-urlencoded"), b"a=%41+b&c=").expect("a form");
        assert_eq!(Content::Form.written(&form), b"a=A%20b&c=");
        assert_eq!(Content::None.written(&json), b"");
    }
}
