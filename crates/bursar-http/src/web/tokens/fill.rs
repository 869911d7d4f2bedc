//! The form of a new token.

use bursar_core::decimals::Decimals;
use bursar_core::ip::unmapped;
use bursar_core::scope::{Scope, ScopeName, Scopes, WalletAction};
use bursar_service::wallets::WalletView;
use maud::{Markup, html};

use super::asked::LONGEST_LABEL;
use super::draft::{ALL_WALLETS, Draft, ON_A_DATE};
use super::presets::{self, OTHERS, PRESETS};
use crate::web::answer::Answer;
use crate::web::assets;
use crate::web::forms::{self, Field, Problems};
use crate::web::layout::{Frame, Section, capital};
use crate::web::limits::{self, crumbs};
use crate::web::visit::Visit;
use crate::web::words;

/// Lives that can be chosen, in days.
const LIFETIMES: [(&str, &str); 6] = [
    ("7", "7 days"),
    ("30", "30 days"),
    ("90", "90 days"),
    ("180", "180 days"),
    ("365", "1 year"),
    ("3650", "10 years, the longest there is"),
];

/// The form, filled in as the draft says.
pub(super) fn draw(visit: &Visit, draft: &Draft, wallets: &[WalletView], problems: &Problems) -> Answer {
    let frame = Frame::of(visit);
    // What was written already is not to be thrown away by a click.
    let is_fresh = visit.form.some("lifetime").is_none();
    let is_of_link = presets::is_of_link(&visit.query);
    let body = html! {
        (crumbs("/tokens", "Tokens"))
        h1 { "New token" }
        (problems.summary())
        @if is_of_link {
            div class="notice warn" {
                h2 { "A link filled this form in" }
                p { "Whoever made the link chose what stands below. Make a token of it only if you know who asks and why; \
                    change whatever is too much." }
            }
        } @else if is_fresh { (beginnings(visit)) }
        form method="post" action="/tokens/new" class="long" {
            (frame.form_token())
            section class="card" aria-labelledby="about" {
                h2 id="about" { "Name" }
                (name(draft, problems))
            }
            (permissions(draft, wallets, visit.decimals(), problems))
            section class="card" aria-labelledby="how-much" {
                h2 id="how-much" { "How much it may spend by itself" }
                (limits::field(&draft.limits, true, problems))
            }
            section class="card" aria-labelledby="to" {
                h2 id="to" { "Where it may pay" }
                (draft.destinations.draw(problems))
            }
            section class="card" aria-labelledby="where" {
                h2 id="where" { "From where" }
                (places(visit, draft, problems))
            }
            section class="card" aria-labelledby="how-long" {
                h2 id="how-long" { "Until when" }
                (lifetime(draft, problems))
            }
            div class="buttons" {
                button class="main" type="submit" { "Review" }
                a class="button" href="/tokens" { "Cancel" }
                p class="hint" { "Nothing is made yet: the next page says what it comes to." }
            }
        }
    };
    frame.form("New token", Section::Tokens, &[&assets::LIMITS], problems, body)
}

fn beginnings(visit: &Visit) -> Markup {
    let chosen = visit.query.text("preset");
    html! {
        nav class="presets" aria-label="Begin with" {
            ul {
                @for (name, title, about) in PRESETS {
                    li {
                        a href={ "/tokens/new?preset=" (name) } aria-current=[(name == chosen).then_some("true")] {
                            strong { (title) } span { (about) }
                        }
                    }
                }
            }
        }
    }
}

fn name(draft: &Draft, problems: &Problems) -> Markup {
    let field = Field {
        name: "label",
        label: "What uses this token",
        hint: "For you alone, such as “payout service, production”.",
        value: &draft.label,
        autocomplete: "off",
        most: LONGEST_LABEL,
        ..Field::default()
    };
    field.draw(problems)
}

fn permissions(draft: &Draft, wallets: &[WalletView], decimals: &Decimals, problems: &Problems) -> Markup {
    html! {
        section class="card" aria-labelledby="what" {
            h2 id="what" { "What it may do" }
            fieldset id="may" {
                legend { "With wallets" }
                (forms::complaints_of("may", problems))
                @let (asked, idle): (Vec<_>, Vec<_>) = words::ACTIONS.into_iter().partition(|action| words::is_asked_for(*action));
                @for action in asked { (may(draft, action)) }
                p class="hint" { "Nothing in Bursar itself asks for these two; rules that whoever runs it wrote may." }
                @for action in idle { (may(draft, action)) }
            }
            fieldset id="wallet" {
                legend { "Which wallets" }
                (forms::complaints_of("wallet", problems))
                (forms::choice("reach", ALL_WALLETS, "All of yours, also those to come", draft.is_everywhere))
                (forms::choice("reach", "these", "Only these:", !draft.is_everywhere))
                div class="within" {
                    @for view in wallets {
                        @let (wallet, id) = (&view.wallet, view.wallet.id.to_string());
                        @let about = format!("{}, holds {}", wallet.coin, words::balance(view.balance, &wallet.coin, decimals));
                        (forms::tick("wallet", &id, &wallet_name(view), &about, draft.wallets.contains(&wallet.id)))
                    }
                    @for id in draft.wallets.iter().filter(|id| !wallets.iter().any(|view| view.wallet.id == **id)) {
                        (forms::tick("wallet", &id.to_string(), &format!("Wallet {id}"), "Not one of yours: this will not work.", true))
                    }
                    @if wallets.is_empty() { p class="muted" { "You have no wallets yet." } }
                }
            }
            (others(draft, problems))
        }
    }
}

fn may(draft: &Draft, action: WalletAction) -> Markup {
    let (value, label, about) = words::action(action);
    forms::tick("may", value, label, about, draft.actions.contains(&action))
}

fn wallet_name(view: &WalletView) -> String {
    if view.wallet.label.trim().is_empty() { "Wallet without a name".to_owned() } else { view.wallet.label.clone() }
}

fn others(draft: &Draft, problems: &Problems) -> Markup {
    let is_open = !draft.more.trim().is_empty() || draft.scopes.iter().any(|scope| *scope != ScopeName::Profile);
    let more = Field {
        name: "more",
        label: "Scopes as programs write them",
        hint: "For what has no box here, such as wallet_view_enterprise, one a line.",
        value: &draft.more,
        lines: 2,
        is_optional: true,
        most: 8192,
        ..Field::default()
    };
    html! {
        details class="more" open[is_open] {
            summary { "Other permissions" }
            @for (title, scopes) in OTHERS {
                fieldset {
                    legend { (title) }
                    @for scope in scopes {
                        (forms::tick("scope", scope.as_str(), &words::plain(&capital(words::scope(*scope))), "", draft.scopes.contains(scope)))
                    }
                }
            }
            (more.draw(problems))
        }
    }
}

fn places(visit: &Visit, draft: &Draft, problems: &Problems) -> Markup {
    let (of_all, of_spends) = (Scopes::new([]), Scopes::new(Scope::of(ScopeName::WalletSpendAll)));
    let is_needed = visit.bursar.needs_ip(&of_spends);
    let hint = match (visit.bursar.needs_ip(&of_all), is_needed) {
        (true, _) => "Addresses or blocks from /24 (IPv4) and /64 (IPv6), one a line. This server wants at least one.",
        (false, true) => {
            "Addresses or blocks from /24 (IPv4) and /64 (IPv6), one a line. A token that may spend needs at least \
             one here; for others nothing means from anywhere."
        }
        (false, false) => {
            "Addresses or blocks from /24 (IPv4) and /64 (IPv6), one a line. Nothing means from anywhere."
        }
    };
    let field = Field {
        name: "ips",
        label: "Addresses it may be used from",
        hint,
        value: &draft.ips,
        lines: 3,
        is_optional: !is_needed,
        is_conditional: is_needed,
        most: 8192,
        ..Field::default()
    };
    let here = format!("Also {}, the address you come from now", unmapped(visit.address));
    html! {
        (field.draw(problems))
        (forms::tick("here", "yes", &here, "", draft.is_from_here))
    }
}

fn lifetime(draft: &Draft, problems: &Problems) -> Markup {
    let is_known = draft.lifetime == ON_A_DATE || LIFETIMES.iter().any(|(days, _)| *days == draft.lifetime);
    let date = Field {
        name: "expires",
        label: "The last day, if you choose a date",
        hint: "The token works to the end of that day in UTC.",
        value: &draft.expires,
        kind: "date",
        is_optional: true,
        ..Field::default()
    };
    html! {
        div class="field" {
            label for="lifetime" { "It expires after" }
            (forms::complaints_of("lifetime", problems))
            select id="lifetime" name="lifetime" {
                @for (days, text) in LIFETIMES { option value=(days) selected[days == draft.lifetime] { (text) } }
                @if !is_known { option value=(draft.lifetime) selected { (draft.lifetime) " days" } }
                option value=(ON_A_DATE) selected[draft.lifetime == ON_A_DATE] { "a date that I choose" }
            }
        }
        (date.draw(problems))
        p class="hint" { "You can rotate its secret, edit its limits, lock or revoke it at any time." }
    }
}
