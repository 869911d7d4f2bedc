//! Reading an object field by field, with refusals that name the field and say what to do.

use std::fmt;

use super::Json;

/// A field that does not have what it must have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldError {
    /// The field from the top, as in `spendingLimits[0].txValueLimit`; `body` for the body itself.
    pub field: String,
    /// What is wrong and what to do, in lower case, to stand behind the field's name.
    pub problem: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.problem)
    }
}

impl std::error::Error for FieldError {}

/// The fields of one object. A field that is `null` counts as absent; unknown fields are no fault.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    path: String,
    entries: &'a [(String, Json)],
}

impl<'a> Fields<'a> {
    /// The fields of a body.
    ///
    /// # Errors
    /// The body is not an object.
    pub fn of(body: &'a Json) -> Result<Self, FieldError> {
        Self::at(String::new(), body)
    }

    fn at(path: String, value: &'a Json) -> Result<Self, FieldError> {
        match value {
            Json::Object(entries) => Ok(Self { path, entries }),
            other if path.is_empty() => Err(wrong_kind("body".to_owned(), "an object", other)),
            other => Err(wrong_kind(path, "an object", other)),
        }
    }

    /// A refusal of a field of this object, with its full name.
    pub fn refuse(&self, name: &str, problem: impl Into<String>) -> FieldError {
        FieldError { field: self.full_name(name), problem: problem.into() }
    }

    /// The fields of an element of a list of this object.
    ///
    /// # Errors
    /// The element is not an object.
    pub fn of_element(&self, list: &str, index: usize, element: &'a Json) -> Result<Self, FieldError> {
        Self::at(self.element_name(list, index), element)
    }

    /// Refuses fields of other names: where a slip of the pen could lose a rule, silence would loosen it.
    ///
    /// # Errors
    /// There is a field of another name.
    pub fn only(&self, known: &[&str]) -> Result<(), FieldError> {
        match self.names().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(other) => {
                Err(self.refuse_stranger(other, format!("is not known here; there are `{}`", known.join("`, `"))))
            }
        }
    }

    /// A refusal of a field whose name the client made up, which is shown cut off and without what is hidden in it.
    pub fn refuse_stranger(&self, name: &str, problem: impl Into<String>) -> FieldError {
        let shown: String = name.chars().take(64).flat_map(char::escape_debug).collect();
        self.refuse(&shown, problem)
    }

    /// Whether the field is written at all, be it as `null`: an edit clears with `null` what it keeps by silence.
    pub fn mentions(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _)| key == name)
    }

    /// The names of all fields, in order.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.entries.iter().map(|(key, _)| key.as_str())
    }

    /// The field's value, of whatever kind; `None` if absent or `null`.
    pub fn value(&self, name: &str) -> Option<&'a Json> {
        let value = self.entries.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        value.filter(|value| **value != Json::Null)
    }

    /// A text, if there.
    ///
    /// # Errors
    /// It is of another kind.
    pub fn optional_text(&self, name: &str) -> Result<Option<&'a str>, FieldError> {
        self.optional(name, "a text", as_text)
    }

    /// A text.
    ///
    /// # Errors
    /// It is absent or of another kind.
    pub fn text(&self, name: &str) -> Result<&'a str, FieldError> {
        self.required(name, "a text", as_text)
    }

    /// A boolean, if there.
    ///
    /// # Errors
    /// It is of another kind.
    pub fn optional_boolean(&self, name: &str) -> Result<Option<bool>, FieldError> {
        self.optional(name, "true or false", as_boolean)
    }

    /// A boolean.
    ///
    /// # Errors
    /// It is absent or of another kind.
    pub fn boolean(&self, name: &str) -> Result<bool, FieldError> {
        self.required(name, "true or false", as_boolean)
    }

    /// An integer, if there.
    ///
    /// # Errors
    /// It is of another kind, has a fraction or an exponent, or is too big.
    pub fn optional_integer(&self, name: &str) -> Result<Option<i128>, FieldError> {
        self.optional(name, "an integer", as_integer)
    }

    /// An integer.
    ///
    /// # Errors
    /// It is absent, of another kind, has a fraction or an exponent, or is too big.
    pub fn integer(&self, name: &str) -> Result<i128, FieldError> {
        self.required(name, "an integer", as_integer)
    }

    /// A list of values, if there.
    ///
    /// # Errors
    /// It is of another kind.
    pub fn optional_array(&self, name: &str) -> Result<Option<&'a [Json]>, FieldError> {
        self.optional(name, "a list", as_array)
    }

    /// A list of values.
    ///
    /// # Errors
    /// It is absent or of another kind.
    pub fn array(&self, name: &str) -> Result<&'a [Json], FieldError> {
        self.required(name, "a list", as_array)
    }

    /// A list of texts, if there.
    ///
    /// # Errors
    /// It is of another kind, or one of its elements is; that one is named.
    pub fn optional_texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, FieldError> {
        self.optional_array(name)?.map(|elements| self.all_texts(name, elements)).transpose()
    }

    /// A list of texts.
    ///
    /// # Errors
    /// It is absent or of another kind, or one of its elements is; that one is named.
    pub fn texts(&self, name: &str) -> Result<Vec<&'a str>, FieldError> {
        self.all_texts(name, self.array(name)?)
    }

    /// An object, if there.
    ///
    /// # Errors
    /// It is of another kind.
    pub fn optional_object(&self, name: &str) -> Result<Option<Self>, FieldError> {
        self.value(name).map(|value| Self::at(self.full_name(name), value)).transpose()
    }

    /// An object.
    ///
    /// # Errors
    /// It is absent or of another kind.
    pub fn object(&self, name: &str) -> Result<Self, FieldError> {
        self.optional_object(name)?.ok_or_else(|| self.missing(name, "an object"))
    }

    /// A list of objects, if there.
    ///
    /// # Errors
    /// It is of another kind, or one of its elements is; that one is named.
    pub fn optional_objects(&self, name: &str) -> Result<Option<Vec<Self>>, FieldError> {
        let Some(elements) = self.optional_array(name)? else {
            return Ok(None);
        };
        let numbered = elements.iter().enumerate();
        numbered
            .map(|(index, element)| Self::at(self.element_name(name, index), element))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// A list of objects.
    ///
    /// # Errors
    /// It is absent or of another kind, or one of its elements is; that one is named.
    pub fn objects(&self, name: &str) -> Result<Vec<Self>, FieldError> {
        self.optional_objects(name)?.ok_or_else(|| self.missing(name, "a list"))
    }

    fn optional<T>(&self, name: &str, kind: &str, read: fn(&'a Json) -> Option<T>) -> Result<Option<T>, FieldError> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        read(value).map(Some).ok_or_else(|| wrong_kind(self.full_name(name), kind, value))
    }

    fn required<T>(&self, name: &str, kind: &str, read: fn(&'a Json) -> Option<T>) -> Result<T, FieldError> {
        self.optional(name, kind, read)?.ok_or_else(|| self.missing(name, kind))
    }

    fn all_texts(&self, name: &str, elements: &'a [Json]) -> Result<Vec<&'a str>, FieldError> {
        let numbered = elements.iter().enumerate();
        let texts = numbered.map(|(index, element)| {
            as_text(element).ok_or_else(|| wrong_kind(self.element_name(name, index), "a text", element))
        });
        texts.collect()
    }

    fn missing(&self, name: &str, kind: &str) -> FieldError {
        self.refuse(name, format!("is missing: give {kind}"))
    }

    fn full_name(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn element_name(&self, name: &str, index: usize) -> String {
        format!("{}[{index}]", self.full_name(name))
    }
}

fn wrong_kind(field: String, expected: &str, found: &Json) -> FieldError {
    FieldError { field, problem: format!("must be {expected}, not {}", found.kind()) }
}

fn as_text(value: &Json) -> Option<&str> {
    if let Json::String(text) = value { Some(text) } else { None }
}

fn as_boolean(value: &Json) -> Option<bool> {
    if let Json::Bool(value) = value { Some(*value) } else { None }
}

fn as_integer(value: &Json) -> Option<i128> {
    if let Json::Integer(value) = value { Some(*value) } else { None }
}

fn as_array(value: &Json) -> Option<&[Json]> {
    if let Json::Array(elements) = value { Some(elements) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn fields_are_read_by_kind() {
        let json = body(r#"{"label":"ci","on":true,"duration":60,"scope":["a","b"],"list":[1],"in":{"x":1}}"#);
        let fields = Fields::of(&json).unwrap();
        assert_eq!(fields.text("label"), Ok("ci"));
        assert_eq!(fields.boolean("on"), Ok(true));
        assert_eq!(fields.integer("duration"), Ok(60));
        assert_eq!(fields.texts("scope"), Ok(vec!["a", "b"]));
        assert_eq!(fields.array("list").unwrap(), [Json::Integer(1)]);
        assert_eq!(fields.object("in").unwrap().integer("x"), Ok(1));
        assert_eq!(fields.names().collect::<Vec<_>>(), ["label", "on", "duration", "scope", "list", "in"]);
    }

    #[test]
    fn null_is_absent_yet_mentioned() {
        let json = body(r#"{"otp":null}"#);
        let fields = Fields::of(&json).unwrap();
        assert_eq!(fields.optional_text("otp"), Ok(None));
        assert_eq!(fields.text("otp").unwrap_err().to_string(), "`otp` is missing: give a text");
        assert!(fields.mentions("otp") && !fields.mentions("label"));
        assert!(fields.optional_texts("otp").unwrap().is_none() && fields.optional_objects("otp").unwrap().is_none());
    }

    #[test]
    fn where_every_field_matters_an_unknown_one_is_refused() {
        let json = body(r#"{"list":[{"seconds":1,"se\u001bconds":2}]}"#);
        let fields = Fields::of(&json).unwrap();
        assert_eq!(fields.only(&["list"]), Ok(()));
        let element = fields.of_element("list", 0, &fields.array("list").unwrap()[0]).unwrap();
        let refused = element.only(&["type", "seconds"]).unwrap_err().to_string();
        assert_eq!(refused, "`list[0].se\\u{1b}conds` is not known here; there are `type`, `seconds`");
        assert_eq!(fields.of_element("list", 1, &Json::Null).unwrap_err().field, "list[1]");
    }

    #[test]
    fn another_kind_is_refused_also_where_the_field_is_optional() {
        let json = body(r#"{"otp":0,"duration":1.5,"on":"true","scope":"a","in":[]}"#);
        let fields = Fields::of(&json).unwrap();
        assert_eq!(fields.optional_text("otp").unwrap_err().to_string(), "`otp` must be a text, not an integer");
        assert_eq!(
            fields.optional_integer("duration").unwrap_err().to_string(),
            "`duration` must be an integer, not a number with a fraction or an exponent, or one too big to be exact"
        );
        assert_eq!(fields.boolean("on").unwrap_err().to_string(), "`on` must be true or false, not a text");
        assert_eq!(fields.texts("scope").unwrap_err().to_string(), "`scope` must be a list, not a text");
        assert_eq!(fields.object("in").unwrap_err().to_string(), "`in` must be an object, not a list");
    }

    #[test]
    fn nested_fields_are_named_from_the_top() {
        let json = body(r#"{"spendingLimits":[{"coin":"tbtc"},{"txValueLimit":true}],"a":{"b":{"scope":["x",1]}}}"#);
        let fields = Fields::of(&json).unwrap();
        let limits = fields.objects("spendingLimits").unwrap();
        let second = &limits[1];
        assert_eq!(second.text("coin").unwrap_err().field, "spendingLimits[1].coin");
        assert_eq!(second.text("txValueLimit").unwrap_err().field, "spendingLimits[1].txValueLimit");
        let inner = fields.object("a").unwrap().object("b").unwrap();
        assert_eq!(inner.texts("scope").unwrap_err().to_string(), "`a.b.scope[1]` must be a text, not an integer");
        assert_eq!(inner.refuse("scope", "is odd").field, "a.b.scope");
    }

    #[test]
    fn elements_and_bodies_that_are_no_objects_are_named() {
        let json = body(r#"{"spendingLimits":[{},7]}"#);
        let error = Fields::of(&json).unwrap().objects("spendingLimits").unwrap_err();
        assert_eq!(error.to_string(), "`spendingLimits[1]` must be an object, not an integer");
        assert_eq!(Fields::of(&body("[]")).unwrap_err().to_string(), "`body` must be an object, not a list");
    }
}
