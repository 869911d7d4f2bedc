//! Paths: templates of rules, what a request's path has in their places, and the path that is sent on.
//!
//! A path is read segment by segment, and only as one server could read it: escapes are resolved once, and a segment
//! that would mean another place to whoever resolves them again (`..`, `%2F`, `%252e`, `;`) is refused.

use std::fmt;

use crate::Forbidden;
use crate::http::form::{encode, unescape};

/// The longest path of a request, in bytes.
const LONGEST_PATH: usize = 2048;
/// The most segments of a path.
const MOST_SEGMENTS: usize = 32;

/// The path of a rule: `/v1/charges/{id}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PathTemplate(Vec<Segment>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Segment {
    Fixed(Box<str>),
    Variable(Box<str>),
}

/// What a path has in the places of a template, by their names.
pub(super) type Places<'a> = Vec<(&'a str, &'a str)>;

impl PathTemplate {
    /// Reads a template: segments of letters, digits and `-._~:@$`, or a name in braces.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let path = text.strip_prefix('/').ok_or("must begin with `/`")?;
        let mut segments: Vec<Segment> = Vec::new();
        for part in path.split('/') {
            let segment = if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                if !is_name(name) {
                    return Err(format!("has `{{{name}}}`, whose name is not of small letters, digits and `_`"));
                }
                let variable = Segment::Variable(name.into());
                if segments.contains(&variable) {
                    return Err(format!("has `{{{name}}}` twice"));
                }
                variable
            } else {
                if !is_segment(part) {
                    return Err(format!("has the segment `{}`, which is none", part.escape_debug()));
                }
                Segment::Fixed(part.into())
            };
            segments.push(segment);
        }
        if segments.len() > MOST_SEGMENTS {
            return Err(format!("has more than {MOST_SEGMENTS} segments"));
        }
        Ok(Self(segments))
    }

    /// The names of its places.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Variable(name) => Some(&**name),
            Segment::Fixed(_) => None,
        })
    }

    /// What a path has in its places; nothing if it is another path.
    pub(super) fn places<'a>(&'a self, path: &'a [String]) -> Option<Places<'a>> {
        if self.0.len() != path.len() {
            return None;
        }
        let mut places = Vec::new();
        for (segment, found) in self.0.iter().zip(path) {
            match segment {
                Segment::Fixed(text) if **text == **found => {}
                Segment::Fixed(_) => return None,
                Segment::Variable(name) => places.push((&**name, found.as_str())),
            }
        }
        Some(places)
    }

    /// The path that has these in its places, escaped; nothing if one is not there, or would lead elsewhere.
    pub(super) fn written(&self, place: impl Fn(&str) -> Option<String>) -> Option<String> {
        let mut path = String::new();
        for segment in &self.0 {
            path.push('/');
            match segment {
                Segment::Fixed(text) => path.push_str(text),
                Segment::Variable(name) => encode(&place(name).filter(|found| is_segment(found))?, &mut path),
            }
        }
        Some(path)
    }

    /// Whether every path of another template is also one of this.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(own, other)| matches!(own, Segment::Variable(_)) || own == other)
    }
}

/// What can stand in a place of a path.
pub(super) const PLAIN: &str = "letters, digits and `-._~:@$`, and not of dots alone";

/// Whether a text is one segment to every server, and the same one, however often its escapes are resolved.
pub(super) fn is_segment(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@$".contains(&byte);
    text.bytes().all(is_plain) && !text.bytes().all(|byte| byte == b'.')
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The segments of a request's path, their escapes resolved.
///
/// # Errors
/// Two servers could read it as two paths.
pub(super) fn segments(path: &str) -> Result<Vec<String>, Forbidden> {
    let refuse = |problem: &str| Forbidden::undecodable(format!("the path {problem}"));
    if path.len() > LONGEST_PATH {
        return Err(refuse(&format!("is longer than {LONGEST_PATH} bytes")));
    }
    let path = path.strip_prefix('/').ok_or_else(|| refuse("does not begin with `/`"))?;
    let mut segments = Vec::new();
    for part in path.split('/') {
        let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@%".contains(&byte);
        if !part.bytes().all(is_usual) {
            return Err(refuse("has a character that must be escaped"));
        }
        let segment = unescape(part, false).ok_or_else(|| refuse("has an escape that cannot be read"))?;
        if matches!(segment.as_str(), "" | "." | "..") {
            return Err(refuse("has an empty segment, `.` or `..`"));
        }
        if segment.contains(|c: char| c.is_control() || "/\\%?#;".contains(c)) {
            return Err(refuse("has an escape of what means something in a path"));
        }
        segments.push(segment);
        if segments.len() > MOST_SEGMENTS {
            return Err(refuse(&format!("has more than {MOST_SEGMENTS} segments")));
        }
    }
    Ok(segments)
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            match segment {
                Segment::Fixed(text) => write!(f, "/{text}")?,
                Segment::Variable(name) => write!(f, "/{{{name}}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn template(text: &str) -> PathTemplate {
        PathTemplate::parse(text).expect(text)
    }

    #[test]
    fn a_template_finds_its_places_and_writes_the_path_anew() {
        let charges = template("/v1/charges/{id}/refunds");
        let path = segments("/v1/charges/ch_%31%40b/refunds").expect("a path");
        let places = charges.places(&path).expect("the same path");
        assert_eq!(places, [("id", "ch_1@b")]);
        let written = charges.written(|name| (name == "id").then(|| "ch_1@b".to_owned()));
        assert_eq!(written.as_deref(), Some("/v1/charges/ch_1%40b/refunds"));
        assert_eq!(charges.places(&segments("/v1/Charges/1/refunds").expect("a path")), None);
        assert_eq!(charges.places(&segments("/v1/charges/1").expect("a path")), None);
    }

    #[test]
    fn a_path_that_could_lead_elsewhere_is_refused_however_it_is_written() {
        for path in [
            "/v1/../v2",
            "/v1/%2e%2e/v2",
            "/v1/.%2E/v2",
            "/v1/.",
            "/v1/%2e",
            "//v1",
            "/v1//charges",
            "/v1/charges/",
            "/v1/a%2Fb",
            "/v1/a%2fb",
            "/v1/a%5cb",
            "/v1/a\\b",
            "/v1/a;b",
            "/v1/a%3Bb",
            "/v1/%252e%252e",
            "/v1/%00",
            "/v1/a%0d%0ab",
            "/v1/%",
            "/v1/%4",
            "/v1/%zz",
            "/v1/%ff",
            "/v1/a b",
            "/v1/ü",
            "/v1/a#b",
            "/v1/a%23",
            "/v1/a%3F",
            "v1",
            "",
            "/",
            "/v1/a\"b",
            "/v1/{id}",
        ] {
            assert!(segments(path).is_err(), "{path}");
        }
        assert!(segments(&format!("/{}", "a".repeat(LONGEST_PATH))).is_err());
        assert!(segments(&"/a".repeat(MOST_SEGMENTS + 1)).is_err());
    }

    #[test]
    fn nothing_is_written_into_a_path_that_could_lead_elsewhere() {
        for place in
            ["", ".", "..", "...", "a/b", "../a", "a%2Fb", "%2e%2e", "a\\b", "a;b", "a?b", "a#b", "a b", "．．", "ü"]
        {
            assert_eq!(template("/v1/{id}/refunds").written(|_| Some(place.to_owned())), None, "{place}");
        }
        for place in ["a", ".a", "a..b", "order-7", "a:b", "~"] {
            assert!(template("/v1/{id}").written(|_| Some(place.to_owned())).is_some(), "{place}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in
            ["", "v1", "/", "/v1/", "/v1//x", "/v1/..", "/{}", "/{Id}", "/{a}/{a}", "/a{b}", "/a b", "/%41", "/*"]
        {
            assert!(PathTemplate::parse(text).is_err(), "{text}");
        }
        assert!(template("/v1/{a}").covers(&template("/v1/list")));
        assert!(!template("/v1/list").covers(&template("/v1/{a}")));
        assert_eq!(template("/v1/{a}/x").to_string(), "/v1/{a}/x");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same_places(id in "[A-Za-z0-9._~:@$-]{1,20}") {
            prop_assume!(is_segment(&id));
            let shown = template("/v1/{id}");
            let written = shown.written(|_| Some(id.clone())).expect("a path");
            let path = segments(&written).expect("a path");
            prop_assert_eq!(shown.places(&path), Some(vec![("id", id.as_str())]));
        }

        #[test]
        fn no_path_makes_it_panic(path in ".*") {
            let _ = segments(&path);
        }
    }
}
