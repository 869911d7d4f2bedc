//! JSON that can be read in one way only: no name twice in an object, and numbers as the text they were written in.
//!
//! Two readers of the same JSON may differ in which of two equal names they take, and in what `1e3` or a number of thirty
//! digits is. So neither is left to chance: what one of them could misread is refused here.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::Forbidden;

/// How deep values may lie in one another.
const DEEPEST: usize = 24;

/// A JSON value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(Box<str>),
    /// A string, its escapes resolved.
    Text(Box<str>),
    /// An array.
    List(Vec<Json>),
    /// An object, in the order it was written; no name is there twice.
    Object(Vec<(Box<str>, Json)>),
}

impl Json {
    /// Reads one value and nothing after it.
    ///
    /// # Errors
    /// It is no JSON, lies too deep, or has a name twice in an object.
    pub fn read(bytes: &[u8]) -> Result<Self, Forbidden> {
        let malformed = |error: serde_json::Error| Forbidden::undecodable(format!("the JSON cannot be read: {error}"));
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Forbidden::undecodable(format!("the JSON cannot be read: {error}")))?;
        let text = text.trim_matches([' ', '\t', '\n', '\r']);
        if !text.starts_with(['{', '[', '"']) {
            // These are read in full by `of`, all others taken as they are.
            serde_json::from_str::<&RawValue>(text).map_err(malformed)?;
        }
        Self::of(text, DEEPEST)
    }

    /// Reads a value that is known to be one if it is neither an object, nor an array, nor a string.
    fn of(text: &str, deep: usize) -> Result<Self, Forbidden> {
        let malformed = |error: serde_json::Error| Forbidden::undecodable(format!("the JSON cannot be read: {error}"));
        let Some(deeper) = deep.checked_sub(1) else {
            return Err(Forbidden::undecodable(format!("the JSON has more than {DEEPEST} levels")));
        };
        Ok(match text.as_bytes().first() {
            Some(b'{') => {
                let Entries(entries) = serde_json::from_str(text).map_err(malformed)?;
                let read = |(name, raw): (Box<str>, &RawValue)| Ok((name, Self::of(raw.get(), deeper)?));
                Self::Object(entries.into_iter().map(read).collect::<Result<_, Forbidden>>()?)
            }
            Some(b'[') => {
                let Items(items) = serde_json::from_str(text).map_err(malformed)?;
                Self::List(items.into_iter().map(|raw| Self::of(raw.get(), deeper)).collect::<Result<_, _>>()?)
            }
            Some(b'"') => Self::Text(serde_json::from_str(text).map_err(malformed)?),
            Some(b't' | b'f') => Self::Bool(text == "true"),
            Some(b'n') => Self::Null,
            _ => Self::Number(text.into()),
        })
    }

    /// The entry of an object with this name; nothing in whatever is no object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(entries) => entries.iter().find(|(known, _)| **known == *name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The same, for itself.
    pub fn into_entry(self, name: &str) -> Option<Self> {
        match self {
            Self::Object(entries) => entries.into_iter().find(|(known, _)| **known == *name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// About how many bytes it takes in memory.
    pub fn weight(&self) -> usize {
        let own = size_of::<Self>();
        let inside = match self {
            Self::Null | Self::Bool(_) => 0,
            Self::Number(text) | Self::Text(text) => text.len(),
            Self::List(items) => items.iter().map(Self::weight).fold(0, usize::saturating_add),
            Self::Object(entries) => entries
                .iter()
                .map(|(name, value)| value.weight().saturating_add(name.len()).saturating_add(size_of_val(name)))
                .fold(0, usize::saturating_add),
        };
        own.saturating_add(inside)
    }

    /// The items, if it is an array.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }
}

/// Written anew, so that what is forwarded is what was understood.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = Vec::with_capacity(256);
        self.write(&mut written).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&written).map_err(|_| fmt::Error)?)
    }
}

impl Json {
    fn write(&self, to: &mut Vec<u8>) -> serde_json::Result<()> {
        match self {
            Self::Null => to.extend_from_slice(b"null"),
            Self::Bool(value) => to.extend_from_slice(if *value { b"true" } else { b"false" }),
            Self::Number(text) => to.extend_from_slice(text.as_bytes()),
            Self::Text(text) => serde_json::to_writer(to, &**text)?,
            Self::List(items) => {
                to.push(b'[');
                for (place, item) in items.iter().enumerate() {
                    to.extend_from_slice(if place == 0 { b"" } else { b"," });
                    item.write(to)?;
                }
                to.push(b']');
            }
            Self::Object(entries) => {
                to.push(b'{');
                for (place, (name, value)) in entries.iter().enumerate() {
                    to.extend_from_slice(if place == 0 { b"" } else { b"," });
                    serde_json::to_writer(&mut *to, &**name)?;
                    to.push(b':');
                    value.write(to)?;
                }
                to.push(b'}');
            }
        }
        Ok(())
    }
}

struct Entries<'a>(Vec<(Box<str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries: Vec<(Box<str>, &'de RawValue)> = Vec::new();
                let mut seen = std::collections::HashSet::new();
                while let Some((name, value)) = map.next_entry::<Box<str>, &'de RawValue>()? {
                    if !seen.insert(name.clone()) {
                        return Err(serde::de::Error::custom(format_args!("`{name}` is there twice")));
                    }
                    entries.push((name, value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

struct Items<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Items<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(Reader)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_twice_is_refused_however_it_is_spelled_and_wherever_it_lies() {
        for twice in [r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":2}"#, r#"[{"x":{"to":1,"to":1}}]"#] {
            let refused = Json::read(twice.as_bytes()).expect_err(twice);
            assert!(refused.detail.contains("is there twice"), "{refused}");
        }
    }

    #[test]
    fn numbers_stay_the_text_they_were_written_in() {
        let read = Json::read(b"[1e3, 0.10, 123456789012345678901234567890, -0]").expect("JSON");
        assert_eq!(read.to_string(), "[1e3,0.10,123456789012345678901234567890,-0]");
    }

    #[test]
    fn what_follows_a_value_and_what_lies_too_deep_is_refused() {
        assert!(Json::read(b"{} {}").is_err());
        assert!(Json::read(b"\xff").is_err());
        assert!(Json::read("[".repeat(100_000).as_bytes()).is_err());
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Json::read(deep(DEEPEST).as_bytes()).is_ok());
        assert!(Json::read(deep(DEEPEST + 1).as_bytes()).is_err());
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                prop::collection::vec((".*", inner), 0..8)
                    .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_anew_means_what_was_read(value in any_json()) {
            let read = Json::read(value.to_string().as_bytes()).expect("JSON");
            let again: serde_json::Value = serde_json::from_str(&read.to_string()).expect("JSON");
            prop_assert_eq!(again, value);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Json::read(&bytes);
        }
    }
}
