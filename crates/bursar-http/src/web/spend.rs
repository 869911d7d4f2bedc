//! The page of one spend: what was asked, what became of it, and what was written down about it.

use bursar_core::amount::Amount;
use bursar_core::decimals::Decimals;
use bursar_core::hold::{Cost, Hold, HoldState, SpendKey};
use bursar_core::time::Span;
use bursar_service::error::ServiceError;
use bursar_service::names::{Named, Names, SESSION};
use bursar_service::rail::LookedUp;
use bursar_service::trail::{Found, Sought};
use maud::{Markup, html};

use super::Answering;
use super::answer::Answer;
use super::audit::list::archived;
use super::audit::told::{Told, deed};
use super::layout::{Frame, Section};
use super::limits::crumbs;
use super::visit::Visit;
use super::{spends, words};
use crate::failure::Failure;
use crate::native::holding::showed;

/// Events of its history that are shown.
const EVENTS: usize = 50;
/// Longer lists of recipients are folded.
const FEW: usize = 10;
/// Facts that stand on the page already.
const TOLD: [&str; 6] = ["token", "wallet", "coin", "user", "overridden", "names"];

/// The page.
pub(crate) async fn show(visit: Visit) -> Answering {
    let person = visit.person()?;
    let hold = visit.bursar.spend_by_id(person, visit.id("spend")?).await?;
    let (wallet, holder) = (hold.wallet.map(Named::Wallet), hold.holder.map(Named::Token));
    let named = [Named::Token(hold.token), Named::User(hold.user), Named::Organisation(hold.organisation)];
    let names = visit.bursar.names(person, named.into_iter().chain(wallet).chain(holder)).await?;
    let may_decide = match visit.bursar.may_resolve(person, &hold) {
        Ok(()) => true,
        Err(ServiceError::NotFound(_)) => false,
        Err(error) => return Err(error.into()),
    };
    let history = history(&visit, &hold).await?;
    let sent = visit.bursar.sent_as(&hold).await?;
    let looked_up = visit.bursar.looked_up(&hold)?;
    let (class, state) = spends::state(&hold.state);
    let cost = hold.captured().unwrap_or_else(|| hold.cost.clone());
    // What is a fee and nothing else has its name, too.
    let amount = if cost.without_fee() > Amount::ZERO { cost.without_fee() } else { cost.amount };
    let title = format!("Spend of {}", words::amount(amount, &cost.coin, visit.decimals()));
    let frame = Frame::of(&visit);
    // Whoever may say what became of it may ask, and needs no code: it is settled by what the rail shows, and not by them.
    let ask = if may_decide && hold.state.is_held() {
        asking(&frame, &hold)
    } else {
        html! {}
    };
    let body = html! {
        (above(&visit, &hold, &names))
        div class="title" {
            h1 { (title) }
            span class={ "badge " (class) } { (state) }
            @if hold.overridden { (spends::lifted()) }
        }
        @if let Some(said) = told(visit.query.text("showed")) { p class="notice" role="status" { (said) } }
        (what_to_do(&hold, may_decide, sent.as_deref(), &last(looked_up.as_ref()), &ask))
        div class="columns" {
            div { (became(&hold, sent.as_deref(), &ask, visit.decimals())) (asked(&hold, visit.decimals())) (history) }
            aside aria-label="About this spend" { (facts(&visit, &hold, &names)) }
        }
    };
    Ok(frame.page(&title, Section::None, body))
}

/// Has the rail asked what became of it.
pub(crate) async fn ask(visit: Visit) -> Answering {
    let reconciled = visit.bursar.reconcile_spend(visit.person()?, visit.id("spend")?).await?;
    let (showed, ..) = showed(&reconciled.shown, &reconciled.hold);
    Ok(Answer::to(format!("{}?showed={showed}", spends::path(reconciled.hold.id))))
}

fn asking(frame: &Frame, hold: &Hold) -> Markup {
    html! {
        form method="post" action={ (spends::path(hold.id)) "/reconcile" } {
            (frame.form_token())
            button type="submit" { "Ask the rail" }
        }
    }
}

/// What the rail showed when it was asked, in words.
fn told(showed: &str) -> Option<&'static str> {
    Some(match showed {
        "moved" => "The rail was asked: the money moved.",
        "not_moved" => "The rail was asked: the money did not move, and will not.",
        "reverted" => "The rail was asked: the recipients got nothing, and the fee was paid.",
        "under_way" => "The rail was asked: it is on its way, and not final yet. It counts until it is.",
        "awaiting_approval" => "The rail was asked: somebody has to approve it there first. It counts until then.",
        "more_than_held" => {
            "The rail was asked: it tells of more than was held. The token spends nothing until that is resolved."
        }
        "unknown" => "The rail was asked, and could not say what became of it. It stays held.",
        "not_asked" => "The rail was not asked: the spend is settled, or whoever carries it out still has time to say.",
        _ => return None,
    })
}

/// The way back: to one's own token, else to the wallet.
fn above(visit: &Visit, hold: &Hold, names: &Names) -> Markup {
    let is_own = visit.person.as_ref().is_some_and(|person| person.owner.id == hold.user);
    let name = |one: Named| names.get(&one).map(String::as_str);
    match (is_own, name(Named::Token(hold.token)), hold.wallet) {
        // A session has no page.
        (true, Some(token), _) if token != SESSION => crumbs(&format!("/tokens/{}", hold.token), token),
        (_, _, Some(wallet)) => {
            crumbs(&format!("/wallets/{wallet}"), name(Named::Wallet(wallet)).unwrap_or("The wallet"))
        }
        _ => crumbs("/tokens", "Tokens"),
    }
}

/// What an outcome that nobody knows asks for.
fn what_to_do(hold: &Hold, may_decide: bool, sent: Option<&str>, last: &Markup, ask: &Markup) -> Markup {
    let HoldState::Unresolved { since, reason } = &hold.state else { return html! {} };
    html! {
        div class="notice warn" {
            p { "Nobody knows whether this money moved, since " (words::instant(*since)) ". It stays held, and counts, until that is known." }
            @if !reason.is_empty() { p { "The reason: " (words::marked(reason)) } }
            @if let Some(reference) = sent { p { "It was sent as " code { (reference) } "." } }
            (last)
            @if may_decide {
                div class="buttons" {
                    (ask)
                    a class="button" href={ (spends::path(hold.id)) "/resolve" } { "Say what became of it" }
                }
            } @else { p { "Whoever administers the wallet or the organisation can say what became of it." } }
        }
    }
}

/// What was said when its rail was asked last.
fn last(looked_up: Option<&LookedUp>) -> Markup {
    html! {
        @if let Some(LookedUp { at, said, back_from }) = looked_up {
            p { "Asked last " (words::instant(*at)) ": " (words::marked(said)) "." }
            @if let Some(from) = back_from { p { "If it says so again, the money is given back from " (words::instant(*from)) " on." } }
        }
    }
}

fn became(hold: &Hold, sent: Option<&str>, ask: &Markup, decimals: &Decimals) -> Markup {
    if matches!(hold.state, HoldState::Unresolved { .. }) {
        return html! {};
    }
    html! {
        section class="card" aria-labelledby="became" {
            h2 id="became" { "What became of it" }
            @match &hold.state {
                HoldState::Open => {
                    p {
                        "The money is held, and it is on its way. "
                        @if hold.captures_itself { "It counts as sent from " } @else { "An answer is overdue from " }
                        (words::instant(hold.deadline)) " on."
                    }
                    @if let Some(reference) = sent {
                        dl class="facts" { dt { "The rail calls it" } dd { code { (reference) } } }
                    }
                    div class="buttons" { (ask) }
                },
                HoldState::Unresolved { .. } => {},
                HoldState::Released { at, reason } => {
                    p { "The money did not move: " (words::marked(&words::sentence(reason))) }
                    dl class="facts" { dt { "Given back" } dd { (words::instant(*at)) } }
                },
                HoldState::Captured { at, amount, fee, reference } => {
                    p { "The money moved." }
                    dl class="facts" {
                        (cost("Left", &hold.cost.really(*amount, *fee), decimals))
                        @if !reference.is_empty() { dt { "The rail calls it" } dd { code { (reference) } } }
                        dt { "Recorded" } dd { (words::instant(*at)) }
                    }
                },
            }
        }
    }
}

/// An amount and its fee; what is in both is told of once.
fn cost(title: &str, cost: &Cost, decimals: &Decimals) -> Markup {
    let is_same = cost.coin == cost.fee_coin;
    html! {
        dt { (title) }
        dd {
            (words::amount(cost.amount, &cost.coin, decimals))
            @if is_same && cost.fee > Amount::ZERO { ", of which " (words::amount(cost.fee, &cost.fee_coin, decimals)) " for the fee" }
        }
        @if !is_same && cost.fee > Amount::ZERO { dt { "Fee" } dd { (words::amount(cost.fee, &cost.fee_coin, decimals)) } }
    }
}

fn asked(hold: &Hold, decimals: &Decimals) -> Markup {
    html! {
        section class="card" aria-labelledby="asked" {
            h2 id="asked" { "What was asked" }
            @if hold.payees.len() > FEW {
                details { summary { (words::counted(hold.payees.len() as u64, "recipient")) } (recipients(hold, decimals)) }
            } @else { (recipients(hold, decimals)) }
            dl class="facts" {
                (cost("Held, at most", &hold.cost, decimals))
                dt { "Asked" } dd { (words::instant(hold.created)) }
                @if let Some(comment) = &hold.comment { dt { "Comment" } dd { (comment) } }
            }
        }
    }
}

fn recipients(hold: &Hold, decimals: &Decimals) -> Markup {
    html! {
        div class="scrolls" tabindex="0" role="region" aria-label="Recipients" {
            table role="table" class="stacks" {
                thead role="rowgroup" { tr role="row" { th role="columnheader" scope="col" { "To" } th role="columnheader" scope="col" class="number" { "Amount" } } }
                tbody role="rowgroup" {
                    @for to in &hold.payees {
                        tr role="row" {
                            td role="cell" data-label="To" { code class="address" { (to.address) } }
                            td role="cell" class="number" data-label="Amount" { (words::amount(to.amount, &hold.cost.coin, decimals)) }
                        }
                    }
                }
            }
        }
    }
}

/// What the trail has of it, as far as the visitor may see that.
async fn history(visit: &Visit, hold: &Hold) -> Result<Markup, Failure> {
    let sought = Sought {
        subject: Some(format!("spend:{}", hold.id)),
        // The clock of another thread may have been a little behind.
        since: Some(hold.created.minus(Span::from_seconds(60))),
        ..Sought::default()
    };
    let found = visit.bursar.trail(visit.person()?, sought, None, EVENTS).await?;
    let told = Told::of(visit, &found).await?;
    Ok(events(&found, &told))
}

fn events(found: &Found, told: &Told) -> Markup {
    html! {
        @if !found.events.is_empty() || found.archived.is_some() {
            section class="card" aria-labelledby="history" {
                h2 id="history" { "What was written down" }
                ul class="refusals" {
                    @for (_, event) in &found.events {
                        li {
                            p class="small muted" { (words::instant(event.time)) }
                            p { (told.actor(&event.actor)) " " strong { (deed(&event.action).unwrap_or(&event.action)) } }
                            @for (name, value) in event.data.iter().filter(|(name, value)| !value.is_empty() && !TOLD.contains(&name.as_str())) {
                                div class="small" { span class="muted" { (name) ": " } (told.fact(event, name, value)) }
                            }
                        }
                    }
                }
                @if let Some(last) = found.archived { (archived(last)) }
            }
        }
    }
}

fn facts(visit: &Visit, hold: &Hold, names: &Names) -> Markup {
    let is_own = visit.person.as_ref().is_some_and(|person| person.owner.id == hold.user);
    let name = |one: Named| names.get(&one).map(String::as_str);
    html! {
        section class="card" aria-labelledby="facts" {
            h2 id="facts" { "About it" }
            dl class="facts" {
                dt { "By" }
                dd {
                    (name(Named::User(hold.user)).unwrap_or("somebody else"))
                    @match name(Named::Token(hold.token)) {
                        Some(token) if is_own && token != SESSION => { ", with " a href={ "/tokens/" (hold.token) } { (token) } },
                        Some(token) => { ", with " (token) },
                        None => {},
                    }
                }
                dt { "From" }
                dd {
                    @match hold.wallet {
                        None => "outside of wallets",
                        Some(id) => {
                            @match name(Named::Wallet(id)) {
                                Some(wallet) => a href={ "/wallets/" (id) } { (wallet) },
                                None => { "wallet " code { (id) } },
                            }
                        },
                    }
                }
                @if let Some(organisation) = name(Named::Organisation(hold.organisation)) { dt { "Whose money" } dd { (organisation) } }
                @if let Some(holder) = hold.holder {
                    dt { "Held for it by" }
                    dd { "the service " @match name(Named::Token(holder)) { Some(label) => (label), None => code { (holder) } } }
                }
                @if let Some((key, name)) = hold.key.as_ref().and_then(|key| Some((key, key.of_client()?))) {
                    dt { @if let SpendKey::Client(..) = key { "Idempotency key" } @else { "Sequence id" } }
                    dd { code { (name) } }
                }
                dt { "Id" } dd { code { (hold.id) } }
            }
        }
    }
}
