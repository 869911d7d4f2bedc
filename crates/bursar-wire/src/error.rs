//! The error body of the dialect: `{error, name, requestId, context}` and a few fields beside them (WC §4.4, §7).
//!
//! The client takes `needsOTP` for true as soon as the field exists, so it is either `true` or not there.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// An error body, rendered with its keys in the order in which BitGo documents them.
#[derive(Clone, Debug)]
pub struct ErrorBody {
    name: Cow<'static, str>,
    error: String,
    request_id: String,
    context: Map<String, Value>,
    needs_otp: bool,
    needs_unlock: bool,
    extra: Map<String, Value>,
}

/// The fields that have a place of their own.
const OWN_FIELDS: [&str; 6] = ["error", "name", "requestId", "context", "needsOTP", "needsUnlock"];

impl ErrorBody {
    /// A body with a stable `name`, a human `error` text and the id of the request. An empty text is replaced by the
    /// name, since the client shows the raw body in place of an empty one.
    pub fn new(name: impl Into<Cow<'static, str>>, error: impl Into<String>, request_id: impl Into<String>) -> Self {
        let (name, error) = (name.into(), error.into());
        let error = if error.is_empty() { name.clone().into_owned() } else { error };
        Self {
            name,
            error,
            request_id: request_id.into(),
            context: Map::new(),
            needs_otp: false,
            needs_unlock: false,
            extra: Map::new(),
        }
    }

    /// Adds a figure or a code that says why, for machines.
    #[must_use]
    pub fn with_context(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.context.insert(key.into(), value.into());
        self
    }

    /// A fresh OTP would make the request pass.
    #[must_use]
    pub const fn needing_otp(mut self) -> Self {
        self.needs_otp = true;
        self
    }

    /// An unlock would make the request pass; clients are asked for an OTP too.
    #[must_use]
    pub const fn needing_unlock(mut self) -> Self {
        self.needs_otp = true;
        self.needs_unlock = true;
        self
    }

    /// Adds a field beside the documented ones; it cannot replace one of those.
    #[must_use]
    pub fn with_field(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        let key = key.into();
        if !OWN_FIELDS.contains(&key.as_str()) {
            self.extra.insert(key, value.into());
        }
        self
    }

    /// The stable code of the reason, if the context has one.
    pub fn code(&self) -> Option<&str> {
        self.context.get("code").and_then(Value::as_str)
    }

    /// The stable code.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The body as JSON.
    pub fn to_value(&self) -> Value {
        let mut body = Map::new();
        body.insert("error".into(), self.error.as_str().into());
        body.insert("name".into(), self.name.as_ref().into());
        body.insert("requestId".into(), self.request_id.as_str().into());
        body.insert("context".into(), Value::Object(self.context.clone()));
        for (field, needed) in [("needsOTP", self.needs_otp), ("needsUnlock", self.needs_unlock)] {
            if needed {
                body.insert(field.into(), true.into());
            }
        }
        body.extend(self.extra.clone());
        Value::Object(body)
    }

    /// The body as the bytes to sign and send.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_value().to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &ErrorBody) -> String {
        String::from_utf8(body.to_bytes()).unwrap()
    }

    #[test]
    fn the_documented_fields_are_always_there_and_in_order() {
        let body = ErrorBody::new("Unauthorized", "unauthorized", "r1");
        assert_eq!(text(&body), r#"{"error":"unauthorized","name":"Unauthorized","requestId":"r1","context":{}}"#);
    }

    #[test]
    fn needs_unlock_comes_with_needs_otp_and_with_the_figures() {
        let body = ErrorBody::new("NeedsUnlock", "needs unlock", "r1").needing_unlock().with_context("limit", "100");
        assert_eq!(
            text(&body),
            r#"{"error":"needs unlock","name":"NeedsUnlock","requestId":"r1","context":{"limit":"100"},"needsOTP":true,"needsUnlock":true}"#
        );
    }

    #[test]
    fn needs_otp_is_never_present_as_false() {
        let body = ErrorBody::new("A", "b", "r").with_field("needsOTP", false).with_field("needsUnlock", false);
        assert_eq!(body.to_value().get("needsOTP"), None);
        assert_eq!(body.to_value().get("needsUnlock"), None);
        let body = body.needing_otp().with_field("needsOTP", false).with_field("hint", "x");
        assert_eq!(body.to_value().get("needsOTP"), Some(&Value::Bool(true)));
        assert_eq!(body.to_value().get("hint"), Some(&"x".into()));
    }

    #[test]
    fn there_is_always_an_error_text() {
        assert_eq!(ErrorBody::new("NotFound", "", "r").to_value().get("error"), Some(&"NotFound".into()));
    }
}
