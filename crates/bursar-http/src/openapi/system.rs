//! The audit trail, and the document about all this.

use serde_json::{Value, json};

use super::Part;
use super::operation::Operation;
use super::schemas::{list, object, or_null, reference, text};

pub(super) fn part() -> Part {
    Part {
        tag: ("system", "What happened here, and what there is"),
        operations: vec![
            Operation::new("GET", "/audit", "The audit trail, newest first")
                .about(
                    "Owners, admins and auditors of the default organisation see all of it, others what they did and \
                     what was done to what is theirs. A look goes back a bounded stretch: go on while there is `next`.",
                )
                .query("action", short(), "an action, or what it begins with: `spend` finds `spend.hold`")
                .query("subject", short(), "what it was done to, or its kind: `token:<id>`, `token`")
                .query("user", reference("Id"), "who did it")
                .query("token", reference("Id"), "the token that did it or that it was done to")
                .query("since", reference("Instant"), "not before this")
                .query("until", reference("Instant"), "before this")
                .query("limit", json!({"type": "integer", "minimum": 1, "maximum": 200}), "at most so many")
                .query(
                    "before",
                    json!({"type": "string", "pattern": "^[0-9]{1,19}\\.[0-9]{1,9}$"}),
                    "the `next` of the part before",
                )
                .answers(200, "The events", "Trail"),
            Operation::new("GET", "/openapi.json", "This document").answers_as(
                200,
                "An OpenAPI 3.1 document",
                "application/json",
                json!({
                    "type": "object",
                    "required": ["openapi", "paths"],
                    "properties": {"openapi": {"const": "3.1.0"}, "paths": {"type": "object"}},
                }),
            ),
        ],
        schemas: schemas(),
    }
}

fn short() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 200})
}

fn schemas() -> Vec<(&'static str, Value)> {
    let actor = object(
        &["kind"],
        [
            ("kind", json!({"enum": ["system", "operator", "anonymous", "token"]})),
            ("user", reference("Id")),
            ("token", reference("Id")),
        ],
    );
    let event = object(
        &["place", "link", "time", "actor", "action", "subject", "data"],
        [
            ("place", text("where it stands: the number of its link and its place there")),
            ("link", json!({"type": "integer"})),
            ("time", reference("Instant")),
            ("actor", actor),
            ("action", text("such as `spend.hold`")),
            ("subject", text("such as `spend:<id>`")),
            ("data", json!({"type": "object", "additionalProperties": {"type": "string"}})),
        ],
    );
    let next = or_null(text("where the next part begins"));
    let archived = or_null(json!({
        "type": "integer",
        "description": "if this part ends where the kept trail begins: earlier events, up to this link, are archived",
    }));
    let names = json!({
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "what the caller knows these events' users, tokens, wallets and organisations by: `user:<id>` and its name",
    });
    let trail = [("events", list(event)), ("names", names), ("next", next), ("archivedThrough", archived)];
    vec![("Trail", object(&["events", "names", "next", "archivedThrough"], trail))]
}
