//! Access-token templates (WC §1.4).

use bursar_core::id::{TemplateId, UserId};
use serde_json::{Map, Value, json};

use crate::requests::Template;

/// A template.
pub fn template(id: TemplateId, user: UserId, template: &Template) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), id.to_string().into());
    shown.insert("userId".to_owned(), user.to_string().into());
    shown.extend(template.to_map());
    shown
}

/// A list of templates, and where the next part begins.
pub fn templates(list: Vec<Map<String, Value>>, next: Option<TemplateId>) -> Value {
    let mut shown = json!({"accessTokenTemplates": Value::from(list)});
    if let Some(next) = next {
        shown["nextBatchPrevId"] = next.to_string().into();
    }
    shown
}
