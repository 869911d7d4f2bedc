//! The native surface as OpenAPI 3.1, made from the route table and from what stands beside it here.
//!
//! A route without a description fails a test, and every answer that a test of this crate sees is held against the
//! document. Nothing here decides what a route does; where the two differ, the route is right.

mod factors;
mod limits;
mod operation;
mod organisations;
mod schemas;
mod sign_in;
mod spends;
mod system;
mod tokens;
mod users;
mod wallets;

use std::sync::LazyLock;

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use self::operation::Operation;
use crate::routes::{Access, NATIVE_PREFIX, ROUTES, Route};

/// What is described of one part of the surface.
struct Part {
    /// The part's name, and a sentence about it.
    tag: (&'static str, &'static str),
    operations: Vec<Operation>,
    schemas: Vec<(&'static str, Value)>,
}

/// The document. It is the same for every server of this version.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(assemble);
    &DOCUMENT
}

/// The same, written out: once, as anybody may ask for it again and again.
pub(crate) fn written() -> Bytes {
    static WRITTEN: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());
    WRITTEN.clone()
}

fn parts() -> Vec<Part> {
    vec![
        sign_in::part(),
        factors::part(),
        tokens::part(),
        wallets::part(),
        limits::part(),
        spends::part(),
        users::part(),
        organisations::part(),
        system::part(),
    ]
}

fn assemble() -> Value {
    let mut paths = Map::new();
    let mut components: Map<String, Value> =
        schemas::shared().into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    let mut tags = Vec::new();
    for part in parts() {
        let (tag, about) = part.tag;
        tags.push(json!({"name": tag, "description": about}));
        components.extend(part.schemas.into_iter().map(|(name, schema)| (name.to_owned(), schema)));
        for operation in part.operations {
            // What no route serves is not shown: the table is right.
            let Some(route) = route_of(&operation) else { continue };
            let path = format!("{NATIVE_PREFIX}{}", operation.path);
            let item = paths.entry(path).or_insert_with(|| json!({}));
            if let Some(item) = item.as_object_mut() {
                item.insert(operation.method.to_ascii_lowercase(), operation.shown(tag, route.access));
            }
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bursar",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Access tokens that can spend, within limits that hold",
            "description": "The native interface. Amounts are decimal text in base units, times are ISO 8601 in UTC, \
                ids are 32 lower-case hex characters. Failures are RFC 9457 problems with a stable `code` that say \
                what would make the request pass. Fields that are not known are refused.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "this server"}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The text of a token or session (`v2x…`). Instead, a request may be signed with it \
                        as BitGo's clients do (`HMAC`, `Auth-Timestamp`); then the answer is signed, too.",
                },
            },
            "schemas": components,
            "headers": {
                "RateLimit-Policy": {
                    "description": "The spending token's own limits: `q` is the ceiling in base units or spends, `w` the window in seconds. \
                        A limit whose figure is too great for an integer of RFC 9651 is left out.",
                    "schema": {"type": "string"},
                },
                "RateLimit": {
                    "description": "What each of them has left after the spend (`r`), and in how many seconds it is whole again or, where it \
                        refuses the spend, has room (`t`; none if no wait does it).",
                    "schema": {"type": "string"},
                },
            },
            "responses": {
                "Problem": {
                    "description": "It was refused, or failed; `code` and `detail` say why",
                    // Of a spend that limits refused, and only of that.
                    "headers": operation::limit_headers(),
                    "content": {"application/problem+json": {"schema": schemas::reference("Problem")}},
                },
            },
        },
    })
}

fn route_of(operation: &Operation) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.is_native() && route.method == operation.method && route.path == operation.path)
}

/// Whether a caller needs no token.
fn is_open(access: Access) -> bool {
    access == Access::Public
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn described() -> BTreeSet<(&'static str, &'static str)> {
        parts().iter().flat_map(|part| part.operations.iter().map(|one| (one.method, one.path))).collect()
    }

    #[test]
    fn every_native_route_is_described_and_nothing_else_is() {
        let served: BTreeSet<_> =
            ROUTES.iter().filter(|route| route.is_native()).map(|route| (route.method, route.path)).collect();
        let described = described();
        let missing: Vec<_> = served.difference(&described).collect();
        let stale: Vec<_> = described.difference(&served).collect();
        assert!(missing.is_empty() && stale.is_empty(), "not described: {missing:?}; not served: {stale:?}");
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_schema_is_used() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(target)) = fields.get("$ref") {
                        found.insert(target.clone());
                    }
                    fields.values().for_each(|value| references(value, found));
                }
                Value::Array(list) => list.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let mut used = BTreeSet::new();
        references(document(), &mut used);
        for target in &used {
            assert!(document().pointer(target.trim_start_matches('#')).is_some(), "{target}");
        }
        for name in document()["components"]["schemas"].as_object().unwrap().keys() {
            assert!(used.contains(&format!("#/components/schemas/{name}")), "nobody uses {name}");
        }
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let mut seen = BTreeSet::new();
        for part in parts() {
            for operation in part.operations {
                let id = operation.id();
                assert!(seen.insert(id.clone()), "{id}");
            }
        }
    }
}
