//! Everybody in the organisations that the visitor runs, in one list.

use std::collections::BTreeMap;

use bursar_core::account::{MemberRole, Organisation, User};
use bursar_core::id::UserId;
use bursar_service::Page;
use maud::{Markup, html};

use super::{path, role_name};
use crate::web::Answering;
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;
use crate::web::words;

/// Organisations that are looked at, and members of each.
const ORGANISATIONS: usize = 50;
const MEMBERS: usize = 200;

/// Where somebody belongs, and as what.
type Place<'a> = (&'a Organisation, MemberRole);

/// The list. It has nobody whom the pages of these organisations do not have.
pub(crate) async fn show(visit: Visit) -> Answering {
    let person = visit.person()?;
    let all = visit.bursar.organisations(person).await?;
    let own: Vec<Organisation> = all.into_iter().filter(|(_, role)| role.administers()).map(|(own, _)| own).collect();
    let mut people: BTreeMap<UserId, (User, Vec<Place<'_>>)> = BTreeMap::new();
    let mut cut: Vec<&Organisation> = own.iter().skip(ORGANISATIONS).collect();
    for organisation in own.iter().take(ORGANISATIONS) {
        let page = Page { limit: MEMBERS, after: None::<UserId>, newest_first: false };
        let (members, next) = visit.bursar.members(person, organisation.id, page).await?;
        cut.extend(next.map(|_| organisation));
        for (role, user) in members {
            people.entry(user.id).or_insert_with(|| (user, Vec::new())).1.push((organisation, role));
        }
    }
    let body = html! {
        (crumbs("/organisations", "People"))
        h1 { "Users" }
        @if own.is_empty() {
            div class="empty" { h2 { "You run no organisation" } p { "Those who run one see its people here." } }
        } @else {
            p class="muted" { (words::counted(people.len() as u64, "account")) " in the organisations that you run." }
            @if !cut.is_empty() {
                div class="notice warn" {
                    p { "Some are left out here. All members are on the pages of:" }
                    ul { @for organisation in &cut { li { a href=(path(organisation.id)) { (organisation.name) } } } }
                }
            }
            div class="scrolls" tabindex="0" role="region" aria-label="Table of users" {
                table role="table" class="stacks" {
                    thead role="rowgroup" { tr role="row" { th role="columnheader" scope="col" { "Who" } th role="columnheader" scope="col" { "Belongs to" } th role="columnheader" scope="col" { "State" } } }
                    tbody role="rowgroup" { @for (user, places) in people.values() { (row(&visit, user, places)) } }
                }
            }
        }
    };
    Ok(Frame::of(&visit).page("Users", Section::People, body))
}

fn row(visit: &Visit, user: &User, places: &[Place<'_>]) -> Markup {
    let is_frozen = user.freeze.as_ref().is_some_and(|freeze| freeze.holds_at(visit.now()));
    html! {
        tr role="row" {
            th role="rowheader" scope="row" { strong { (user.full_name) } div class="small muted" { (user.username) } }
            td role="cell" data-label="Belongs to" {
                @for (organisation, role) in places {
                    div { a href={ (path(organisation.id)) "/members/" (user.id) } { (organisation.name) } " as " (role_name(*role)) }
                }
            }
            td role="cell" data-label="State" { @if is_frozen { span class="badge bad" { "frozen" } } @else { span class="badge good" { "active" } } }
        }
    }
}
