//! Holds every answer of the native surface that a test sees against the OpenAPI document: its status is described,
//! its content type is right, and its body is what the schema says.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use axum::http::response::Parts;
use jsonschema::Validator;
use serde_json::{Value, json};

const PREFIX: &str = "/bursar/v1/";

/// Panics where an answer is not as it is described. What leads to no route has no description.
pub(crate) fn check(method: &str, path: &str, parts: &Parts, body: &Value) {
    let path = path.split('?').next().unwrap_or_default();
    if !path.starts_with(PREFIX) {
        return;
    }
    let document = bursar_http::openapi::document();
    let paths = document["paths"].as_object().unwrap();
    // What has no parameters comes before what fits as a parameter.
    let template = paths.keys().filter(|template| fits(template, path)).min_by_key(|found| found.matches('{').count());
    let Some(operation) = template.and_then(|found| paths[found].get(method.to_ascii_lowercase())) else { return };
    let (id, status) = (operation["operationId"].as_str().unwrap(), parts.status.as_str());
    let described = &operation["responses"][status];
    assert!(!described.is_null(), "{id} answers {status}, which is not described: {body}");
    let described = match described["$ref"].as_str() {
        Some(target) => document.pointer(target.trim_start_matches('#')).unwrap(),
        None => described,
    };
    let content = parts.headers["content-type"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let schema = &described["content"][&content]["schema"];
    assert!(!schema.is_null(), "{id} answers {status} with {content}, which is not described");
    let problems = problems(schema, body);
    assert!(problems.is_empty(), "{id} answers {status} otherwise than described: {problems:?}\n{body:#}");
}

fn fits(template: &str, path: &str) -> bool {
    let (mut parts, mut wanted) = (path.split('/'), template.split('/'));
    loop {
        match (parts.next(), wanted.next()) {
            (None, None) => return true,
            (Some(part), Some(wanted)) if part == wanted => {}
            // A parameter may have a verb behind it: `{token}:lock`.
            (Some(part), Some(wanted)) if wanted.starts_with('{') => {
                let tail = wanted.split_once('}').map_or("", |(_, tail)| tail);
                if !part.ends_with(tail) || part.len() == tail.len() {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

fn problems(schema: &Value, body: &Value) -> Vec<String> {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);
    let mut known = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = known.entry(schema.to_string()).or_insert_with(|| {
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "components": {"schemas": bursar_http::openapi::document()["components"]["schemas"]},
        });
        Box::leak(Box::new(jsonschema::validator_for(&whole).unwrap()))
    });
    validator.iter_errors(body).map(|error| format!("{} at {}", error, error.instance_path())).collect()
}

#[test]
fn a_path_is_found_by_its_parameters() {
    assert!(fits("/bursar/v1/tokens/{token}/limits:dry-run", "/bursar/v1/tokens/1/limits:dry-run"));
    assert!(fits("/bursar/v1/spends/{spend}", "/bursar/v1/spends/1"));
    assert!(!fits("/bursar/v1/spends/{spend}", "/bursar/v1/spends"));
    assert!(!fits("/bursar/v1/spends/{spend}:x", "/bursar/v1/spends/1:y"));
}
