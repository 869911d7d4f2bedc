//! Access-token templates (WC §1.4).

use bursar_core::decimals::Decimals;
use bursar_core::id::{TemplateId, UserId};
use serde_json::{Map, Value, json};

use crate::requests::Template;
use crate::requests::in_units;

/// A template; its limits as a request to the same server may write them.
pub fn template(id: TemplateId, user: UserId, template: &Template, decimals: &Decimals) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), id.to_string().into());
    shown.insert("userId".to_owned(), user.to_string().into());
    let mut kept = template.to_map();
    in_units(&mut kept, decimals);
    shown.extend(kept);
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
