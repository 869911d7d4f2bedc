//! Schemas that all parts use, and ways to write schemas.

use serde_json::{Map, Value, json};

/// A reference to a schema of the document.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A list of what a schema describes.
pub(super) fn list(items: Value) -> Value {
    let mut schema = json!({"type": "array"});
    schema["items"] = items;
    schema
}

/// The same, or null.
pub(super) fn or_null(schema: Value) -> Value {
    let mut either = json!({"anyOf": [null, {"type": "null"}]});
    either["anyOf"][0] = schema;
    either
}

pub(super) fn text(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

pub(super) fn flag(about: &str) -> Value {
    json!({"type": "boolean", "description": about})
}

/// A text that people read: what requests take as a name, a reason or a reference.
pub(super) fn name(about: &str) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 250, "description": about})
}

pub(super) fn integer(least: i64, most: i64, about: &str) -> Value {
    json!({"type": "integer", "minimum": least, "maximum": most, "description": about})
}

/// The second factor that stands behind a request.
pub(super) fn otp() -> Value {
    json!({
        "type": ["string", "object"],
        "description": "the proof of a second factor: a one-time password, a recovery code, or a passkey's answer for this \
            action, as its text or as the object itself",
    })
}

/// An object that has no other fields: those named in `required` always, the others sometimes.
pub(super) fn object<'a>(required: &[&str], fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let properties: Map<String, Value> = fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

/// What a request takes: an optional field that is null counts as left out.
pub(super) fn given<'a>(required: &[&str], fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let nullable = |(name, schema)| if required.contains(&name) { (name, schema) } else { (name, or_null(schema)) };
    object(required, fields.into_iter().map(nullable))
}

/// The same with a sentence about it.
pub(super) fn described(mut schema: Value, about: &str) -> Value {
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("description".to_owned(), about.into());
    }
    schema
}

/// What every part refers to.
pub(super) fn shared() -> Vec<(&'static str, Value)> {
    vec![
        (
            "Id",
            json!({"type": "string", "pattern": "^[0-9a-f]{32}$", "examples": ["0123456789abcdef0123456789abcdef"]}),
        ),
        ("UserName", json!({"type": "string", "minLength": 1, "description": "an id, a name, or `me`"})),
        ("Coin", json!({"type": "string", "minLength": 1, "maxLength": 64, "examples": ["tbtc", "hteth:usdc"]})),
        (
            "Amount",
            json!({"type": "string", "pattern": "^[0-9]{1,78}$", "description": "base units, in decimal digits"}),
        ),
        (
            "AmountGiven",
            json!({
                "description": "base units: decimal digits, or an integer that JSON keeps exactly",
                "anyOf": [
                    {"type": "string", "pattern": "^[0-9]{1,78}$"},
                    {"type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_i64},
                ],
            }),
        ),
        ("Instant", json!({"type": "string", "format": "date-time"})),
        (
            "Problem",
            json!({
                "type": "object",
                "description": "RFC 9457; what explains it stands beside the members named here",
                "required": ["type", "title", "status", "detail", "code"],
                "properties": {
                    "type": {"type": "string", "pattern": "^urn:bursar:problem:"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "code": {"type": "string", "description": "stable: programs may rely on it"},
                    "requestId": {"type": "string"},
                    "field": {"type": "string", "description": "the field at fault"},
                },
            }),
        ),
    ]
}
