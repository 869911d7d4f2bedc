//! Limits drawn as bars: how much of each is spent and held, in the units people speak of.

use bursar_core::amount::Amount;
use bursar_core::decimals::Decimals;
use bursar_core::limit::text::{LimitTextError, decimal, parse_knowing};
use bursar_core::limit::{Limit, Measure};
use serde_json::Value;

use crate::cli::limits::written::written;
use crate::cli::{output, shown, table};

/// The figures of a report, as standings and as refusals call them.
const CAPTURED: [&str; 2] = ["captured", "spent"];
const CEILING: [&str; 2] = ["ceiling", "limit"];
const HELD: [&str; 2] = ["held", "held"];
const REMAINING: [&str; 2] = ["remaining", "remaining"];

/// How long a bar is, in characters.
const LENGTH: u64 = 20;

/// What a bar is drawn with: spent, held, left.
type Ink = [char; 3];

const BLOCKS: Ink = ['█', '▒', '░'];
/// For files and pipes, and whatever reads them.
const ASCII: Ink = ['#', '+', '.'];

/// A list in a document; nothing if there is none.
pub(in crate::cli) fn list<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    document.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// How the limits of an own kind of subject stand, a line for each; others' are told apart.
pub(in crate::cli) fn standing(own: &str, reports: &[Value], decimals: &Decimals) -> String {
    draw(own, reports, decimals, if output::is_terminal() { BLOCKS } else { ASCII })
}

/// A limit and what is used of it, held included, in a few words.
pub(in crate::cli) fn in_short(report: &Value, decimals: &Decimals) -> String {
    let rule = written(report);
    let used = base(report, CAPTURED).unwrap_or_default().saturating_add(base(report, HELD).unwrap_or_default());
    let used = figure(used, &parse_knowing(&rule, decimals), decimals);
    format!("{rule} ({used} used)")
}

fn draw(own: &str, reports: &[Value], decimals: &Decimals, ink: Ink) -> String {
    let rows: Vec<[String; 5]> = reports.iter().map(|report| row(own, report, decimals, ink)).collect();
    table::draw(["LIMIT", "USED", "SPENT", "HELD", "LEFT"], &rows)
}

fn row(own: &str, report: &Value, decimals: &Decimals, ink: Ink) -> [String; 5] {
    let limit = parse_knowing(&written(report), decimals);
    let figure = |names: [&str; 2]| base(report, names).map(|base| figure(base, &limit, decimals));
    let text = match shown::text(report, "subject") {
        subject if subject.is_empty() || subject == own => written(report),
        other => format!("{other}: {}", written(report)).trim_end_matches(": ").to_owned(),
    };
    let spent = match (figure(CAPTURED), figure(CEILING)) {
        (Some(spent), Some(ceiling)) => format!("{spent} of {ceiling}"),
        (Some(spent), None) => format!("{spent}, unlimited"),
        // Others' figures are not told to everybody.
        (None, _) => String::new(),
    };
    let held = figure(HELD).filter(|held| held != "0").unwrap_or_default();
    let notes = [figure(REMAINING), note(report)];
    [text, bar(report, ink), spent, held, notes.into_iter().flatten().collect::<Vec<_>>().join(", ")]
}

/// When there is room, if it is not now.
fn note(report: &Value) -> Option<String> {
    let at = |name| Some(shown::text(report, name)).filter(|at| !at.is_empty());
    match shown::text(report, "fits").as_str() {
        "at" => Some(format!("fits from {}", at("fitsAt")?)),
        "once_settled" => Some("fits once spends under way have ended".to_owned()),
        "never" => Some("never fits".to_owned()),
        _ => at("resetsAt").map(|at| format!("resets at {at}")),
    }
}

fn bar(report: &Value, ink: Ink) -> String {
    let (Some(captured), Some(ceiling)) = (base(report, CAPTURED), base(report, CEILING)) else { return String::new() };
    let held = base(report, HELD).unwrap_or_default();
    // What is used at all is seen, and a bar is full only if nothing is left.
    let length = |amount: Amount| {
        let scaled = amount.saturating_mul(Amount::new(LENGTH.into())).checked_div(ceiling);
        let full = scaled.and_then(Amount::as_u64).unwrap_or(LENGTH).min(LENGTH);
        if full == 0 && amount > Amount::ZERO { 1 } else { full }
    };
    let spent = length(captured);
    let used = length(captured.saturating_add(held)).max(spent);
    let cells = (0..LENGTH).map(|cell| match ink {
        [is_spent, _, _] if cell < spent => is_spent,
        [_, is_held, _] if cell < used => is_held,
        [_, _, is_left] => is_left,
    });
    cells.collect()
}

/// A figure of a report: in base units or spends.
fn base(report: &Value, names: [&str; 2]) -> Option<Amount> {
    names.iter().find_map(|name| Amount::parse(&shown::text(report, name)).ok())
}

/// A figure for people: a number of spends, or an amount in units where its decimals are known.
fn figure(base: Amount, limit: &Result<Limit, LimitTextError>, decimals: &Decimals) -> String {
    match limit {
        Ok(limit) if limit.measure != Measure::Count => {
            decimals.of_asset(&limit.asset).map_or_else(|| base.to_string(), |places| decimal(base, places))
        }
        // The rule beside it is in units that are not known here.
        Err(error) if error.lacks_decimals => format!("{base} base units"),
        _ => base.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(captured: &str, held: &str, fits: &str) -> Value {
        json!({
            "subject": "token", "rule": "tbtc 0.5/day", "ceiling": "50000000", "resetsAt": "soon",
            "captured": captured, "held": held, "remaining": "17000000", "fits": fits, "fitsAt": "then",
        })
    }

    #[test]
    fn a_bar_shows_what_is_spent_and_held_of_the_ceiling() {
        let wallet = json!({"subject": "wallet", "rule": "hteth 20 spends/hour",
            "limit": "20", "spent": "20", "held": "0", "remaining": "0", "fits": "never"});
        let hidden = json!({"subject": "user", "fits": "once_settled"});
        let unlimited = json!({"subject": "token", "rule": "tsol unlimited",
            "ceiling": "unlimited", "captured": "7", "held": "0", "remaining": null, "fits": "now"});
        let drawn = draw(
            "token",
            &[report("31000000", "2000000", "at"), wallet, hidden, unlimited],
            &Decimals::default(),
            ASCII,
        );
        assert_eq!(
            drawn.lines().collect::<Vec<_>>(),
            [
                "LIMIT                         USED                  SPENT         HELD  LEFT",
                "tbtc 0.5/day                  ############+.......  0.31 of 0.5   0.02  0.17, fits from then",
                "wallet: hteth 20 spends/hour  ####################  20 of 20            0, never fits",
                "user                                                                    fits once spends under way have ended",
                "tsol unlimited                                      7, unlimited",
            ]
        );
    }

    #[test]
    fn a_bar_is_full_only_if_nothing_is_left_and_empty_only_if_nothing_is_used() {
        assert_eq!(bar(&report("49999999", "0", "now"), ASCII), "###################.");
        assert_eq!(bar(&report("1", "0", "now"), ASCII), "#...................");
        assert_eq!(bar(&report("0", "1", "now"), BLOCKS), "▒░░░░░░░░░░░░░░░░░░░");
        assert_eq!(bar(&report("60000000", "0", "now"), ASCII), "####################");
        let nothing = json!({"ceiling": "0", "captured": "0", "held": "0"});
        assert_eq!(bar(&nothing, ASCII), "####################");
        assert_eq!(in_short(&report("1", "30000000", "now"), &Decimals::default()), "tbtc 0.5/day (0.30000001 used)");
    }
}
