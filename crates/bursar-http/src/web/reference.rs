//! The interface as a page that people read: the OpenAPI document, drawn.

use maud::{Markup, html};
use serde_json::Value;

use super::Answering;
use super::layout::{Frame, Section};
use super::visit::Visit;
use super::words;
use crate::openapi;

/// How deep a schema is drawn before it is only named.
const DEEPEST: usize = 6;

pub(crate) async fn show(visit: Visit) -> Answering {
    let frame = Frame::of(&visit);
    let document = openapi::document();
    let body = html! {
        h1 { "The interface" }
        p { (words::marked(text(&document["info"]["description"]))) }
        p {
            "The same for programs: " a href="/bursar/v1/openapi.json" { "openapi.json" } " (OpenAPI "
            (text(&document["openapi"])) "). BitGo’s own routes stand beside these, under " code { "/api" } "."
        }
        nav aria-label="Parts" class="card" {
            ul { @for tag in list(&document["tags"]) {
                li { a href={ "#" (text(&tag["name"])) } { (text(&tag["name"])) } ": " (words::marked(text(&tag["description"]))) }
            } }
        }
        @for tag in list(&document["tags"]) {
            section id=(text(&tag["name"])) {
                h2 { (super::layout::capital(text(&tag["name"]))) }
                @for (path, method, operation) in operations(document, text(&tag["name"])) { (draw(path, method, operation)) }
            }
        }
        section id="schemas" {
            h2 { "Shapes" }
            @for (name, schema) in fields(&document["components"]["schemas"]) {
                details id={ "shape-" (name) } { summary { code { (name) } } (shape(schema, 0)) }
            }
        }
    };
    Ok(frame.page("The interface", Section::None, body))
}

fn draw(path: &str, method: &str, operation: &Value) -> Markup {
    html! {
        details class="card" id=(text(&operation["operationId"])) {
            summary { code { (method.to_uppercase()) " " (path) } " " (words::marked(text(&operation["summary"]))) }
            @if operation["description"].is_string() { p { (words::marked(text(&operation["description"]))) } }
            p class="muted" { "For " (text(&operation["x-bursar-access"])) "." }
            @if let Some(parameters) = operation["parameters"].as_array() {
                h3 { "Parameters" }
                dl { @for one in parameters {
                    dt { code { (text(&one["name"])) } " in the " (text(&one["in"])) }
                    dd { (words::marked(text(&one["description"]))) " " (shape(&one["schema"], 0)) }
                } }
            }
            @if operation["requestBody"].is_object() {
                h3 { "Body" }
                (shape(&operation["requestBody"]["content"]["application/json"]["schema"], 0))
            }
            h3 { "Answers" }
            dl { @for (status, answer) in fields(&operation["responses"]) {
                @if answer["$ref"].is_null() {
                    dt { code { (status) } " " (words::marked(text(&answer["description"]))) }
                    dd { @for (_, content) in fields(&answer["content"]) { (shape(&content["schema"], 0)) } }
                }
            } }
            p class="small muted" {
                "Refusals are " a href="#shape-Problem" { "problems" } " with the status "
                @for (at, (status, _)) in refusals(operation).enumerate() { @if at > 0 { ", " } (status) } "."
            }
        }
    }
}

fn refusals(operation: &Value) -> impl Iterator<Item = (&str, &Value)> {
    fields(&operation["responses"]).filter(|(_, answer)| !answer["$ref"].is_null())
}

/// A schema in words: what it is, its fields, what it may be.
fn shape(schema: &Value, depth: usize) -> Markup {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.rsplit('/').next().unwrap_or_default();
        return html! { a href={ "#shape-" (name) } { code { (name) } } };
    }
    if depth >= DEEPEST {
        return html! { "…" };
    }
    let about = text(&schema["description"]);
    let either = ["anyOf", "oneOf"].into_iter().find_map(|name| schema[name].as_array());
    html! {
        @if !about.is_empty() { span class="muted" { (words::marked(about)) } " " }
        @if let Some(list) = schema["enum"].as_array() {
            @for (at, one) in list.iter().enumerate() { @if at > 0 { " or " } code { (plain(one)) } }
        } @else if !schema["const"].is_null() {
            code { (plain(&schema["const"])) }
        } @else if let Some(properties) = schema["properties"].as_object() {
            dl class="inset" { @for (name, field) in properties {
                @let is_needed = list(&schema["required"]).iter().any(|needed| needed.as_str() == Some(name));
                dt { code { (name) } @if !is_needed { span class="optional" { " (not always)" } } }
                dd { (shape(field, depth.saturating_add(1))) }
            } }
        } @else if schema["items"].is_object() {
            "a list of " (shape(&schema["items"], depth.saturating_add(1)))
        } @else if let Some(list) = either {
            @for (at, one) in list.iter().filter(|one| !one["required"].is_array() || one["type"].is_string()).enumerate() {
                @if at > 0 { " or " } (shape(one, depth.saturating_add(1)))
            }
        } @else {
            code { (kind(&schema["type"])) }
            @if schema["pattern"].is_string() { " " span class="small" { code { (text(&schema["pattern"])) } } }
        }
    }
}

fn kind(kind: &Value) -> String {
    match kind {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        one => text(one).to_owned(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn operations<'a>(document: &'a Value, tag: &'a str) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
    fields(&document["paths"])
        .flat_map(|(path, item)| fields(item).map(move |(method, operation)| (path, method, operation)))
        .filter(move |(_, _, operation)| operation["tags"][0].as_str() == Some(tag))
}
