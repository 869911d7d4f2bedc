//! What a new token comes to, in plain words, before it is made.

use std::collections::BTreeSet;

use bursar_core::decimals::Decimals;
use bursar_core::id::WalletId;
use bursar_core::limit::warnings::warnings_of_token;
use bursar_core::limit::{Limit, LimitSet};
use bursar_core::scope::{ScopeName, Scopes};
use bursar_service::wallets::WalletView;
use bursar_wire::requests::{DestinationRules, DestinationText};
use maud::{Markup, html};

use super::asked::{Asked, Risk};
use super::draft::Draft;
use super::draw::{self, Names, limit_sentences, listed};
use super::fits;
use crate::web::answer::Answer;
use crate::web::forms::{self, Problems};
use crate::web::layout::{Frame, Section};
use crate::web::visit::Visit;
use crate::web::words;

/// The page.
pub(super) fn draw(visit: &Visit, draft: &Draft, asked: &Asked, wallets: &[WalletView], problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    let known = draw::names(wallets);
    let body = html! {
        h1 { "Is this what you want?" }
        (problems.summary())
        section class="card said" aria-labelledby="said" {
            h2 id="said" { (asked.label) }
            (said(asked, &known, wallets, visit.decimals()))
        }
        form method="post" action="/tokens" class="card" {
            (frame.form_token())
            input type="hidden" name="key" value=(super::create::key(visit));
            (draft.carried())
            (risks(visit, asked, problems))
            (forms::proof(visit, problems, false, "Making a token needs a code of this moment.", "issue", ""))
            div class="buttons" {
                button class="main" type="submit" { "Make the token" }
                // Going back must work without a code.
                button type="submit" formaction="/tokens/new" formnovalidate name="back" value="yes" { "Change something" }
            }
        }
    };
    frame.form("Review the new token", Section::Tokens, &[], problems, body)
}

fn said(asked: &Asked, known: &Names, wallets: &[WalletView], decimals: &Decimals) -> Markup {
    let sentences = draw::sentences(&without_spends(&asked.scopes), known);
    let misfits = fits::misfits(&asked.scopes, &asked.limits, wallets);
    let odd =
        warnings_of_token(&LimitSet::of(asked.limits.clone())).into_iter().map(|warning| warning.sentence(decimals));
    let odd: Vec<String> = misfits.into_iter().chain(odd).collect();
    html! {
        ul class="sentences" {
            @if let Some(from) = spends_from(&asked.scopes, known) { (spending(asked, &from, decimals)) }
            @for sentence in sentences { li { (words::marked(&sentence)) } }
            @if let Some(rules) = &asked.destinations { @for sentence in destinations(rules, decimals) { li { (sentence) } } }
            li { (places(asked)) }
            li { "Works until " strong { (words::moment(asked.expires)) } ", for " (words::span(asked.duration)) "." }
            li { "Never makes or changes tokens, limits, people or wallets’ members: only you do." }
        }
        @if !odd.is_empty() {
            div class="notice warn" {
                h3 { "Probably not meant" }
                ul { @for warning in &odd { li { (words::marked(&words::sentence(warning))) } } }
            }
        }
    }
}

/// How much it may send, which is what matters most.
fn spending(asked: &Asked, from: &str, decimals: &Decimals) -> Markup {
    let is_limited = asked.limits.iter().any(Limit::is_of_amounts);
    html! {
        @match asked.limits.as_slice() {
            [one] if is_limited => li class="main" { "May send " strong { (words::limit(one, decimals)) } ", from " (from) "." },
            [] => li class="main" {
                "May send money from " (from) ", but " strong { "nothing by itself" }
                ": without a limit each spend needs an unlock with a code."
            },
            limits => li class="main" {
                "May send money from " (from) ", as far as " strong { "all of these" } " allow:"
                ul { @for sentence in limit_sentences(limits, decimals) { li { (sentence) } } }
            },
        }
    }
}

/// From which wallets it may send; none if it may not.
fn spends_from(scopes: &Scopes, known: &Names) -> Option<String> {
    let has = |name| scopes.iter().any(|scope| scope.name() == name);
    if has(ScopeName::All) || has(ScopeName::WalletSpendAll) {
        return Some("all your wallets".to_owned());
    }
    let named: BTreeSet<WalletId> =
        scopes.iter().filter(|scope| scope.name() == ScopeName::WalletSpend).filter_map(draw::wallet_of).collect();
    let mut places: Vec<String> = named.into_iter().map(|id| draw::wallet(known, id)).collect();
    if has(ScopeName::WalletSpendEnterprise) {
        places.push("the wallets of its organisation".to_owned());
    }
    (!places.is_empty()).then(|| listed(&places))
}

fn without_spends(scopes: &Scopes) -> Scopes {
    use ScopeName as S;
    let is_spend = |name| matches!(name, S::WalletSpend | S::WalletSpendAll | S::WalletSpendEnterprise);
    Scopes::new(scopes.iter().filter(|scope| !is_spend(scope.name())))
}

/// Where its money may go, if not anywhere.
fn destinations(rules: &DestinationRules, decimals: &Decimals) -> Vec<String> {
    let list = rules.allow.iter().map(|list| {
        let one = |to: &DestinationText| format!("{} ({})", to.address, to.coin);
        format!("Pays nobody but {}.", listed(&list.iter().map(one).collect::<Vec<_>>()))
    });
    let most =
        rules.at_most.map(|most| format!("Pays at most {}.", words::counted(most.into(), "different destination")));
    let each = rules.each.iter().map(|limit| format!("Each destination gets {}.", words::limit(limit, decimals)));
    list.chain(most).chain(each).collect()
}

fn places(asked: &Asked) -> Markup {
    let rules: Vec<String> = asked.ips.rules().iter().map(ToString::to_string).collect();
    html! {
        @if rules.is_empty() { "May be used from " strong { "anywhere" } "." } @else {
            "Only from " strong { (listed(&rules)) } "."
        }
    }
}

fn risks(visit: &Visit, asked: &Asked, problems: &Problems) -> Markup {
    let found = asked.risks();
    html! {
        @if !found.is_empty() {
            fieldset class="risks" {
                legend { "Accept what is risky, or go back and change it" }
                @for risk in found {
                    @let is_ticked = visit.form.all("accept").any(|name| name == risk.name());
                    (forms::complaints_of(&format!("accept-{}", risk.name()), problems))
                    (forms::tick("accept", risk.name(), label(risk), about(risk), is_ticked))
                }
            }
        }
    }
}

const fn label(risk: Risk) -> &'static str {
    match risk {
        Risk::FromAnywhere => "It may be used from anywhere",
        Risk::Unlimited => "It may spend without a limit",
        Risk::LongLife => "It lives longer than a year",
    }
}

const fn about(risk: Risk) -> &'static str {
    match risk {
        Risk::FromAnywhere => "Whoever gets hold of its secret can use it from any computer in the world.",
        Risk::Unlimited => {
            "A mistake or a thief can empty the wallets it reaches, as far as no other limit holds, and let others take what comes in later."
        }
        Risk::LongLife => "A secret that is forgotten somewhere works for years. Rotate it regularly.",
    }
}
