//! What loosens needs a second factor; what tightens does not.

use super::*;
use crate::fixtures::{count_limit, destination, limit, of, over, unlimited};
use crate::limit::{Allowed, Destinations, Measure};

fn rules(limits: &[Limit]) -> LimitSet {
    LimitSet::of(limits.to_vec())
}

/// One limit, and only to these addresses.
fn only_to(addresses: &[&str]) -> LimitSet {
    let allow = |address: &&str| Allowed {
        destination: destination(address),
        address: (*address).to_owned(),
        coin: coin("tbtc"),
    };
    let allowed = Some(addresses.iter().map(allow).collect());
    to(Destinations { allowed, ..Destinations::default() })
}

fn at_most(number: u32) -> LimitSet {
    to(Destinations { at_most: Some(number), ..Destinations::default() })
}

fn each(ceiling: u128) -> LimitSet {
    to(Destinations { each: vec![count_limit("tbtc", ceiling)], ..Destinations::default() })
}

fn to(destinations: Destinations) -> LimitSet {
    LimitSet { limits: vec![limit("tbtc", 10)], destinations: Some(destinations) }
}

/// What an edit without a second factor is answered, of a subject that has these rules.
fn edit(subject: Subject, before: &LimitSet, after: &LimitSet) -> &'static str {
    let mut world = World::new();
    assert_eq!(answer(&world.edit(subject, before.clone(), true)), "limits");
    let records = world.records.clone();
    let answered = answer(&world.edit(subject, after.clone(), false));
    assert!(answered == "limits" || world.records == records);
    assert_eq!(answer(&world.edit(subject, after.clone(), true)), "limits");
    answered
}

#[test]
fn loosening_needs_a_second_factor() {
    let day = |ceiling| over("calendar day UTC", limit("tbtc", ceiling));
    let ten = || limit("tbtc", 10);
    let fixed = |from: &str| over(&format!("fixed 60s from 2026-01-01T00:00:{from}.000Z"), limit("tbtc", 10));
    let table = [
        ("raise a ceiling", rules(&[ten()]), rules(&[limit("tbtc", 11)])),
        ("make it unlimited", rules(&[ten()]), rules(&[unlimited("tbtc")])),
        ("remove a limit", rules(&[ten(), day(5)]), rules(&[ten()])),
        ("remove all limits", rules(&[ten()]), rules(&[])),
        ("raise one, lower another", rules(&[ten(), day(5)]), rules(&[limit("tbtc", 1), day(6)])),
        ("a shorter window", rules(&[day(5)]), rules(&[over("calendar hour UTC", limit("tbtc", 5))])),
        ("another zone", rules(&[day(5)]), rules(&[over("calendar day Asia/Kathmandu", limit("tbtc", 5))])),
        ("another beginning", rules(&[fixed("00")]), rules(&[fixed("30")])),
        ("another measure", rules(&[ten()]), rules(&[of(Measure::AmountWithoutFee, ten())])),
        ("wear off faster", rules(&[over("accrual 5 per 60s", ten())]), rules(&[over("accrual 6 per 60s", ten())])),
        (
            "take a coin out of its family by an entry of its own",
            rules(&[limit("*erc20", 10)]),
            rules(&[limit("*erc20", 10), limit("hteth:usdc", 1)]),
        ),
        (
            "take it out of a family that counts spends",
            rules(&[count_limit("*erc20", 10), limit("hteth:dai", 10)]),
            rules(&[count_limit("*erc20", 10), limit("hteth:dai", 10), limit("hteth:usdc", 1)]),
        ),
        ("any destination", only_to(&["a"]), rules(&[ten()])),
        ("any destination, rules kept", only_to(&["a"]), to(Destinations::default())),
        ("another destination", only_to(&["a"]), only_to(&["a", "b"])),
        ("one destination for another", only_to(&["a"]), only_to(&["b"])),
        ("more destinations", at_most(2), at_most(3)),
        ("any number of destinations", at_most(2), rules(&[ten()])),
        ("more for each destination", each(2), each(3)),
        ("nothing said of each destination", each(2), rules(&[ten()])),
    ];
    for (case, before, after) in &table {
        for subject in EVERYBODY {
            assert_eq!(edit(subject, before, after), "step-up needed", "{case}: {}", subject.kind());
        }
    }
}

#[test]
fn tightening_is_done_at_once() {
    let ten = || limit("tbtc", 10);
    let day = || over("calendar day UTC", limit("tbtc", 5));
    let table = [
        ("nothing", rules(&[ten()]), rules(&[ten()])),
        ("lower a ceiling", rules(&[ten()]), rules(&[limit("tbtc", 9)])),
        ("no longer unlimited", rules(&[unlimited("tbtc")]), rules(&[ten()])),
        ("add a limit of the coin", rules(&[ten()]), rules(&[ten(), day()])),
        ("another order", rules(&[ten(), day()]), rules(&[day(), ten()])),
        ("count spends", rules(&[ten()]), rules(&[ten(), count_limit("*", 3)])),
        (
            "wear off as fast, but hold less",
            rules(&[over("accrual 5 per 60s", ten())]),
            rules(&[over("accrual 5 per 60s", limit("tbtc", 9))]),
        ),
        (
            "a day's limit on a coin within its family",
            rules(&[limit("*erc20", 10)]),
            rules(&[limit("*erc20", 10), over("calendar day UTC", limit("hteth:usdc", 1))]),
        ),
        (
            "fees of a coin that has a limit",
            rules(&[limit("hteth", 10)]),
            rules(&[limit("hteth", 10), of(Measure::Fee, limit("hteth", 5))]),
        ),
        ("only some destinations", rules(&[ten()]), only_to(&["a"])),
        ("fewer destinations", only_to(&["a", "b"]), only_to(&["b"])),
        ("no destination", only_to(&["a"]), only_to(&[])),
        ("fewer different ones", at_most(2), at_most(1)),
        ("a limit for each", rules(&[ten()]), each(1)),
        ("less for each", each(2), each(1)),
    ];
    for (case, before, after) in &table {
        for subject in EVERYBODY {
            assert_eq!(edit(subject, before, after), "limits", "{case}: {}", subject.kind());
        }
    }
}

/// A token needs a limit to spend alone; of everybody else, a limit only takes.
#[test]
fn what_lets_a_token_spend_loosens_the_token_and_tightens_everybody_else() {
    let fees = || of(Measure::Fee, limit("hteth", 5));
    let ten = || limit("tbtc", 10);
    let table = [
        ("a first limit", rules(&[]), rules(&[limit("tbtc", 0)])),
        ("a coin that had none", rules(&[ten()]), rules(&[ten(), limit("hteth", 1)])),
        ("a coin that was counted only", rules(&[count_limit("tbtc", 9)]), rules(&[count_limit("tbtc", 9), ten()])),
        ("a coin that paid fees only", rules(&[fees()]), rules(&[fees(), limit("hteth", 1)])),
        ("fees of a coin that had none", rules(&[ten()]), rules(&[ten(), fees()])),
        ("a family", rules(&[limit("hteth:usdc", 9)]), rules(&[limit("hteth:usdc", 9), limit("*erc20", 1)])),
        (
            "a family that was counted only",
            rules(&[count_limit("*erc20", 9), ten()]),
            rules(&[count_limit("*erc20", 9), ten(), limit("*erc20", 1)]),
        ),
    ];
    for (case, before, after) in &table {
        assert_eq!(edit(BY_TOKEN, before, after), "step-up needed", "{case}");
        for subject in [BY_USER, BY_WALLET, BY_ORGANISATION] {
            assert_eq!(edit(subject, before, after), "limits", "{case}: {}", subject.kind());
        }
    }
}
