//! One operation of the document, and what all have in common.

use serde_json::{Map, Value, json};

use super::is_open;
use super::schemas::reference;
use crate::routes::Access;

/// A route, described.
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// Below the prefix, as in the route table.
    pub(super) path: &'static str,
    summary: &'static str,
    description: Option<&'static str>,
    query: Vec<Value>,
    headers: Vec<Value>,
    takes: Option<(Value, bool)>,
    answers: Vec<(u16, &'static str, &'static str, Value)>,
    refuses: Vec<u16>,
    tells_limits: bool,
}

/// The headers that tell what is left of limits.
pub(super) const LIMIT_HEADERS: [&str; 2] = ["RateLimit-Policy", "RateLimit"];

const JSON: &str = "application/json";

impl Operation {
    pub(super) fn new(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        Self {
            method,
            path,
            summary,
            description: None,
            query: Vec::new(),
            headers: Vec::new(),
            takes: None,
            answers: Vec::new(),
            refuses: Vec::new(),
            tells_limits: false,
        }
    }

    pub(super) fn about(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// A parameter of the query; never required.
    pub(super) fn query(mut self, name: &'static str, schema: Value, about: &'static str) -> Self {
        let mut parameter = json!({"name": name, "in": "query", "description": about});
        parameter["schema"] = schema;
        self.query.push(parameter);
        self
    }

    /// The two parameters of most lists.
    pub(super) fn paged(self, most: u32) -> Self {
        self.query("limit", json!({"type": "integer", "minimum": 1, "maximum": most}), "at most so many").query(
            "prevId",
            reference("Id"),
            "the `next` of the part before",
        )
    }

    /// Takes a one-time password in a header.
    pub(super) fn with_otp(mut self) -> Self {
        self.headers.push(json!({
            "name": bursar_wire::header::OTP, "in": "header",
            "description": "a one-time password: what takes no body has it here",
            "schema": {"type": "string"},
        }));
        self
    }

    /// The client may name what it asks for, so that asking twice is asking once.
    pub(super) fn idempotent(mut self) -> Self {
        self.headers.push(json!({
            "name": "Idempotency-Key", "in": "header",
            "description": "a name for what is asked for; the same again is the same thing",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        }));
        self
    }

    /// A body, by the name of its schema.
    pub(super) fn takes(mut self, schema: &'static str) -> Self {
        self.takes = Some((reference(schema), true));
        self
    }

    /// A body that may be left out.
    pub(super) fn may_take(mut self, schema: &'static str) -> Self {
        self.takes = Some((reference(schema), false));
        self
    }

    /// A success, by the name of its schema.
    pub(super) fn answers(self, status: u16, about: &'static str, schema: &'static str) -> Self {
        self.answers_as(status, about, JSON, reference(schema))
    }

    /// A success of another content type.
    pub(super) fn answers_as(mut self, status: u16, about: &'static str, content: &'static str, schema: Value) -> Self {
        self.answers.push((status, about, content, schema));
        self
    }

    /// Statuses of refusals beside those that every such route has.
    pub(super) fn refuses(mut self, statuses: &[u16]) -> Self {
        self.refuses.extend_from_slice(statuses);
        self
    }

    /// Its successes have headers with what is left of the token's own limits.
    pub(super) fn telling_limits(mut self) -> Self {
        self.tells_limits = true;
        self
    }

    /// A name for generated clients: the method and the path in one word.
    pub(super) fn id(&self) -> String {
        let mut id = self.method.to_ascii_lowercase();
        for word in self.path.split(['/', ':', '-', '.', '{', '}']).filter(|word| !word.is_empty()) {
            let mut letters = word.chars();
            id.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            id.extend(letters);
        }
        id
    }

    fn path_parameters(&self) -> impl Iterator<Item = Value> {
        self.path.split('/').filter_map(|part| {
            let name = part.strip_prefix('{')?.split('}').next()?;
            // Limits are asked for by name, too.
            let is_name = name == "user" && self.path.ends_with("/limits");
            let schema = if is_name { "UserName" } else { "Id" };
            Some(json!({"name": name, "in": "path", "required": true, "schema": reference(schema)}))
        })
    }

    /// The operation as the document has it.
    pub(super) fn shown(&self, tag: &str, access: Access) -> Value {
        let parameters: Vec<Value> =
            self.path_parameters().chain(self.query.iter().cloned()).chain(self.headers.iter().cloned()).collect();
        let has_path_parameter = self.path.contains('{');
        let mut responses = Map::new();
        for (status, about, content, schema) in &self.answers {
            let mut shown = json!({"description": about});
            if !schema.is_null() {
                shown["content"] = json!({*content: {"schema": schema}});
            }
            if self.tells_limits {
                shown["headers"] = limit_headers();
            }
            responses.insert(status.to_string(), shown);
        }
        let mut statuses = vec![400, 429, 503];
        statuses.extend(if is_open(access) { &[401][..] } else { &[401, 403] });
        statuses.extend(has_path_parameter.then_some(404));
        statuses.extend((self.method != "GET").then_some(409));
        statuses.extend(self.takes.is_some().then_some(413));
        statuses.extend(&self.refuses);
        for status in statuses {
            responses.entry(status.to_string()).or_insert_with(|| json!({"$ref": "#/components/responses/Problem"}));
        }
        responses.sort_keys();
        let mut shown = json!({"tags": [tag], "operationId": self.id(), "summary": self.summary});
        if let Some(description) = self.description {
            shown["description"] = description.into();
        }
        shown["security"] = if is_open(access) { json!([]) } else { json!([{"token": []}]) };
        shown["x-bursar-access"] = match access {
            Access::Public => "anybody",
            Access::Own => "any token, also the session of somebody who has still to enrol a second factor",
            Access::Token => "any token",
            Access::Enrolment => "a person's session, also of somebody who has still to enrol a second factor",
            Access::Person => "a person's session",
            Access::Service => "the credential of a service",
        }
        .into();
        if !parameters.is_empty() {
            shown["parameters"] = parameters.into();
        }
        if let Some((schema, required)) = &self.takes {
            shown["requestBody"] = json!({"required": required, "content": {JSON: {"schema": schema}}});
        }
        shown["responses"] = responses.into();
        shown
    }
}

/// Both headers, as references.
pub(super) fn limit_headers() -> Value {
    let reference = |name: &str| json!({"$ref": format!("#/components/headers/{name}")});
    LIMIT_HEADERS.into_iter().map(|name| (name.to_owned(), reference(name))).collect::<Map<_, _>>().into()
}
