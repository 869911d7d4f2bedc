//! A new wallet of an organisation: with a new key, on one of the rails that make them; or one that a rail's node has.

use bursar_core::id::OrganisationId;
use bursar_service::allowed_wallets::AllowedWallet;
use bursar_wire::requests::CreateWallet;
use maud::{Markup, html};

use super::{path, run};
use crate::web::Answering;
use crate::web::answer::Answer;
use crate::web::forms::{self, Field, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::limits::crumbs;
use crate::web::visit::Visit;

/// The form.
pub(crate) async fn form(visit: Visit) -> Answering {
    draw(&visit, &Problems::default()).await
}

/// Makes it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let organisation: OrganisationId = visit.id("organisation")?;
    // Names of rails have no slash.
    let chosen = visit.form.text("rail");
    let (rail, reference) =
        chosen.split_once('/').map_or((chosen, None), |(rail, reference)| (rail, Some(reference.to_owned())));
    let wanted = CreateWallet {
        organisation,
        rail: rail.to_owned(),
        label: visit.form.text("label").trim().to_owned(),
        reference,
        otp: visit.form.some(forms::OTP).map(str::to_owned),
    };
    let field = |field: &str| if field == "label" { "label" } else { "rail" };
    match visit.bursar.make_wallet(visit.person()?, &wanted).await {
        Ok(made) => Ok(Answer::to(crate::web::wallets::path(made.wallet.id))),
        Err(error) => draw(&visit, &Problems::of_failure(error, field)?).await,
    }
}

async fn draw(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let (organisation, _) = run(visit)?;
    let rails = visit.bursar.rails_with_wallets(visit.person()?, organisation.id)?;
    let allowed = visit.bursar.wallets_to_register(visit.person()?, organisation.id).await?;
    let path = path(organisation.id);
    let label = Field { name: "label", label: "Name", value: visit.form.text("label"), most: 250, ..Field::default() };
    let option = |value: &str, shown: &str| -> Markup {
        html! { option value=(value) selected[visit.form.text("rail") == value] { (shown) } }
    };
    let chosen = visit.form.text("rail");
    let is_offered = |one: &AllowedWallet| chosen.split_once('/') == Some((one.rail.as_str(), one.reference.as_str()));
    let is_gone = !chosen.is_empty() && !rails.iter().any(|rail| rail == chosen) && !allowed.iter().any(is_offered);
    let body = html! {
        (crumbs(&path, &organisation.name))
        h1 { "Make a wallet" }
        (problems.summary())
        @if rails.is_empty() && allowed.is_empty() {
            div class="empty" {
                h2 { "No rail makes wallets" }
                p {
                    "Whoever runs this server describes rails in its configuration, such as a node of Ethereum, and allows "
                    "your organisation wallets that a node has."
                }
            }
        } @else {
            form method="post" action={ (path) "/wallet" } class="card" {
                (frame.form_token())
                div class="field" {
                    label for="rail" { "Rail" }
                    p class="hint" id="rail-hint" {
                        "Where its money is. The server makes the key, keeps it sealed and never shows it; or the rail has the "
                        "wallet already, and whoever runs this server allowed your organisation to register it."
                    }
                    (forms::complaints_of("rail", problems))
                    select id="rail" name="rail" aria-describedby="rail-hint" {
                        // What was refused is not taken for another choice when the form is sent again.
                        @if is_gone { option value="" selected { "Choose another" } }
                        @if !rails.is_empty() {
                            optgroup label="With a new key" { @for rail in &rails { (option(rail, rail)) } }
                        }
                        @if !allowed.is_empty() {
                            optgroup label="Wallets that rails have" {
                                @for one in &allowed {
                                    @let shown = format!("{} on {} ({})", one.reference, one.rail, one.coin);
                                    (option(&format!("{}/{}", one.rail, one.reference), &shown))
                                }
                            }
                        }
                    }
                }
                (label.draw(problems))
                (forms::proof(visit, problems, false, "You will have every role in it.", "administer", &organisation.id.to_string()))
                div class="buttons" {
                    button class="main" type="submit" { "Make it" }
                    a class="button" href=(path) { "Cancel" }
                }
            }
        }
    };
    Ok(frame.form("Make a wallet", Section::People, &[], problems, body))
}
