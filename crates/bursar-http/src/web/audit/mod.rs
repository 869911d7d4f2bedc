//! The audit trail as pages and files: what happened, in words, as far as the visitor may see it.

pub(crate) mod export;
pub(crate) mod list;
mod told;

use bursar_service::trail::{Place, Sought};
use bursar_wire::json::FieldError;
use bursar_wire::requests::TrailQuery;

use super::fields::Fields;

/// The fields of the filter, as the form and the interface call them.
const FILTER: [&str; 6] = ["action", "subject", "user", "token", "since", "until"];

/// Reads what is looked for. A form sends every field, also those that were left empty; a date means its first moment.
fn wanted(query: &Fields, usual: usize, most: usize) -> Result<(Sought, Option<Place>, usize), FieldError> {
    let mut said = form_urlencoded::Serializer::new(String::new());
    for name in FILTER.into_iter().chain(["before"]) {
        if let Some(text) = query.some(name) {
            let is_date = matches!(name, "since" | "until") && text.len() == "2026-11-28".len();
            let text = if is_date { format!("{text}T00:00:00Z") } else { text.to_owned() };
            said.append_pair(name, &text);
        }
    }
    let TrailQuery { action, subject, user, token, since, until, before, limit } =
        TrailQuery::read(&said.finish().replace('+', "%20"), usual, most)?;
    let before = before.map(|(link, event)| Place { link, event });
    Ok((Sought { action, subject, user, token, since, until }, before, limit))
}

/// The filter as a query, with more behind it.
fn query_of(query: &Fields, more: &[(&str, &str)]) -> String {
    let mut said = form_urlencoded::Serializer::new(String::new());
    for name in FILTER {
        if let Some(text) = query.some(name) {
            said.append_pair(name, text);
        }
    }
    for (name, text) in more {
        said.append_pair(name, text);
    }
    said.finish()
}
