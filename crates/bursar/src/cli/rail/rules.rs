//! Rules of rails over plain HTTP, without a server.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use bursar_core::coin::Asset;
use bursar_core::decimals::Decimals;
use bursar_core::limit::text::amount_of;
use bursar_core::scope::ScopeName;
use bursar_rails::exchange::{Exchange, Outgoing};
use bursar_rails::http::Rules;
use clap::Args;
use serde_json::{Value, json};

use super::outcome::Outcome;
use super::request;
use crate::cli::output;
use crate::failure::{Exit, Failure};
use crate::rails::{self, RailConfiguration};

/// The longest request that is explained, in bytes.
const LONGEST_REQUEST: u64 = 16 * 1024 * 1024;

#[derive(Args)]
pub(in crate::cli) struct Check {
    /// The file.
    file: PathBuf,
}

#[derive(Args)]
pub(in crate::cli) struct Explain {
    /// The file with the rules.
    file: PathBuf,
    /// The rail; the only one of kind `http`, if it is left out.
    #[arg(long)]
    rail: Option<String>,
    /// The request as HTTP/1.1 writes it: `METHOD /path`, headers, an empty line, the body. `-` is standard input.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// An answer to that spend, written likewise: a status such as `200`, headers, an empty line, the body.
    #[arg(long, value_name = "FILE")]
    answer: Option<PathBuf>,
}

impl Check {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let described = rails::read_among_others(&self.file)?;
        let counts: Vec<_> = described
            .iter()
            .filter_map(|(name, rail)| match rail {
                RailConfiguration::Http(http) => Some((name, http.count(), http.notes())),
                RailConfiguration::Bitcoin(_) | RailConfiguration::Bitgo(_) | RailConfiguration::Evm(_) => None,
            })
            .collect();
        if json {
            let rails: Vec<Value> = counts
                .iter()
                .map(|(name, rules, notes)| json!({"rail": name, "rules": rules, "notes": notes}))
                .collect();
            return output::json(&json!({ "rails": rails }));
        }
        let told = |(name, rules, notes): &(&String, usize, Vec<String>)| {
            let notes: String = notes.iter().map(|note| format!("\n  note: {note}")).collect();
            format!("{name}: {rules} rules, all sound{notes}")
        };
        if counts.is_empty() {
            return output::text(
                "no rail of kind `http`, and so no rules to check; `bursar doctor` looks at the others",
            );
        }
        let lines: Vec<_> = counts.iter().map(told).collect();
        output::text(&output::printable(&lines.join("\n")))
    }
}

impl Explain {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let rules = self.rules()?;
        let bytes = read(&self.request)?;
        let request = request::Request::read(&bytes).map_err(|problem| Failure::at(&self.request, problem))?;
        let headers = request.headers();
        let asked = request.asked(&headers);
        let rule = rules.rule_of(&asked);
        let meaning = rules.meaning(&asked).map_err(|refused| {
            Failure::new(refused.detail)
                .with_exit(Exit::Refused)
                .with_code(refused.why.code())
                .with_context("rule", rule)
        })?;
        let outcome = self.answer.as_deref().map(|file| outcome(&rules, &meaning, file)).transpose()?;
        if json {
            let mut document = document(rule, &meaning);
            if let (Some(outcome), Some(document)) = (&outcome, document.as_object_mut()) {
                document.insert("answer".to_owned(), outcome.document());
            }
            return output::json(&document);
        }
        let decimals = Decimals::declared(rules.decimals());
        let mut lines = told(rule, &meaning, &decimals);
        lines.extend(outcome.iter().flat_map(|outcome| outcome.lines(&decimals)));
        let lines: Vec<_> = lines.into_iter().map(|(name, value)| format!("{name:12} {value}")).collect();
        output::text(&output::printable(&lines.join("\n")))
    }

    fn rules(&self) -> Result<Rules, Failure> {
        let described = rails::read_among_others(&self.file)?;
        let mut found = described.iter().filter_map(|(name, rail)| match rail {
            RailConfiguration::Http(http) if self.rail.as_ref().is_none_or(|wanted| wanted == name) => Some(http),
            _ => None,
        });
        let (Some(http), None) = (found.next(), found.next()) else {
            let problem = "has no such rail of kind `http`, or several: name one with --rail";
            return Err(Failure::at(&self.file, problem));
        };
        http.rules().map_err(|problem| Failure::at(&self.file, problem))
    }
}

/// What the answer in a file would mean.
fn outcome<'a>(rules: &Rules, meaning: &'a Exchange, file: &Path) -> Result<Outcome<'a>, Failure> {
    let Exchange::Spend(charge) = meaning else {
        return Err(Failure::at(file, "is passed on as it is: the request is a read, and no spend"));
    };
    let answered = request::answer(&read(file)?).map_err(|problem| Failure::at(file, problem))?;
    Outcome::of(rules, charge, &answered).ok_or_else(|| Failure::at(file, "means nothing: its rule is not there"))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let found = if path == Path::new("-") {
        io::stdin().lock().take(LONGEST_REQUEST).read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|file| file.take(LONGEST_REQUEST).read_to_end(&mut bytes))
    };
    found.map_err(|problem| Failure::at(path, problem))?;
    Ok(bytes)
}

fn document(rule: Option<&str>, meaning: &Exchange) -> Value {
    let sent = |outgoing: &Outgoing| {
        let headers: Vec<Value> = outgoing.headers.iter().map(|(name, value)| json!([name, value])).collect();
        let body = String::from_utf8_lossy(&outgoing.body);
        json!({"method": outgoing.method, "target": outgoing.target, "headers": headers, "body": body})
    };
    match meaning {
        Exchange::Read { outgoing, needs } => {
            json!({"rule": rule, "operation": "read", "scope": needs.map(ScopeName::as_str), "sent": sent(outgoing)})
        }
        Exchange::Spend(charge) => json!({
            "rule": rule, "operation": "spend", "scope": charge.needs.map(ScopeName::as_str),
            "coin": charge.coin.as_str(), "amount": charge.amount.to_string(), "destination": charge.destination, "key": charge.key, "sent": sent(&charge.outgoing),
        }),
    }
}

fn told(rule: Option<&str>, meaning: &Exchange, decimals: &Decimals) -> Vec<(&'static str, String)> {
    let mut lines = vec![("rule", rule.unwrap_or_default().to_owned())];
    let outgoing = match meaning {
        Exchange::Read { outgoing, needs } => {
            lines.push(("operation", "read: passed on".to_owned()));
            lines.extend(needs.map(|name| ("scope", name.as_str().to_owned())));
            outgoing
        }
        Exchange::Spend(charge) => {
            let nobody = "none: nobody but the upstream itself";
            lines.extend([
                ("operation", "spend: held, then sent".to_owned()),
                ("amount", amount_of(charge.amount, &Asset::Coin(charge.coin.clone()), decimals)),
                ("destination", charge.destination.as_deref().unwrap_or(nobody).to_owned()),
                ("key", charge.key.to_string()),
            ]);
            lines.extend(charge.needs.map(|name| ("scope", name.as_str().to_owned())));
            &charge.outgoing
        }
    };
    lines.push(("sent on", format!("{} {}", outgoing.method, outgoing.target)));
    lines.extend(outgoing.headers.iter().map(|(name, value)| ("", format!("{name}: {value}"))));
    if !outgoing.body.is_empty() {
        lines.push(("", String::from_utf8_lossy(&outgoing.body).into_owned()));
    }
    lines
}
