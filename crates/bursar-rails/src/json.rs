//! JSON that can be read in one way only: no name twice in an object, and numbers as the text they were written in.
//!
//! Two readers of the same JSON may differ in which of two equal names they take, and in what `1e3` or a number of thirty
//! digits is. So neither is left to chance: what one of them could misread is refused here.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

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
        let malformed = |error: &dyn fmt::Display| Forbidden::undecodable(format!("the JSON cannot be read: {error}"));
        let text = std::str::from_utf8(bytes).map_err(|error| malformed(&error))?;
        let mut reader = serde_json::Deserializer::from_str(text);
        let mut numbers = Numbers(text);
        let read = Value { numbers: &mut numbers, deep: DEEPEST }.deserialize(&mut reader);
        let read = read.map_err(|error| malformed(&error))?;
        reader.end().map_err(|error| malformed(&error))?;
        Ok(read)
    }

    /// The entry of an object with this name; nothing in whatever is no object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(entries) => entries.iter().find(|(known, _)| **known == *name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The values of an object; none of anything else.
    pub fn values(&self) -> impl Iterator<Item = &Self> {
        let entries = match self {
            Self::Object(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(_, value)| value)
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

/// The numbers of a JSON text, in their order, as they were written: whoever reads the text tells only what they come to.
struct Numbers<'a>(&'a str);

impl<'a> Iterator for Numbers<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let start = self.0.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit())?;
            let (_, rest) = self.0.split_at_checked(start)?;
            let Some(text) = rest.strip_prefix('"') else {
                let end = rest.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(rest.len());
                let (number, rest) = rest.split_at_checked(end)?;
                self.0 = rest;
                return Some(number);
            };
            self.0 = behind_text(text)?;
        }
    }
}

/// What follows a text in quotes, of which the first is taken off.
fn behind_text(mut text: &str) -> Option<&str> {
    loop {
        let (_, rest) = text.split_at_checked(text.find(['"', '\\'])?)?;
        match rest.strip_prefix('"') {
            Some(rest) => return Some(rest),
            // What is escaped ends nothing.
            None => {
                let mut rest = rest.chars();
                rest.by_ref().take(2).for_each(drop);
                text = rest.as_str();
            }
        }
    }
}

/// A value that is to be read, all in one go: read level by level, a deep one would be gone through once for each.
struct Value<'r, 'a> {
    numbers: &'r mut Numbers<'a>,
    /// How many levels there may be yet, its own included.
    deep: usize,
}

impl Value<'_, '_> {
    fn number<E: Error>(self) -> Result<Json, E> {
        let written = self.numbers.next().ok_or_else(|| E::custom("a number is not where it was"))?;
        Ok(Json::Number(written.into()))
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let deep = self.deep.checked_sub(1);
        let deep = deep.ok_or_else(|| D::Error::custom(format_args!("it has more than {DEEPEST} levels")))?;
        deserializer.deserialize_any(Self { deep, ..self })
    }
}

impl<'de> Visitor<'de> for Value<'_, '_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Json, E> {
        self.number()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Json, E> {
        self.number()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        self.number()
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let Self { numbers, deep } = self;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Value { numbers: &mut *numbers, deep })? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let Self { numbers, deep } = self;
        let mut entries: Vec<(Box<str>, Json)> = Vec::new();
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<Box<str>>()? {
            if !seen.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("`{name}` is there twice")));
            }
            entries.push((name, map.next_value_seed(Value { numbers: &mut *numbers, deep })?));
        }
        Ok(Json::Object(entries))
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
        let text = r#"[1e3,0.10,123456789012345678901234567890,-0,{"7":"8\\","a\"9":[-1.5E+2,true],"\\":3},18446744073709551616]"#;
        assert_eq!(Json::read(text.as_bytes()).expect("JSON").to_string(), text);
        // More than any number of theirs that readers know is none.
        assert!(Json::read(b"1e999").is_err());
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
