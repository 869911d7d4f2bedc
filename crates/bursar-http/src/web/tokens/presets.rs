//! Where a form begins: empty, with a preset, or as a link asks. A link only fills the form in; whoever sends it sees what
//! it says and accepts each risk by a tick of its own.

use bursar_core::id::WalletId;
use bursar_core::scope::{ScopeName, WalletAction};
use bursar_core::text::is_hidden;
use bursar_service::error::ServiceError;
use bursar_service::wallets::WalletView;

use super::asked::{everywhere, words_of};
use super::draft::{Draft, ON_A_DATE, scope_named};
use crate::web::fields::Fields;
use crate::web::words::ACTIONS;

/// The most that a link says under one name.
const MOST: usize = 100;

/// Presets: their name in links, their title, what they are for.
pub(super) const PRESETS: [(&str, &str, &str); 3] = [
    ("read", "Read only", "Sees balances, addresses and transfers. No money moves."),
    ("spend", "One wallet, so much a day", "Sends from the wallet you choose, within a limit a day."),
    ("guide", "Everything the guide lists", "All scopes of BitGo’s guide, for software that was written by it."),
];

/// What a link says, each once, beside its preset.
const ONCE: [&str; 3] = ["label", "expires", "max_destinations"];
/// What is said of any other name.
const KNOWN: &str = "is no parameter of links to this page; there are `preset`, `label`, `scope`, `wallet`, `limit`, `to`, `each`, \
                     `max_destinations`, `ip` and `expires`";
/// What a link may say several times.
const OFTEN: [&str; 6] = ["scope", "limit", "wallet", "ip", "to", "each"];

/// Whether a link fills the form in; a preset alone is no such link.
pub(super) fn is_of_link(query: &Fields) -> bool {
    ONCE.iter().chain(&OFTEN).any(|name| query.is_ticked(name))
}

/// Refuses a link that says what would be passed over: the token would be wider than its author meant.
///
/// # Errors
/// The parameter, and what is wrong with it.
pub(super) fn check(query: &Fields) -> Result<(), ServiceError> {
    let refuse = |name: &str, problem: &str| Err(ServiceError::invalid(name, problem));
    for (name, text) in query.pairs() {
        let times = query.all(name).count();
        let is_once = name == "preset" || ONCE.contains(&name);
        if !is_once && !OFTEN.contains(&name) {
            return refuse(name, KNOWN);
        }
        if text.trim().is_empty() {
            return refuse(name, "is empty; leave it out, or say what it is to be");
        }
        if is_once && times > 1 {
            return refuse(name, "is said more than once, and nobody knows which one counts");
        }
        if times > MOST {
            return refuse(name, "is said too often; a link has at most 100 of a name");
        }
        match name {
            "preset" if !PRESETS.iter().any(|(known, ..)| *known == text) => {
                return refuse(name, "is no preset; there are `read`, `spend` and `guide`");
            }
            "wallet" if text.parse::<WalletId>().is_err() => return refuse(name, "is not the id of a wallet"),
            "expires" if days_of(text).is_none() && text.parse::<jiff::civil::Date>().is_err() => {
                return refuse(name, "is neither days, such as `90d`, nor a date, such as `2027-05-23`");
            }
            "to" if !text.trim().contains(':') => return refuse(name, "has no coin; write `COIN:ADDRESS`"),
            _ => {}
        }
    }
    let mut scopes = query.all("scope").flat_map(words_of);
    let of_all = |text: &str, action: WalletAction| {
        text.strip_prefix(action.scope().as_str()).is_some_and(|rest| matches!(rest, "_all" | "_enterprise"))
    };
    let is_of_all =
        |text: &str| text == ScopeName::All.as_str() || ACTIONS.into_iter().any(|action| of_all(text, action));
    if query.is_ticked("wallet") && scopes.any(is_of_all) {
        return refuse(
            "wallet",
            "names wallets, and a scope reaches all; write `wallet_spend` without `_all`, and so on",
        );
    }
    Ok(())
}

/// What the query asks the form to begin with.
pub(super) fn draft(query: &Fields, wallets: &[WalletView]) -> Draft {
    let mut draft = preset(query.text("preset"), wallets);
    let names = query.all("wallet").take(MOST).filter_map(|id| id.parse::<WalletId>().ok());
    let named: Vec<WalletId> = names.collect();
    if !named.is_empty() {
        draft.is_everywhere = false;
        draft.wallets = named;
    }
    let scopes: Vec<&str> = query.all("scope").flat_map(words_of).take(MOST).collect();
    if !scopes.is_empty() {
        draft.actions.clear();
        draft.scopes.clear();
        read_scopes(&mut draft, &scopes);
    }
    let lines = |name| query.all(name).take(MOST).map(|line| line.replace('\n', " ")).collect::<Vec<_>>().join("\n");
    let to = query.all("to").take(MOST).map(|one| one.replacen(':', " ", 1)).collect::<Vec<_>>().join("\n");
    let rules = &mut draft.destinations;
    for (said, field) in [
        (lines("limit"), &mut draft.limits),
        (lines("ip"), &mut draft.ips),
        (to, &mut rules.add),
        (lines("max_destinations"), &mut rules.most),
        (lines("each"), &mut rules.each),
    ] {
        if !said.is_empty() {
            *field = said;
        }
    }
    if let Some(label) = query.some("label") {
        draft.label = label.chars().filter(|character| !is_hidden(*character)).collect();
    }
    match query.some("expires") {
        None => {}
        Some(text) => match days_of(text) {
            Some(days) => draft.lifetime = days.to_owned(),
            None => {
                draft.lifetime = ON_A_DATE.to_owned();
                draft.expires = text.to_owned();
            }
        },
    }
    draft
}

/// The number in a life that is written in days: a link counts in nothing shorter.
fn days_of(text: &str) -> Option<&str> {
    let number = ["d", " day", " days"].into_iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(text);
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(number).filter(|number| !number.is_empty())
}

/// Boxes, as far as they can say it; else the scopes as they are written.
fn read_scopes(draft: &mut Draft, scopes: &[&str]) {
    let of_wallets = |name: &str| ACTIONS.into_iter().find(|action| action.scope().as_str() == name);
    let of_all =
        |name: &str| ACTIONS.into_iter().find(|action| everywhere(*action).is_some_and(|all| all.as_str() == name));
    let (mut here, mut there, mut more) = (Vec::new(), Vec::new(), Vec::new());
    for text in scopes {
        if let Some(action) = of_wallets(text) {
            here.push(action);
        } else if let Some(action) = of_all(text) {
            there.push((*text, action));
        } else {
            match scope_named(text).filter(|scope| OTHERS.iter().any(|(_, list)| list.contains(scope))) {
                Some(scope) => draft.scopes.push(scope),
                None => more.push(*text),
            }
        }
    }
    if here.is_empty() && !there.is_empty() {
        draft.is_everywhere = true;
        draft.actions = there.iter().map(|(_, action)| *action).collect();
    } else {
        draft.actions = here;
        more.extend(there.iter().map(|(text, _)| *text));
    }
    draft.more = more.join("\n");
}

/// Scopes that are no wallets', in groups.
pub(super) const OTHERS: [(&str, &[ScopeName]); 3] = [
    (
        "Your account",
        &[ScopeName::Openid, ScopeName::Profile, ScopeName::EnterpriseViewAll, ScopeName::AuditlogsViewAll],
    ),
    ("More about wallets", &[ScopeName::WalletCreate]),
    (
        "Approvals, markets and settlement, which nothing in Bursar itself asks for",
        &[
            ScopeName::PendingApprovalUpdate,
            ScopeName::CryptoCompare,
            ScopeName::TradeView,
            ScopeName::TradeTrade,
            ScopeName::SettlementNetworkRead,
            ScopeName::SettlementNetworkWrite,
        ],
    ),
];

fn preset(name: &str, wallets: &[WalletView]) -> Draft {
    use ScopeName as S;
    use WalletAction as A;
    let of = |actions: &[WalletAction], scopes: &[ScopeName]| Draft {
        actions: actions.to_vec(),
        scopes: scopes.to_vec(),
        ..Draft::default()
    };
    match name {
        "read" => Draft { is_everywhere: true, ..of(&[A::View], &[S::Profile]) },
        "spend" => {
            // Of several wallets nobody knows which one is meant, nor in which coin the limit is to be.
            let mut may_spend = wallets.iter().filter(|view| view.role.spend);
            let only = may_spend.next().filter(|_| may_spend.next().is_none());
            Draft {
                wallets: only.map(|view| view.wallet.id).into_iter().collect(),
                limits: only.map(|view| format!("{} 0.01/day", view.wallet.coin)).unwrap_or_default(),
                ..of(&[A::View, A::Spend], &[S::Profile])
            }
        }
        "guide" => Draft {
            is_everywhere: true,
            more: "portfolio_view\nmetamask_institutional".to_owned(),
            ..of(
                &[A::View, A::Spend, A::Edit, A::Approve, A::Manage],
                &[S::Openid, S::Profile, S::WalletCreate, S::PendingApprovalUpdate, S::TradeView, S::TradeTrade],
            )
        },
        _ => Draft::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Draft {
        draft(&Fields::read(query.as_bytes()).unwrap(), &[])
    }

    #[test]
    fn a_link_that_says_what_would_be_passed_over_is_refused() {
        let said = |query: &str| check(&Fields::read(query.as_bytes()).unwrap());
        for sound in [
            "",
            "preset=read",
            "expires=30+days",
            "label=a&to=tbtc:tb1q&to=tbtc:tb1p&max_destinations=2&each=tbtc+1/day",
        ] {
            assert!(said(sound).is_ok(), "{sound}");
        }
        let wallet = "07".repeat(16);
        for wrong in [
            "limits=tbtc+1/day",
            "To=tbtc:tb1q",
            "to=tb1q",
            "to=",
            "limit=",
            "expires=7d&expires=30d",
            "expires=12h",
            "expires=d",
            "expires=2027-13-01",
            "preset=everything",
            "wallet=nosuch",
            "accept=anywhere",
            &format!("scope=wallet_spend_all&wallet={wallet}"),
            &format!("scope=wallet_spend,all&wallet={wallet}"),
            &format!("scope=wallet_spend&scope=%09wallet_spend_all&wallet={wallet}"),
            &format!("scope=wallet_spend,wallet_spend_enterprise&wallet={wallet}"),
            &"ip=10.0.0.1&".repeat(MOST + 1),
        ] {
            assert!(said(wrong).is_err(), "{wrong}");
        }
        assert!(said(&format!("scope=wallet_spend&wallet={wallet}")).is_ok());
    }

    #[test]
    fn a_link_says_where_money_may_go() {
        let draft = asked("to=tbtc:tb1q&to=hteth:0x00&max_destinations=2&each=tbtc+0.1/day");
        let rules = draft.destinations;
        assert_eq!((rules.add.as_str(), rules.most.as_str()), ("tbtc tb1q\nhteth 0x00", "2"));
        assert_eq!(rules.each, "tbtc 0.1/day");
    }

    #[test]
    fn a_link_fills_the_form_in() {
        let wallet = "07".repeat(16);
        let draft = asked(&format!(
            "label=payout&scope=wallet_view,wallet_spend&scope=profile&wallet={wallet}&limit=tbtc+0.5/day&limit=20+spends/hour\
             &ip=203.0.113.0/24&expires=30"
        ));
        assert_eq!(draft.label, "payout");
        assert_eq!(draft.actions, [WalletAction::View, WalletAction::Spend]);
        assert!(!draft.is_everywhere);
        assert_eq!(draft.wallets, [wallet.parse().unwrap()]);
        assert_eq!(draft.scopes, [ScopeName::Profile]);
        assert_eq!(draft.limits, "tbtc 0.5/day\n20 spends/hour");
        assert_eq!((draft.ips.as_str(), draft.lifetime.as_str()), ("203.0.113.0/24", "30"));
    }

    #[test]
    fn what_boxes_cannot_say_stays_as_it_is_written() {
        let draft = asked("scope=wallet_view_all+wallet_spend:07070707070707070707070707070707+wallet_steal");
        assert_eq!(draft.actions, [WalletAction::View]);
        assert!(draft.is_everywhere);
        assert_eq!(draft.more, "wallet_spend:07070707070707070707070707070707\nwallet_steal");
        assert_eq!(asked("expires=2027-05-23").lifetime, ON_A_DATE);
        for days in ["expires=90", "expires=90d", "expires=90+days"] {
            assert_eq!(asked(days).lifetime, "90", "{days}");
        }
    }

    #[test]
    fn a_preset_is_no_more_than_its_name_says() {
        let read = asked("preset=read");
        assert_eq!(read.actions, [WalletAction::View]);
        assert!(read.limits.is_empty());
        assert_eq!(asked("preset=everything"), Draft::default());
    }
}
