//! What needs a decision of those who run the place: spends of which nobody knows the outcome.

use bursar_core::amount::Amount;
use bursar_core::hold::{Hold, HoldState};
use bursar_core::id::HoldId;
use bursar_service::Page;
use bursar_service::resolve::Finding;
use maud::{Markup, html};

use super::Answering;
use super::answer::Answer;
use super::forms::{self, Field, Problems};
use super::layout::{Frame, Section};
use super::limits::crumbs;
use super::visit::Visit;
use super::{spends, words};

/// Spends on one page.
const SHOWN: usize = 100;

/// The list, and how the server stands.
pub(crate) async fn show(visit: Visit) -> Answering {
    let frame = Frame::of(&visit);
    let page = Page { limit: SHOWN, after: None::<HoldId>, newest_first: false };
    let (spends, next) = visit.bursar.unresolved(visit.person()?, page).await?;
    let body = html! {
        h1 { "Unresolved spends" }
        @if visit.query.text("changed") == "resolved" { p class="notice" role="status" { "What became of the spend is recorded." } }
        p class="muted" { "Nobody knows whether this money moved. It stays held, and counts, until the rail says so or you do." }
        @if spends.is_empty() {
            div class="empty" { h2 { "Nothing to decide" } p { "Every spend that you may decide on has an outcome." } }
        } @else {
            div class="scrolls" tabindex="0" role="region" aria-label="Unresolved spends" {
                table role="table" class="stacks" {
                    thead role="rowgroup" { tr role="row" { th role="columnheader" scope="col" { "Asked" } th role="columnheader" scope="col" { "Amount" } th role="columnheader" scope="col" { "To" } th role="columnheader" scope="col" { span class="unseen" { "Decide" } } } }
                    tbody role="rowgroup" { @for hold in &spends {
                        tr role="row" {
                            td role="cell" data-label="Asked" { a href=(spends::path(hold.id)) { (words::instant(hold.created)) } }
                            td role="cell" class="number" data-label="Amount" { (spends::amount(&hold.cost, visit.decimals())) }
                            td role="cell" data-label="To" { (recipients(hold)) }
                            td role="cell" { a href={ "/spends/" (hold.id) "/resolve" } { "Decide" span class="unseen" { " on " (hold.id) } } }
                        }
                    } }
                }
            }
            @if next.is_some() { p class="muted" { "There are more; decide on these first." } }
        }
    };
    Ok(frame.page("Unresolved spends", Section::Unresolved, body))
}

fn recipients(hold: &Hold) -> Markup {
    html! { @for to in &hold.payees { div { code class="address" { (to.address) } } } }
}

/// The form.
pub(crate) async fn form(visit: Visit) -> Answering {
    draw(&visit, &Problems::default()).await
}

/// Records what became of it.
pub(crate) async fn submit(visit: Visit) -> Answering {
    let id: HoldId = visit.id("spend")?;
    let mut problems = Problems::default();
    let amount = |name: &str, problems: &mut Problems| match visit.form.some(name).map(Amount::parse) {
        None => None,
        Some(Ok(amount)) => Some(amount),
        Some(Err(error)) => {
            problems.add(name, error.to_string());
            None
        }
    };
    let finding = match visit.form.text("moved") {
        "yes" => {
            let (amount, fee) = (amount("amount", &mut problems), amount("fee", &mut problems));
            let reference = visit.form.some("reference").map(str::to_owned);
            if reference.is_none() {
                problems.add("reference", "say what the rail calls it, such as its transaction id");
            }
            let more_than_held = visit.form.is_ticked("more");
            reference.map(|reference| Finding::Moved { amount, fee, reference, more_than_held })
        }
        "no" => Some(Finding::NotMoved),
        _ => {
            problems.add("moved", "say whether the money moved");
            None
        }
    };
    let evidence = visit.form.some("evidence").map(str::to_owned);
    if evidence.is_none() {
        problems.add("evidence", "say what you saw, and where");
    }
    let (Some(finding), Some(evidence), true) = (finding, evidence, problems.is_empty()) else {
        return draw(&visit, &problems).await;
    };
    match visit.bursar.resolve_spend(visit.person()?, id, finding, evidence, visit.form.some(forms::OTP)).await {
        Ok(_) => Ok(Answer::to("/unresolved?changed=resolved")),
        Err(error) => draw(&visit, &Problems::of_failure(error, field_of)?).await,
    }
}

/// Which field of the form a use case means.
fn field_of(field: &str) -> &'static str {
    match field {
        "evidence" => "evidence",
        "reference" => "reference",
        "fee" => "fee",
        _ => "amount",
    }
}

async fn draw(visit: &Visit, problems: &Problems) -> Answering {
    let frame = Frame::of(visit);
    let hold = visit.bursar.spend_by_id(visit.person()?, visit.id("spend")?).await?;
    let coin = &hold.cost.coin;
    let field = |name, label, hint, is_optional| {
        Field { name, label, hint, value: visit.form.text(name), is_optional, most: 250, ..Field::default() }
            .draw(problems)
    };
    let moved = visit.form.text("moved");
    let body = html! {
        (crumbs("/unresolved", "Unresolved spends"))
        h1 { "What became of this spend?" }
        dl class="card" {
            dt { "Held" } dd { (words::amount(hold.cost.without_fee(), coin, visit.decimals())) " for recipients, and at most " (words::amount(hold.cost.fee, &hold.cost.fee_coin, visit.decimals())) " of fees" }
            dt { "To" } dd { (recipients(&hold)) }
            dt { "Asked" } dd { (words::instant(hold.created)) }
            @if let HoldState::Unresolved { reason, .. } = &hold.state && !reason.is_empty() { dt { "Why it is not known" } dd { (words::marked(reason)) } }
            dt { "Spend" } dd { a href=(spends::path(hold.id)) { code { (hold.id) } } }
        }
        (problems.summary())
        form method="post" action={ "/spends/" (hold.id) "/resolve" } class="card" {
            (frame.form_token())
            fieldset id="moved" {
                legend { "Did the money move?" }
                (forms::complaints_of("moved", problems))
                (forms::choice("moved", "yes", "It moved", moved == "yes"))
                (forms::choice("moved", "no", "It did not move and will not", moved == "no"))
            }
            (field("reference", "What the rail calls it", "Its transaction id, if it moved", true))
            div class="pair" {
                (field("amount", "What recipients got", "Base units, without the fee; what is held for them, if left out", true))
                (field("fee", "The fee that was paid", "Base units, beside the amount; what is held for it, if left out", true))
            }
            (forms::tick("more", "yes", "It was more than was held", "This stops the token until somebody looks at it.", visit.form.is_ticked("more")))
            (field("evidence", "What you saw", "Kept in the audit trail", false))
            (forms::proof(visit, problems, false, "This settles the spend for good.", "settle", &hold.id.to_string()))
            div class="buttons" {
                button class="main" type="submit" { "Record it" }
                a class="button" href="/unresolved" { "Cancel" }
            }
        }
    };
    Ok(frame.form("What became of this spend?", Section::Unresolved, &[], problems, body))
}
