//! What the server says of limits that it does not take, as it is said of those that are not taken here: with the text,
//! the spot, and the exit code of a command line that cannot be.

use bursar_client::Client;
use bursar_core::decimals::Decimals;
use bursar_core::limit::text::parse_knowing;
use serde_json::Value;

use crate::cli::limits::written::pointed;
use crate::cli::shown;
use crate::failure::{self, Exit, Failure};

/// The flag that says which limits there shall be.
const LIMIT: &str = "--limit";
/// Which field of a request each flag becomes: what the server says of the one is told of the other.
const FLAGS: [(&str, &str); 11] = [
    ("limits", LIMIT),
    ("spendingLimits", LIMIT),
    ("destinations.allow", "--to"),
    ("destinations.atMost", "--max-destinations"),
    ("destinations.each", "--each"),
    ("tokenLimits.limits", LIMIT),
    ("tokenLimits.destinations.allow", "--to"),
    ("tokenLimits.destinations.atMost", "--max-destinations"),
    ("tokenLimits.destinations.each", "--each"),
    ("address", "--to"),
    ("coin", "--to"),
];
/// Where lists of limits stand in a request, and the flag that they are written with.
const LISTS: [(&str, &str); 4] = [
    ("/limits", LIMIT),
    ("/destinations/each", "--each"),
    ("/tokenLimits/limits", LIMIT),
    ("/tokenLimits/destinations/each", "--each"),
];

/// A limit of a request.
struct Sent<'a> {
    field: String,
    flag: &'static str,
    text: &'a str,
}

/// A refusal of the request, in flags.
pub(in crate::cli) fn in_flags(failure: Failure, request: &Value, client: &Client) -> Failure {
    in_flags_where(LIMIT, failure, request, client)
}

/// The same where limits were written with another flag than `--limit`.
pub(super) fn in_flags_where(written: &'static str, failure: Failure, request: &Value, client: &Client) -> Failure {
    match of_limit(written, &failure, request, || shown::units(client)) {
        Some(told) => failure.with_message(told).with_exit(Exit::Usage),
        None => failure.with_flags(&FLAGS.map(|(field, flag)| (field, if flag == LIMIT { written } else { flag }))),
    }
}

/// What is wrong with a limit, with its text in place of the field's name.
fn of_limit(written: &str, failure: &Failure, request: &Value, decimals: impl FnOnce() -> Decimals) -> Option<String> {
    let (field, problem) = failure.field()?;
    let limits = limits(request);
    let Sent { flag, text, .. } = limits.iter().find(|sent| sent.field == field)?;
    let flag = if *flag == LIMIT { written } else { flag };
    if problem.starts_with("is no limit")
        && let Err(error) = parse_knowing(text, &decimals())
    {
        return Some(format!("`{flag}` `{text}` is no limit: {}", pointed(&error)));
    }
    let told = limits.iter().fold(failure::in_flags(problem), |told, sent| {
        told.replace(&format!("`{}`", sent.field), &format!("`{}`", sent.text))
    });
    Some(format!("`{flag}` `{text}` {told}"))
}

/// The limits of a request.
fn limits(request: &Value) -> Vec<Sent<'_>> {
    let of = |(place, flag): (&'static str, &'static str)| {
        let list = request.pointer(place).and_then(Value::as_array).into_iter().flatten();
        let name = place.trim_start_matches('/').replace('/', ".");
        list.enumerate().filter_map(move |(number, limit)| {
            Some(Sent { field: format!("{name}[{number}]"), flag, text: limit.as_str()? })
        })
    };
    LISTS.into_iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use bursar_core::coin::Coin;
    use serde_json::json;

    use super::*;

    fn told(field: &str, problem: &str, request: &Value) -> Option<String> {
        let failure = Failure::new("no").with_context("field", field).with_context("problem", problem);
        of_limit(LIMIT, &failure, request, || Decimals::declared([(Coin::parse("eth:dai").unwrap(), 2)]))
    }

    #[test]
    fn a_limit_that_only_the_server_can_read_is_told_with_its_spot() {
        let request = json!({"tokenLimits": {"destinations": {"each": ["tbtc 1/day", "eth:dai 1.005/day"]}}});
        let told = told("tokenLimits.destinations.each[1]", "is no limit: at", &request).unwrap();
        let lines: Vec<&str> = told.lines().collect();
        assert!(
            lines[0].starts_with("`--each` `eth:dai 1.005/day` is no limit: at character 13, `5`: eth:dai has 2"),
            "{told}"
        );
        assert_eq!(lines[1..], ["", "    eth:dai 1.005/day", "                ^"]);
    }

    #[test]
    fn limits_that_do_not_go_together_are_told_by_their_texts() {
        let request = json!({"limits": ["tbtc 1/day", "eth:dai 1/day", "tbtc 2/day"]});
        let told = |field| told(field, "counts the same as `limits[0]`; give one of them", &request);
        assert_eq!(
            told("limits[2]").as_deref(),
            Some("`--limit` `tbtc 2/day` counts the same as `tbtc 1/day`; give one of them")
        );
        assert_eq!([told("limits"), told("limits[3]"), told("ipRestrict[0]")], [None, None, None]);
    }

    #[test]
    fn a_limit_that_was_added_is_told_by_the_flag_that_added_it() {
        let request = json!({"limits": ["nope 1/day"]});
        let of = |field: &str, problem: &str| {
            let failure = Failure::new("no").with_context("field", field).with_context("problem", problem);
            in_flags_where("--add", failure, &request, &Client::new("http://127.0.0.1:1", None)).to_string()
        };
        assert_eq!(of("limits[0]", "is of no coin"), "error: `--add` `nope 1/day` is of no coin");
        assert_eq!(of("limits", "are more than 64"), "error: `--add` are more than 64");
        assert_eq!(of("destinations.each[0]", "is no limit"), "error: `--each` is no limit");
    }
}
