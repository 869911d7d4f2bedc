use bursar_core::destination::Destination;
use bursar_core::limit::{Allowed, Subject, Usage};
use insta::assert_json_snapshot;

use super::*;
use crate::shapes::fixtures::{TOKEN, WALLET, at, rule, rules};

fn used(amount: u128, seconds: i64) -> (Timestamp, Usage) {
    (at(seconds), Usage { amount: Amount::new(amount), fee: Amount::new(1), count: 1 })
}

/// A budget that counts over the limit's window, with two captures and one hold.
fn budget(limit: &Limit) -> Budget {
    let mut budget = Budget { held: Usage::one(Amount::new(5)), ..Budget::default() };
    budget.start_counting(&limit.window, &[], at(0));
    for (time, usage) in [used(30, 10), used(10, 50)] {
        budget.capture(usage, time);
    }
    budget
}

#[test]
fn every_window_is_shown_as_requests_take_it() {
    let texts = [
        "tbtc 5",
        "tbtc unlimited per spend",
        "tbtc 0.5/day without fees",
        "eth:* 20 spends/calendar day in Europe/Zurich",
        "hteth fees 1/7 days from 2026-01-05T00:00:00Z",
        "tbtc 0.1/hour burst 0.5",
    ];
    let mut set = rules(&texts);
    let allowed = Allowed {
        destination: Destination::new("evm", &[1], None),
        address: "0x01".to_owned(),
        coin: bursar_core::coin::Coin::parse("hteth").unwrap(),
    };
    set.destinations = Some(Destinations {
        allowed: Some(vec![allowed]),
        at_most: Some(3),
        each: vec![rule("hteth 1 spend/day")],
        counted_since: None,
    });
    assert_json_snapshot!(limit_rules(&set, 7, &Decimals::default()), @r#"
    {
      "version": 7,
      "limits": [
        {
          "asset": "tbtc",
          "measure": "amount",
          "ceiling": "500000000",
          "window": {
            "type": "lifetime"
          }
        },
        {
          "asset": "tbtc",
          "measure": "amount",
          "ceiling": "unlimited",
          "window": {
            "type": "spend"
          }
        },
        {
          "asset": "tbtc",
          "measure": "amount without fee",
          "ceiling": "50000000",
          "window": {
            "type": "rolling",
            "seconds": 86400
          }
        },
        {
          "asset": "eth:*",
          "measure": "count",
          "ceiling": "20",
          "window": {
            "type": "calendar",
            "unit": "day",
            "timeZone": "Europe/Zurich"
          }
        },
        {
          "asset": "hteth",
          "measure": "fee",
          "ceiling": "1000000000000000000",
          "window": {
            "type": "fixed",
            "seconds": 604800,
            "from": "2026-01-05T00:00:00.000Z"
          }
        },
        {
          "asset": "tbtc",
          "measure": "amount",
          "ceiling": "50000000",
          "window": {
            "type": "accrual",
            "seconds": 3600,
            "rate": "10000000"
          }
        }
      ],
      "destinations": {
        "allow": [
          {
            "address": "0x01",
            "coin": "hteth"
          }
        ],
        "atMost": 3,
        "each": [
          {
            "asset": "hteth",
            "measure": "count",
            "ceiling": "1",
            "window": {
              "type": "rolling",
              "seconds": 86400
            },
            "rule": "hteth 1 spends/day"
          }
        ]
      }
    }
    "#);
    assert_eq!(
        limit_rules(&LimitSet::default(), 0, &Decimals::default()),
        json!({"version": 0, "limits": [], "destinations": null})
    );
}

fn standing(limit: &Limit, seconds: i64) -> LimitReport {
    let (budget, now) = (budget(limit), at(seconds));
    budget.report(Subject::Token(TOKEN), limit, Usage::default(), now).with_reset(&budget, now)
}

#[test]
fn a_limit_stands_with_what_is_left_and_when_it_is_whole_again() {
    let day = rule("tbtc 100 base units/day");
    assert_json_snapshot!(limit_standing(&standing(&day, 60), &Decimals::default()), @r#"
    {
      "asset": "tbtc",
      "measure": "amount",
      "ceiling": "100",
      "window": {
        "type": "rolling",
        "seconds": 86400
      },
      "rule": "tbtc 0.000001/day",
      "captured": "40",
      "held": "5",
      "remaining": "55",
      "resetsAt": "2026-09-22T14:14:10.000Z"
    }
    "#);
}

#[test]
fn when_a_limit_is_whole_again_depends_on_its_window() {
    let resets = |text: &str, now: i64| {
        let limit = rule(text);
        limit_standing(&standing(&limit, now), &Decimals::default())["resetsAt"].clone()
    };
    // The last capture was at 50 s: in a rolling window it is the last to leave.
    assert_eq!(resets("tbtc 1/minute", 60), at(110).to_string());
    assert_eq!(resets("tbtc 1/minute", 110), Value::Null);
    assert_eq!(resets("tbtc 1/calendar day", 60), "2026-09-22T00:00:00.000Z");
    assert_eq!(resets("tbtc 1/hour from 2026-01-01T00:30:00Z", 60), "2026-09-21T14:30:00.000Z");
    // 40 units wear off one a second, from the first capture on.
    assert_eq!(resets("tbtc 1 base units/second burst 100 base units", 50), at(60).to_string());
    assert_eq!(resets("tbtc 1 in total", 60), Value::Null);
    assert_eq!(resets("tbtc 1 per spend", 60), Value::Null);
}

#[test]
fn a_spend_by_itself_is_not_made_smaller_by_what_is_held() {
    let limit = rule("tbtc 100 base units per spend");
    let shown = limit_standing(&standing(&limit, 60), &Decimals::default());
    assert_eq!((&shown["held"], &shown["remaining"]), (&json!("0"), &json!("100")));
}

#[test]
fn a_report_tells_figures_and_when_the_spend_fits() {
    let limit = rule("tbtc 50 base units/minute");
    let asked = Usage::one(Amount::new(30));
    let report = budget(&limit).report(Subject::Token(TOKEN), &limit, asked, at(60));
    assert_json_snapshot!(limit_report(&report, at(60), &Decimals::default()), @r#"
    {
      "asset": "tbtc",
      "measure": "amount",
      "ceiling": "50",
      "window": {
        "type": "rolling",
        "seconds": 60
      },
      "rule": "tbtc 0.0000005/minute",
      "captured": "40",
      "held": "5",
      "remaining": "5",
      "resetsAt": null,
      "subject": "token",
      "asked": "30",
      "fits": "at",
      "fitsAt": "2026-09-21T14:14:30.000Z"
    }
    "#);
    let unlimited = Limit { ceiling: Ceiling::Unlimited, ..limit };
    let shown = limit_report(
        &budget(&unlimited).report(Subject::Token(TOKEN), &unlimited, asked, at(60)),
        at(60),
        &Decimals::default(),
    );
    assert_eq!(
        (&shown["ceiling"], &shown["remaining"], &shown["fits"]),
        (&json!("unlimited"), &Value::Null, &json!("now"))
    );
}

#[test]
fn of_somebody_elses_limit_no_figure_is_told() {
    let limit = rule("tbtc 50 base units/minute");
    let report = budget(&limit).report(Subject::Wallet(WALLET), &limit, Usage::one(Amount::new(30)), at(60));
    let expected = json!({"subject": "wallet", "fits": "at", "fitsAt": at(70).to_string()});
    assert_eq!(others_limit(&report), expected);
}
