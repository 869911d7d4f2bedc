//! Strict reading of JSON: what Bursar understood must be what the rail will understand (SECURITY.md, P5).
//!
//! A key that appears twice, data behind the value, and deep nesting are refused at any depth. A number with a fraction
//! or an exponent, or one too big to be exact, is kept as a kind without a value, so that no rounded amount can be
//! used. Parsed bodies hold passwords and one-time passwords: their `Debug` shows only the kind.

mod fields;

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

pub use fields::{FieldError, Fields};

/// How deep arrays and objects may be nested.
pub const MAX_DEPTH: usize = 32;

/// A JSON value as it was written.
#[derive(Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without fraction and exponent, from `i64::MIN` to `u64::MAX`.
    Integer(i128),
    /// Any other number; its value must not be used.
    OtherNumber,
    /// A text.
    String(String),
    /// A list.
    Array(Vec<Json>),
    /// Keys and values in the order of the text, no key twice.
    Object(Vec<(String, Json)>),
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({})", self.kind())
    }
}

/// Why a text is not JSON that is accepted here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JsonError {
    /// Line of the fault, from 1.
    pub line: usize,
    /// Column of the fault, in bytes.
    pub column: usize,
    /// What is wrong, in lower case.
    pub problem: String,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {} column {}", self.problem, self.line, self.column)
    }
}

impl std::error::Error for JsonError {}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let whole = error.to_string();
        let problem = whole.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&whole);
        let mut problem = problem.to_owned();
        // The parser writes `EOF` in capitals and everything else in lower case.
        if let Some(rest) = problem.strip_prefix("EOF while") {
            problem = format!("the text ends while{rest}");
        }
        Self { line, column, problem }
    }
}

impl Json {
    /// Parses a whole text.
    ///
    /// # Errors
    /// It is not UTF-8, not JSON, has a key twice, is nested too deep, or has data behind the value.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        let mut parser = serde_json::Deserializer::from_slice(text);
        let value = Strict { depth: 0 }.deserialize(&mut parser)?;
        parser.end()?;
        Ok(value)
    }

    /// The kind with its article, for sentences.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::OtherNumber => "a number with a fraction or an exponent, or one too big to be exact",
            Self::String(_) => "a text",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Builds one value and knows how deep it stands.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth < MAX_DEPTH {
            Ok(Self { depth: self.depth + 1 })
        } else {
            Err(E::custom(format_args!("lists and objects are nested more than {MAX_DEPTH} deep")))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::OtherNumber)
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json, A::Error> {
        let seed = self.deeper()?;
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(seed)? {
            list.push(element);
        }
        Ok(Json::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let seed = self.deeper()?;
        let mut seen = BTreeSet::new();
        let mut object = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                let shown: String = key.chars().take(64).collect();
                return Err(A::Error::custom(format_args!("the key `{}` appears twice", shown.escape_debug())));
            }
            object.push((key, entries.next_value_seed(seed)?));
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn refusal(text: &str) -> String {
        Json::parse(text.as_bytes()).unwrap_err().to_string()
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    fn is_same(json: &Json, value: &Value) -> bool {
        match (json, value) {
            (Json::Null, Value::Null) => true,
            (Json::Bool(a), Value::Bool(b)) => a == b,
            (Json::Integer(a), Value::Number(b)) => a.to_string() == b.to_string(),
            (Json::OtherNumber, Value::Number(b)) => b.is_f64(),
            (Json::String(a), Value::String(b)) => a == b,
            (Json::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
            (Json::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && is_same(a, b))
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn any_json_is_read_as_it_is(value in any_value()) {
            let json = Json::parse(value.to_string().as_bytes()).unwrap();
            prop_assert!(is_same(&json, &value));
        }

        #[test]
        fn a_key_that_appears_twice_is_refused_at_any_depth(
            path in prop::collection::vec(any::<bool>(), 0..MAX_DEPTH - 8), key: String, between in any_value(),
        ) {
            let key = Value::from(key);
            let core = format!("{{{key}:1,\"between\":{between},{key}:1}}");
            let text = path.iter().fold(core, |inner, in_list| {
                if *in_list { format!("[0,{inner}]") } else { format!("{{\"a\":{inner}}}") }
            });
            prop_assert!(refusal(&text).contains("appears twice"), "{}", text);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Json::parse(&bytes);
        }
    }

    #[test]
    fn a_key_is_the_same_however_it_is_escaped() {
        assert_eq!(refusal(r#"{"a":1,"\u0061":2}"#), "the key `a` appears twice at line 1 column 15");
    }

    #[test]
    fn depth_is_bounded_exactly() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(refusal(&nested(MAX_DEPTH + 1)).starts_with("lists and objects are nested more than 32 deep"));
        assert!(refusal(&"[".repeat(100_000)).starts_with("lists and objects are nested"));
    }

    #[test]
    fn numbers_that_are_not_exact_integers_have_no_value() {
        for text in ["1.0", "1e3", "-0", "0.1", "18446744073709551616", "-9223372036854775809", "1E400000"] {
            match Json::parse(text.as_bytes()) {
                Ok(json) => assert_eq!(json, Json::OtherNumber, "{text}"),
                Err(error) => assert_eq!(error.problem, "number out of range", "{text}"),
            }
        }
        assert_eq!(Json::parse(b"18446744073709551615"), Ok(Json::Integer(u64::MAX.into())));
        assert_eq!(Json::parse(b"-9223372036854775808"), Ok(Json::Integer(i64::MIN.into())));
    }

    #[test]
    fn what_is_not_json_is_refused_with_line_and_column() {
        assert_eq!(refusal("{\n \"a\": tru }"), "expected ident at line 2 column 10");
        assert_eq!(refusal("{} {}"), "trailing characters at line 1 column 4");
        assert_eq!(refusal("{\"a\":"), "the text ends while parsing a value at line 1 column 5");
        for text in ["", "{a:1}", "{'a':1}", "[1,]", "01", "0x1", "NaN", "\"\\ud800\"", "\u{feff}{}", "+1", ".5"] {
            assert!(Json::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Json::parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn a_parsed_body_is_not_printed() {
        let json = Json::parse(br#"{"password":"hunter2"}"#).unwrap();
        assert_eq!(format!("{json:?}"), "Json(an object)");
    }
}
