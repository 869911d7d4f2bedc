//! The audit trail as pages and files: what happened, in words, as far as the visitor may see it.

pub(crate) mod export;
pub(crate) mod list;
pub(super) mod told;

use bursar_core::id::UserId;
use bursar_service::error::ServiceError;
use bursar_service::names::Named;
use bursar_service::trail::{Place, Sought};
use bursar_wire::requests::TrailQuery;

use super::fields::Fields;
use super::visit::Visit;

/// The fields of the filter, as the form and the interface call them.
const FILTER: [&str; 6] = ["action", "subject", "user", "token", "since", "until"];

/// Reads what is looked for. A form sends every field, also those that were left empty; a date means its first moment, and
/// somebody may be meant by their username.
async fn wanted(visit: &Visit, usual: usize, most: usize) -> Result<(Sought, Option<Place>, usize), ServiceError> {
    let mut said = Vec::new();
    for name in FILTER.into_iter().chain(["before"]) {
        if let Some(text) = visit.query.some(name) {
            said.push((
                name,
                match name {
                    "since" | "until" if text.len() == "2026-11-28".len() => format!("{text}T00:00:00Z"),
                    "user" => meant(visit, text).await?.to_string(),
                    _ => text.to_owned(),
                },
            ));
        }
    }
    let said: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish();
    let TrailQuery { action, subject, user, token, since, until, before, limit } =
        TrailQuery::read(&said.replace('+', "%20"), usual, most)?;
    let before = before.map(|(link, event)| Place { link, event });
    Ok((Sought { action, subject, user, token, since, until }, before, limit))
}

/// Whose id or username this is. Of names that the visitor does not know it says no more than of those that nobody has.
async fn meant(visit: &Visit, text: &str) -> Result<UserId, ServiceError> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let unknown = || ServiceError::invalid("user", "names nobody whom you know; give a username or an id");
    let id = match visit.bursar.user_named(text).await {
        Ok(user) => user.id,
        Err(ServiceError::NotFound(_)) => return Err(unknown()),
        Err(error) => return Err(error),
    };
    let person = visit.person.as_ref().ok_or_else(unknown)?;
    let known = visit.bursar.names(person, [Named::User(id)]).await?;
    if known.is_empty() { Err(unknown()) } else { Ok(id) }
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
