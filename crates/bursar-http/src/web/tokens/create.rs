//! Making a token: a form, a page that says in plain words what it comes to, and the making itself.

use bursar_core::scope::Scopes;
use bursar_core::token::Narrowing;
use bursar_service::Page;
use bursar_service::error::ServiceError;
use bursar_service::issue::NewToken;
use bursar_service::limits::Rules;
use bursar_service::login::Handed;
use bursar_service::wallets::WalletView;

use super::asked::{Around, Asked};
use super::draft::Draft;
use super::{fill, path, presets, review};
use crate::failure::Failure;
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::destinations;
use crate::web::forms::{self, Problems};
use crate::web::handover::Made;
use crate::web::visit::Visit;

/// Wallets that can be chosen from.
const WALLETS: usize = 100;
/// How many characters name a form: 16 bytes in hex.
const KEY_LENGTH: usize = 32;

/// The empty form, or as a preset or a link fills it in.
pub(crate) async fn form(visit: Visit) -> Answering {
    presets::check(&visit.query)?;
    let wallets = wallets(&visit).await?;
    let draft = presets::draft(&visit.query, &wallets);
    Ok(fill::draw(&visit, &draft, &wallets, &Problems::default()))
}

/// Says in plain words what the form comes to; or shows it again.
pub(crate) async fn review(visit: Visit) -> Answering {
    let wallets = wallets(&visit).await?;
    let draft = Draft::of_form(&visit.form);
    if visit.form.is_ticked("back") {
        return Ok(fill::draw(&visit, &draft, &wallets, &Problems::default()));
    }
    match asked(&visit, &draft) {
        Ok(asked) => Ok(review::draw(&visit, &draft, &asked, &wallets, &Problems::default())),
        Err(problems) => Ok(fill::draw(&visit, &draft, &wallets, &problems)),
    }
}

/// Makes the token, and leads to the page that shows its secret.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let person = visit.person()?;
    let (session, key) = (person.token().id, key(&visit));
    // Whoever presses twice waits here, and is led to what the first press made.
    let _desk = visit.handover.desk(&key).await;
    if let Some(token) = visit.handover.made_by(session, &key) {
        return Ok(Answer::to(format!("{}/secret", path(token))));
    }
    let wallets = wallets(&visit).await?;
    let draft = Draft::of_form(&visit.form);
    let asked = match asked(&visit, &draft) {
        Ok(asked) => asked,
        Err(problems) => return Ok(fill::draw(&visit, &draft, &wallets, &problems)),
    };
    let mut problems = Problems::default();
    for risk in asked.risks() {
        if !visit.form.all("accept").any(|name| name == risk.name()) {
            problems.add(&format!("accept-{}", risk.name()), "tick this if it is meant, or go back and change it");
        }
    }
    if !problems.is_empty() {
        return Ok(review::draw(&visit, &draft, &asked, &wallets, &problems));
    }
    match visit.bursar.issue(person, new_token(&visit, &asked, key.clone())).await {
        Ok(issued) => {
            let id = issued.state.token.id;
            // A page of Bursar's own signs nothing, so the text comes in clear.
            let Handed::Plain(text) = issued.handed else { return Err(Failure::NoToken) };
            let made = Made { token: id, text: Some(text), old_ends: None, warnings: issued.warnings };
            visit.handover.put(session, &key, made, visit.now());
            Ok(Answer::to(format!("{}/secret", path(id))))
        }
        Err(ServiceError::AlreadyCreated { id }) => Ok(Answer::to(format!("/tokens/{id}/secret"))),
        Err(error) => {
            // What the form itself got wrong is mended there, the rest on this page.
            let field = match &error {
                ServiceError::Invalid(error) => field_of(&error.field),
                _ => "",
            };
            let problems = Problems::of_failure(error, |_| field)?;
            match field {
                "" => Ok(review::draw(&visit, &draft, &asked, &wallets, &problems)),
                _ => Ok(fill::draw(&visit, &draft, &wallets, &problems)),
            }
        }
    }
}

/// The name of this form, which makes one thing however often it is sent.
pub(super) fn key(visit: &Visit) -> String {
    let said = visit.form.text("key");
    let is_sound = said.len() == KEY_LENGTH && said.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_sound { said.to_owned() } else { base16ct::lower::encode_string(&visit.bursar.random_bytes::<16>()) }
}

fn new_token(visit: &Visit, asked: &Asked, key: String) -> NewToken {
    NewToken {
        label: asked.label.clone(),
        scopes: Scopes::new(asked.scopes.iter()),
        organisation: None,
        narrowing: Narrowing::None,
        ips: asked.ips.clone(),
        duration: Some(asked.duration),
        rules: Rules { limits: asked.limits.clone(), destinations: asked.destinations.clone() },
        template: None,
        otp: visit.form.some(forms::OTP).map(str::to_owned),
        key: Some(key),
    }
}

/// Which field of the form a use case means.
fn field_of(field: &str) -> &'static str {
    match field {
        "scope" => "may",
        "duration" => "lifetime",
        "ipRestrict" => "ips",
        "label" => "label",
        "limits" => "limits",
        _ if field.starts_with("destinations.each") => destinations::EACH,
        _ if field.starts_with("destinations") => destinations::ADD,
        _ => "",
    }
}

/// What a draft asks for, as far as this server makes such tokens: the review must not offer what the making refuses.
fn asked(visit: &Visit, draft: &Draft) -> Result<Asked, Problems> {
    let asked = Asked::of(draft, around(visit), visit.bursar.decimals())?;
    if visit.bursar.needs_ip(&asked.scopes) && asked.ips.rules().is_empty() {
        let mut problems = Problems::default();
        problems.add("ips", "name the addresses that it will be used from: this server makes no such token without");
        return Err(problems);
    }
    Ok(asked)
}

fn around(visit: &Visit) -> Around {
    Around { now: visit.now(), address: visit.address, longest: visit.bursar.policy().longest_duration }
}

async fn wallets(visit: &Visit) -> Result<Vec<WalletView>, Failure> {
    let page = Page { limit: WALLETS, after: None, newest_first: false };
    Ok(visit.bursar.wallets(visit.person()?, None, page).await?.0)
}
