//! What a draft asks for, once it is sound: scopes, limits, addresses, an end. And what of that is risky.

use std::net::IpAddr;

use bursar_core::decimals::Decimals;
use bursar_core::ip::{IpRestriction, IpRule, unmapped};
use bursar_core::limit::{Ceiling, InvalidLimit, Limit};
use bursar_core::scope::{Scope, ScopeName, Scopes, WalletAction};
use bursar_core::time::{Span, Timestamp};
use bursar_wire::requests::DestinationRules;

use super::draft::{Draft, ON_A_DATE, scope_named};
use crate::web::forms::Problems;
use crate::web::limits;

/// The longest name, in characters.
pub(super) const LONGEST_LABEL: u32 = 100;
/// The most scopes and the most addresses a token gets here.
const MOST_SCOPES: usize = 200;
const MOST_IPS: usize = 100;
/// A life longer than this is a risk: a year.
const LONG: Span = Span::from_seconds(366 * 86_400);

/// A draft that can become a token.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) label: String,
    pub(super) scopes: Scopes,
    pub(super) limits: Vec<Limit>,
    pub(super) destinations: Option<DestinationRules>,
    pub(super) ips: IpRestriction,
    pub(super) duration: Span,
    pub(super) expires: Timestamp,
}

/// Something that has to be accepted by a tick of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Risk {
    /// There is no restriction to addresses.
    FromAnywhere,
    /// A limit says that there is none.
    Unlimited,
    /// It lives longer than a year.
    LongLife,
}

impl Risk {
    /// The value of its box.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::FromAnywhere => "anywhere",
            Self::Unlimited => "unlimited",
            Self::LongLife => "long",
        }
    }
}

/// Where and when a draft is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    pub(super) now: Timestamp,
    pub(super) address: IpAddr,
    pub(super) longest: Span,
}

impl Asked {
    /// Reads a draft.
    ///
    /// # Errors
    /// Everything that is wrong with it, field by field.
    pub(super) fn of(draft: &Draft, around: Around, decimals: &Decimals) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        if draft.label.is_empty() {
            problems.add("label", "give the token a name that tells what uses it");
        } else if draft.label.chars().count() > LONGEST_LABEL as usize {
            problems.add("label", format!("a name has at most {LONGEST_LABEL} characters"));
        }
        let scopes = scopes(draft, &mut problems);
        let limits = limits::read(&draft.limits, decimals).unwrap_or_else(|found| {
            found.iter().for_each(|problem| problems.add(limits::FIELD, problem));
            Vec::new()
        });
        if let Some(sum) = limits.iter().find(|limit| limit.sums_up_coins()) {
            problems.add(limits::FIELD, format!("a limit of {} {}", sum.asset, InvalidLimit::AmountOfManyCoins));
        }
        let destinations = draft.destinations.rules(decimals).unwrap_or_else(|found| {
            problems.append(found);
            None
        });
        let ips = ips(draft, around.address, &mut problems);
        let expires = expires(draft, around, &mut problems);
        match (problems.is_empty(), expires) {
            (true, Some(expires)) => Ok(Self {
                label: draft.label.clone(),
                scopes,
                limits,
                destinations,
                ips,
                duration: expires.since(around.now),
                expires,
            }),
            _ => Err(problems),
        }
    }

    /// What is risky about it.
    pub(super) fn risks(&self) -> Vec<Risk> {
        let is_unlimited = self.limits.iter().any(|limit| limit.ceiling == Ceiling::Unlimited);
        [
            (Risk::Unlimited, is_unlimited),
            (Risk::FromAnywhere, self.ips.rules().is_empty()),
            (Risk::LongLife, self.duration > LONG),
        ]
        .into_iter()
        .filter_map(|(risk, is)| is.then_some(risk))
        .collect()
    }
}

/// The scope that lets an action be done with all wallets.
pub(super) fn everywhere(action: WalletAction) -> Option<ScopeName> {
    scope_named(&format!("{}_all", action.scope().as_str()))
}

/// Names and addresses as people write several of them.
pub(super) fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '\n', '\r', '\t']).filter(|text| !text.is_empty())
}

fn scopes(draft: &Draft, problems: &mut Problems) -> Scopes {
    let mut found: Vec<Scope> = Vec::new();
    if !draft.is_everywhere && !draft.actions.is_empty() && draft.wallets.is_empty() {
        problems.add("wallet", "choose the wallets, or let it reach all");
    }
    for action in &draft.actions {
        if draft.is_everywhere {
            found.extend(everywhere(*action).and_then(|name| Scope::of(name).ok()));
        } else {
            let name = action.scope().as_str();
            found.extend(draft.wallets.iter().filter_map(|wallet| format!("{name}:{wallet}").parse::<Scope>().ok()));
        }
    }
    found.extend(draft.scopes.iter().filter_map(|name| Scope::of(*name).ok()));
    for text in words_of(&draft.more) {
        match text.parse() {
            Ok(scope) => found.push(scope),
            Err(problem) => problems.add("more", format!("“{text}”: {problem}")),
        }
    }
    if found.iter().any(|scope| scope.name() == ScopeName::UserManage) {
        problems.add("more", "only who is signed in has `user_manage`; no token gets it");
    }
    if found.is_empty() && problems.is_empty() {
        problems.add("may", "choose at least one thing that the token may do");
    }
    if found.len() > MOST_SCOPES {
        problems.add("may", format!("these are {} permissions; at most {MOST_SCOPES} fit one token", found.len()));
        found.truncate(MOST_SCOPES);
    }
    Scopes::new(found)
}

fn ips(draft: &Draft, here: IpAddr, problems: &mut Problems) -> IpRestriction {
    let mut rules: Vec<IpRule> = Vec::new();
    let here = draft.is_from_here.then(|| unmapped(here).to_string());
    let texts = words_of(&draft.ips);
    for text in texts.chain(here.as_deref()) {
        if rules.len() >= MOST_IPS {
            problems.add("ips", format!("there are at most {MOST_IPS} addresses"));
            break;
        }
        match IpRule::parse(text) {
            Ok(rule) if rules.contains(&rule) => {}
            Ok(rule) => rules.push(rule),
            Err(problem) => problems.add("ips", format!("“{text}” {problem}")),
        }
    }
    IpRestriction::new(rules)
}

fn expires(draft: &Draft, around: Around, problems: &mut Problems) -> Option<Timestamp> {
    let latest = around.now.plus(around.longest);
    let (field, end) = if draft.lifetime == ON_A_DATE {
        ("expires", end_of_day(&draft.expires))
    } else {
        let days = draft.lifetime.parse::<u64>().ok().filter(|days| *days > 0);
        ("lifetime", days.map(|days| around.now.plus(Span::from_seconds(days.saturating_mul(86_400)))))
    };
    match end {
        None => problems.add(field, "give a date, such as 2027-05-23"),
        Some(end) if end <= around.now => problems.add(field, "this day is over; choose one to come"),
        Some(end) if end > latest => {
            let days = around.longest.as_seconds_ceil().checked_div(86_400).unwrap_or(0);
            problems.add(field, format!("a token lives at most {days} days"));
        }
        Some(end) => return Some(end),
    }
    None
}

/// The instant at which a day is over, in UTC.
fn end_of_day(date: &str) -> Option<Timestamp> {
    let date: jiff::civil::Date = date.trim().parse().ok()?;
    let next = date.tomorrow().ok()?;
    let start = jiff::tz::TimeZone::UTC.to_timestamp(next.at(0, 0, 0, 0)).ok()?;
    Some(Timestamp::from_millis(start.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around() -> Around {
        Around {
            now: Timestamp::from_millis(1_790_000_000_000),
            address: "203.0.113.9".parse().unwrap(),
            longest: Span::from_seconds(315_360_000),
        }
    }

    fn draft() -> Draft {
        Draft {
            label: "payout".to_owned(),
            actions: vec![WalletAction::Spend],
            wallets: vec!["07070707070707070707070707070707".parse().unwrap()],
            limits: "tbtc 0.5/day".to_owned(),
            ips: "203.0.113.0/24, 2001:db8::/64".to_owned(),
            ..Draft::default()
        }
    }

    fn texts(asked: &Asked) -> Vec<String> {
        asked.scopes.iter().map(|scope| scope.to_string()).collect()
    }

    #[test]
    fn a_draft_asks_for_what_is_ticked_and_nothing_more() {
        let asked = Asked::of(&draft(), around(), &Decimals::default()).unwrap();
        assert_eq!(texts(&asked), ["wallet_spend:07070707070707070707070707070707"]);
        assert_eq!(asked.ips.rules().len(), 2);
        assert_eq!(asked.duration, Span::from_seconds(90 * 86_400));
        assert!(asked.risks().is_empty());
        let all = Asked::of(&Draft { is_everywhere: true, ..draft() }, around(), &Decimals::default()).unwrap();
        assert_eq!(texts(&all), ["wallet_spend_all"]);
    }

    #[test]
    fn amounts_of_several_coins_are_summed_up_by_no_page() {
        let wildcard = |limits: &str| {
            let draft = Draft { limits: limits.to_owned(), ..draft() };
            Asked::of(&draft, around(), &Decimals::default()).is_err()
        };
        assert!(wildcard("*erc20 5 base units") && wildcard("tbtc 5\n*bitcoin 1/day"));
        assert!(!wildcard("tbtc 5\n*erc20 5 spends/day"));
    }

    #[test]
    fn what_is_wide_open_is_a_risk() {
        let risks = |draft: Draft| Asked::of(&draft, around(), &Decimals::default()).unwrap().risks();
        assert_eq!(risks(Draft { ips: String::new(), ..draft() }), [Risk::FromAnywhere]);
        assert_eq!(risks(Draft { ips: String::new(), is_from_here: true, ..draft() }), []);
        assert_eq!(risks(Draft { limits: "tbtc unlimited".to_owned(), ..draft() }), [Risk::Unlimited]);
        assert_eq!(risks(Draft { lifetime: "3650".to_owned(), ..draft() }), [Risk::LongLife]);
    }

    #[test]
    fn a_date_counts_to_its_end() {
        let on = |date: &str| {
            let draft = Draft { lifetime: ON_A_DATE.to_owned(), expires: date.to_owned(), ..draft() };
            Asked::of(&draft, around(), &Decimals::default()).map(|asked| asked.expires.to_string())
        };
        assert_eq!(on("2027-05-23").unwrap(), "2027-05-24T00:00:00.000Z");
        for wrong in ["", "2020-01-01", "tomorrow", "2027-02-30", "2999-01-01"] {
            assert!(on(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_is_not_made() {
        for wrong in [
            Draft { label: String::new(), ..draft() },
            Draft { wallets: Vec::new(), ..draft() },
            Draft { actions: Vec::new(), ..draft() },
            Draft { more: "wallet_steal_all".to_owned(), ..draft() },
            Draft { limits: "tbtc lots".to_owned(), ..draft() },
            Draft { ips: "10.0.0.0/8".to_owned(), ..draft() },
            Draft { lifetime: "0".to_owned(), ..draft() },
            Draft { lifetime: "4000".to_owned(), ..draft() },
        ] {
            assert!(Asked::of(&wrong, around(), &Decimals::default()).is_err(), "{wrong:?}");
        }
    }
}
