//! Changing limits: those that were seen are edited and sent back with their version, so that nobody
//! overwrites what somebody else has changed.

use bursar_client::{Client, LimitsOf};
use bursar_core::decimals::Decimals;
use bursar_core::limit::text;
use bursar_core::limit::text::parse_knowing;
use clap::Args;
use serde_json::{Map, Value};

use crate::cli::connection::Connection;
use crate::cli::limits::list;
use crate::cli::limits::refused::in_flags_where;
use crate::cli::limits::written::{self, Destinations, Said, said, texts, written};
use crate::cli::otp::Otp;
use crate::cli::{output, shown};
use crate::failure::Failure;

#[derive(Args)]
pub(in crate::cli) struct Edit {
    /// The limits there shall be, instead of all there are, such as 'tbtc 0.5/day'; may be given again.
    #[arg(long = "limit", value_name = "LIMIT", value_parser = said, conflicts_with_all = ["add", "remove"])]
    limits: Vec<Said>,
    /// One more limit, or another ceiling for the limit that counts the same; may be given again.
    #[arg(long, value_name = "LIMIT", value_parser = said)]
    add: Vec<Said>,
    /// A limit that shall go, as it is shown; may be given again.
    #[arg(long, value_name = "LIMIT", value_parser = said)]
    remove: Vec<Said>,
    #[command(flatten)]
    destinations: Destinations,
    /// Lift all rules about destinations.
    #[arg(long, conflicts_with_all = ["to", "max_destinations", "each"])]
    anywhere: bool,
    /// Change nothing unless this is still the version of the limits.
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
    #[command(flatten)]
    otp: Otp,
    #[command(flatten)]
    connection: Connection,
}

impl Edit {
    pub(super) fn client(&self) -> Result<Client, Failure> {
        self.connection.client()
    }

    pub(in crate::cli) fn run(self, of: LimitsOf<'_>, json: bool) -> Result<(), Failure> {
        if !self.changes_limits() && !self.anywhere && self.destinations.is_empty() {
            return Err(Failure::usage("there is nothing to change").with_hint("say --limit, --add, --remove or --to"));
        }
        let client = self.client()?;
        let before = client.limits(of)?;
        let request = self.request(&before, &shown::units(&client))?;
        let after = self.otp.present(|otp| {
            let mut request = request.clone();
            request.extend(otp.map(|otp| ("otp".to_owned(), otp.into())));
            client.set_limits(of, &Value::Object(request))
        });
        let after = after.map_err(|failure| in_flags_where(self.flag(), failure, &request.into(), &client))?;
        if json {
            return output::json(&after);
        }
        output::warnings(&after);
        output::text(&difference(&before, &after))
    }

    fn request(&self, before: &Value, decimals: &Decimals) -> Result<Map<String, Value>, Failure> {
        let version = self.if_version.map(Value::from).or_else(|| before.get("version").cloned());
        let mut request = Map::new();
        request.extend(version.map(|version| ("version".to_owned(), version)));
        // What a request does not mention stays.
        if self.changes_limits() {
            request.insert("limits".to_owned(), texts(&self.limits(before, decimals)?));
        }
        if self.anywhere {
            request.insert("destinations".to_owned(), Value::Null);
        } else if !self.destinations.is_empty() {
            let rules = self.destinations.over(before.get("destinations").unwrap_or(&Value::Null))?;
            request.insert("destinations".to_owned(), rules);
        }
        Ok(request)
    }

    fn changes_limits(&self) -> bool {
        !(self.limits.is_empty() && self.add.is_empty() && self.remove.is_empty())
    }

    /// The flag that limits were written with.
    const fn flag(&self) -> &'static str {
        match (self.add.is_empty(), self.remove.is_empty()) {
            (false, _) => "--add",
            (true, false) => "--remove",
            (true, true) => "--limit",
        }
    }

    fn limits(&self, before: &Value, decimals: &Decimals) -> Result<Vec<Said>, Failure> {
        if !self.limits.is_empty() {
            return Ok(self.limits.clone());
        }
        let read = |report: &Value| {
            let text = written(report);
            parse_knowing(&text, decimals)
                .map_err(|error| Failure::new(format!("the server's limit `{text}` is not understood: {error}")))
        };
        let mut limits = list(before, "limits").iter().map(read).collect::<Result<Vec<_>, _>>()?;
        for gone in &self.remove {
            let gone = gone.limit(decimals)?;
            let told = |limit| text::describe_knowing(limit, decimals);
            let place = limits.iter().position(|limit| *limit == gone).ok_or_else(|| {
                let there: Vec<String> = limits.iter().map(|limit| format!("`{}`", told(limit))).collect();
                let failure = Failure::new(format!("there is no limit `{}`", told(&gone)));
                failure
                    .with_hint(format!("there is {}", if there.is_empty() { "none".into() } else { there.join(", ") }))
            })?;
            limits.remove(place);
        }
        for new in &self.add {
            let new = new.limit(decimals)?;
            match limits.iter_mut().find(|limit| limit.has_shape_of(&new)) {
                Some(limit) => *limit = new,
                None => limits.push(new),
            }
        }
        Ok(limits.into_iter().map(Said::Read).collect())
    }
}

/// What changed, line by line, as patches write it.
pub(super) fn difference(before: &Value, after: &Value) -> String {
    let lines = |limits: &Value| -> Vec<String> {
        let texts = list(limits, "limits").iter().map(written);
        texts.chain(written::rules(limits.get("destinations").unwrap_or(&Value::Null))).collect()
    };
    let (old, new) = (lines(before), lines(after));
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}"));
    let there = new.iter().map(|line| format!("{} {line}", if old.contains(line) { ' ' } else { '+' }));
    let version = format!("version {}, was {}", shown::text(after, "version"), shown::text(before, "version"));
    gone.chain(there).chain([version]).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use bursar_core::coin::Coin;
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        edit: Edit,
    }

    fn request(flags: &[&str]) -> Result<Value, Failure> {
        asked(flags, &["tbtc 0.5/day", "20 spends/hour"], &Decimals::default())
    }

    fn asked(flags: &[&str], rules: &[&str], decimals: &Decimals) -> Result<Value, Failure> {
        let rules: Vec<Value> = rules.iter().map(|rule| json!({"rule": rule})).collect();
        let before = json!({"version": 3, "limits": rules, "destinations": {"atMost": 2}});
        let line = Line::try_parse_from([&["x"], flags].concat()).unwrap();
        line.edit.request(&before, decimals).map(Value::Object)
    }

    #[test]
    fn an_edit_keeps_what_it_does_not_name() {
        let all = json!({"version": 3, "limits": ["tbtc 1/day", "20 spends/hour", "tbtc 2/week"]});
        assert_eq!(request(&["--add", "tbtc 1/day", "--add", "tbtc 2/7 days"]).unwrap(), all);
        let none = json!({"version": 9, "limits": ["20 spends/hour"], "destinations": null});
        assert_eq!(request(&["--remove", "tbtc 0.50/day", "--anywhere", "--if-version", "9"]).unwrap(), none);
        let others = json!({"version": 3, "limits": ["tbtc 1 in total"]});
        assert_eq!(request(&["--limit", "tbtc=100000000"]).unwrap(), others);
        let fewer = json!({"version": 3, "destinations": {"atMost": 1}});
        assert_eq!(request(&["--max-destinations", "1"]).unwrap(), fewer);
    }

    #[test]
    fn limits_of_a_coin_that_the_server_declares_are_added_and_taken_away_in_its_units() {
        let declared = Decimals::declared([(Coin::parse("eth:dai").unwrap(), 18)]);
        let rules = ["eth:dai 100/day", "eth:dai 500/week"];
        let edited = asked(&["--add", "eth:dai 20/day", "--remove", "eth:dai 500/week"], &rules, &declared).unwrap();
        assert_eq!(edited["limits"], json!(["eth:dai 20000000000000000000 base units/day"]));
        let told = asked(&["--remove", "eth:dai 7/day"], &rules, &declared).unwrap_err().to_string();
        assert!(told.contains("there is no limit `eth:dai 7/day`\nhint: there is `eth:dai 100/day`"), "{told}");
    }

    #[test]
    fn a_limit_that_is_not_there_is_not_taken_away() {
        let told = request(&["--remove", "tbtc 0.6/day"]).unwrap_err().to_string();
        assert!(told.contains("there is no limit `tbtc 0.6/day`\nhint: there is `tbtc 0.5/day`, `20 sp"), "{told}");
    }

    #[test]
    fn a_change_is_shown_as_a_difference() {
        let before = json!({"version": 3, "limits": [{"rule": "a"}, {"rule": "b"}], "destinations": null});
        let after = json!({"version": 4, "limits": [{"rule": "b"}, {"rule": "c"}], "destinations": {"atMost": 1}});
        let shown = "- a\n  b\n+ c\n+ to at most 1 destinations\nversion 4, was 3";
        assert_eq!(difference(&before, &after), shown);
    }
}
