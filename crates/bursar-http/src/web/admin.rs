//! What needs a decision of those who run the place: spends of which nobody knows the outcome.

use bursar_core::amount::Amount;
use bursar_core::coin::Coin;
use bursar_core::decimals::Decimals;
use bursar_core::hold::{Hold, HoldState};
use bursar_core::id::HoldId;
use bursar_core::limit::text::amount;
use bursar_service::Page;
use bursar_service::names::{Named, Names};
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
    let person = visit.person()?;
    let (spends, next) = visit.bursar.unresolved(person, page).await?;
    let of = |hold: &Hold| [Some(Named::Token(hold.token)), hold.wallet.map(Named::Wallet)];
    let names = visit.bursar.names(person, spends.iter().flat_map(of).flatten()).await?;
    let body = html! {
        h1 { "Unresolved spends" }
        @if visit.query.text("changed") == "resolved" { p class="notice" role="status" { "What became of the spend is recorded." } }
        p class="muted" { "Nobody knows whether this money moved. It stays held, and counts, until the rail says so or you do." }
        @if spends.is_empty() {
            div class="empty" { h2 { "Nothing to decide" } p { "Every spend that you may decide on has an outcome." } }
        } @else {
            div class="scrolls" tabindex="0" role="region" aria-label="Unresolved spends" {
                table role="table" class="stacks" {
                    thead role="rowgroup" { tr role="row" { th role="columnheader" scope="col" { "Asked" } th role="columnheader" scope="col" { "Amount" } th role="columnheader" scope="col" { "To" } th role="columnheader" scope="col" { "From" } th role="columnheader" scope="col" { "Why" } th role="columnheader" scope="col" { span class="unseen" { "Decide" } } } }
                    tbody role="rowgroup" { @for hold in &spends {
                        tr role="row" {
                            td role="cell" data-label="Asked" { a href=(spends::path(hold.id)) { (words::instant(hold.created)) } }
                            td role="cell" class="number" data-label="Amount" { (spends::amount(&hold.cost, visit.decimals())) }
                            td role="cell" data-label="To" { (recipients(hold)) }
                            td role="cell" data-label="From" { (from(hold, &names)) }
                            td role="cell" data-label="Why" { @if let HoldState::Unresolved { reason, .. } = &hold.state { span class="told small" { (words::marked(reason)) } } }
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

/// The wallet and the token of a spend, as far as the visitor knows them.
fn from(hold: &Hold, names: &Names) -> Markup {
    let name = |one: Named| names.get(&one).map(String::as_str);
    html! {
        @match hold.wallet {
            Some(wallet) => a href={ "/wallets/" (wallet) } { (name(Named::Wallet(wallet)).unwrap_or("a wallet")) },
            None => "no wallet",
        }
        @if let Some(token) = name(Named::Token(hold.token)) { div class="small muted" { "by " (token) } }
    }
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
    let hold = visit.bursar.spend_by_id(visit.person()?, id).await?;
    let read = |name: &str, coin| visit.form.some(name).map(|text| amount_in(text, coin, visit.decimals()));
    let amount = |name: &str, coin, problems: &mut Problems| match read(name, coin) {
        None => None,
        Some(Ok(amount)) => Some(amount),
        Some(Err(problem)) => {
            problems.add(name, problem);
            None
        }
    };
    let finding = match visit.form.text("moved") {
        "yes" => {
            let (amount, fee) =
                (amount("amount", &hold.cost.coin, &mut problems), amount("fee", &hold.cost.fee_coin, &mut problems));
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

/// An amount in units of its coin with the ticker, or in base units, as the command line takes it.
fn amount_in(text: &str, coin: &Coin, decimals: &Decimals) -> Result<Amount, String> {
    let places = decimals.of(coin);
    let example = match places {
        Some(_) => format!("write such as `0.1 {coin}`, or base units as a whole number"),
        None => "write base units as a whole number".to_owned(),
    };
    let Some((number, unit)) = text.split_once(' ') else {
        return Amount::parse(text).map_err(|_| format!("is no whole number; {example}"));
    };
    let places = places.filter(|_| unit == coin.as_str());
    places.and_then(|places| amount(number, places)).ok_or_else(|| format!("is no amount of {coin}; {example}"))
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
    let field = |name, label, hint: &str, is_optional| {
        Field { name, label, hint, value: visit.form.text(name), is_optional, most: 250, ..Field::default() }
            .draw(problems)
    };
    let moved = visit.form.text("moved");
    let in_units = |coin: &Coin, what: &str| match visit.decimals().of(coin) {
        Some(_) => format!("Such as “0.1 {coin}” (a number alone is base units), {what}"),
        None => format!("Base units, {what}"),
    };
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
            (Field {
                name: "reference",
                label: "What the rail calls it",
                hint: "Such as its transaction id; needed if it moved",
                value: visit.form.text("reference"),
                is_conditional: true,
                most: 250,
                ..Field::default()
            }.draw(problems))
            div class="pair" {
                (field("amount", "What recipients got", &in_units(coin, "without the fee; what is held for them, if left out"), true))
                (field("fee", "The fee that was paid", &in_units(&hold.cost.fee_coin, "beside the amount; what is held for it, if left out"), true))
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
