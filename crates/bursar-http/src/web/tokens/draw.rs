//! What a grant lets its token do, in words.

use std::collections::BTreeMap;

use bursar_core::decimals::Decimals;
use bursar_core::id::WalletId;
use bursar_core::scope::{Scope, ScopeName, Scopes};
use bursar_core::token::{Grant, Narrowing};
use bursar_service::wallets::WalletView;
use maud::{Markup, html};

use crate::web::layout::capital;
use crate::web::words;

/// Names of wallets, as far as their viewer knows them.
pub(super) type Names = BTreeMap<WalletId, String>;

pub(super) fn names(wallets: &[WalletView]) -> Names {
    wallets.iter().map(|view| (view.wallet.id, wallet_name(&view.wallet.label, view.wallet.coin.as_str()))).collect()
}

/// What a wallet is called, by its label.
pub(super) fn wallet_name(label: &str, coin: &str) -> String {
    if label.trim().is_empty() { format!("unnamed {coin} wallet") } else { label.to_owned() }
}

/// What a wallet is called.
pub(super) fn wallet(names: &Names, id: WalletId) -> String {
    names.get(&id).map_or_else(|| format!("wallet {id}"), |name| format!("“{name}”"))
}

/// The wallet a scope is tied to: what stands behind its colon.
pub(super) fn wallet_of(scope: Scope) -> Option<WalletId> {
    scope.to_string().split_once(':').and_then(|(_, wallet)| wallet.parse().ok())
}

/// A short line: what kind of thing it may do.
pub(super) fn summary(grant: &Grant) -> Markup {
    const MOST: usize = 4;
    let said: Vec<String> = by_name(&grant.scopes).iter().map(|(name, wallets)| short(*name, wallets.len())).collect();
    let more = said.len().saturating_sub(MOST);
    let ips = grant.ips.rules().len();
    html! {
        p class="may" {
            @if said.is_empty() { "Asks for spends of other tokens. " } @else {
                "May " (said.get(..MOST).unwrap_or(&said).join(", "))
                @if more > 0 { ", and " (more) " more" }
                ". "
            }
            @match ips {
                0 => "From anywhere.",
                1 => { "Only from " (grant.ips.rules().first().map(ToString::to_string).unwrap_or_default()) "." },
                _ => { "Only from " (ips) " addresses or blocks." }
            }
        }
    }
}

/// What a permission on so many wallets lets its holder do.
fn short(name: ScopeName, wallets: usize) -> String {
    let text = words::scope(name);
    match (text.strip_suffix("this wallet"), wallets) {
        (Some(what), 1) => format!("{what}one wallet"),
        (Some(what), _) => format!("{what}{wallets} wallets"),
        (None, _) => text.to_owned(),
    }
}

/// Each permission once, with the wallets it is tied to.
fn by_name(scopes: &Scopes) -> Vec<(ScopeName, Vec<WalletId>)> {
    let mut found: Vec<(ScopeName, Vec<WalletId>)> = Vec::new();
    for scope in scopes.iter() {
        let wallet = wallet_of(scope);
        match found.iter_mut().find(|(name, _)| *name == scope.name()) {
            Some((_, wallets)) => wallets.extend(wallet),
            None => found.push((scope.name(), wallet.into_iter().collect())),
        }
    }
    found
}

/// Each scope in words, one sentence for all wallets that a permission names one by one.
pub(super) fn sentences(scopes: &Scopes, known: &Names) -> Vec<String> {
    let sentence = |(name, wallets): &(ScopeName, Vec<WalletId>)| {
        let text = words::scope(*name);
        if wallets.is_empty() {
            return format!("May {text}.");
        }
        let list: Vec<String> = wallets.iter().map(|id| wallet(known, *id)).collect();
        let what = text.strip_suffix("this wallet").unwrap_or(text);
        format!("May {what}{}.", listed(&list))
    };
    by_name(scopes).iter().map(sentence).collect()
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(list: &[String]) -> String {
    match list {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// The grant in full, as a list.
pub(super) fn grant(grant: &Grant, known: &Names) -> Markup {
    let rules: Vec<String> = grant.ips.rules().iter().map(ToString::to_string).collect();
    html! {
        ul class="sentences" {
            @for sentence in sentences(&grant.scopes, known) { li { (words::marked(&sentence)) } }
            @match &grant.narrowing {
                Narrowing::None => {}
                Narrowing::Wallets(wallets) => li {
                    "Touches no wallet but " (listed(&wallets.iter().map(|id| wallet(known, *id)).collect::<Vec<_>>())) "."
                },
                Narrowing::Organisations(list) => li { "Touches only wallets of " (words::counted(list.len() as u64, "organisation")) "." },
            }
            @if rules.is_empty() { li { "May be used from anywhere." } } @else { li { "Only from " (listed(&rules)) "." } }
        }
        details {
            summary { "Scopes as programs write them" }
            p { @for scope in grant.scopes.iter() { code { (scope) } " " } }
        }
    }
}

/// What limits allow, one sentence each.
pub(super) fn limit_sentences(limits: &[bursar_core::limit::Limit], decimals: &Decimals) -> Vec<String> {
    limits.iter().map(|limit| format!("{}.", capital(&words::limit(limit, decimals)))).collect()
}
