//! `bursar spends …`: what was spent, what is under way, and what became of what nobody knows.

mod held;

use std::fmt::Display;

use bursar_client::Client;
use bursar_core::decimals::Decimals;
use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::cli::amount::of_spend;
use crate::cli::connection::Connection;
use crate::cli::otp::Otp;
use crate::cli::{limits, output, shown, table};
use crate::failure::Failure;

/// Recipients of a spend that its line names.
const MOST_NAMED: usize = 3;

/// Which field of the request each flag becomes.
const FLAGS: &[(&str, &str)] =
    &[("amount", "--amount"), ("fee", "--fee"), ("reference", "--reference"), ("evidence", "--evidence")];

#[derive(Subcommand)]
pub(super) enum Spends {
    /// List a token's spends, newest first, or those whose outcome nobody knows.
    List {
        /// Where the id of a spend is written by mistake.
        #[arg(hide = true)]
        id: Option<String>,
        /// The token's id; the presented token if nothing is said, and of a service's credential what it holds.
        #[arg(long, value_name = "ID", conflicts_with = "unresolved")]
        token_id: Option<String>,
        /// All whose outcome nobody knows and which one may resolve.
        #[arg(long)]
        unresolved: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show one spend.
    Show {
        /// The spend's id.
        id: String,
        #[command(flatten)]
        connection: Connection,
    },
    /// Say what became of a spend whose outcome nobody knows; until then it counts against its limits.
    Resolve(Resolve),
    /// As a service: hold what a token is about to spend, or be told why it may not.
    Hold(held::Hold),
    /// As a service: the money of a held spend moved.
    Capture(held::Capture),
    /// As a service: the money of a held spend did not move, and will not.
    Release(held::Release),
    /// Ask the rail what became of a spend that is not settled, and settle it by what the rail shows.
    Reconcile {
        /// The spend's id; all that are not settled and that one may resolve if nothing is said.
        id: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
}

#[derive(Args)]
#[command(group = ArgGroup::new("finding").required(true).args(["moved", "not_moved"]))]
pub(super) struct Resolve {
    /// The spend's id.
    id: String,
    /// The money moved: what was held is spent.
    #[arg(long, requires = "reference")]
    moved: bool,
    /// The money did not move, and will not: what was held is free again.
    #[arg(long)]
    not_moved: bool,
    /// What the rail calls it, such as a transaction's id; needed with --moved.
    #[arg(long, conflicts_with = "not_moved")]
    reference: Option<String>,
    /// What recipients got without the fee, in base units or such as '0.1 tbtc'; what was held for them if nothing is said.
    #[arg(long, conflicts_with = "not_moved")]
    amount: Option<String>,
    /// The fee that was paid for it, in the same way; what was held for it if nothing is said.
    #[arg(long, conflicts_with = "not_moved")]
    fee: Option<String>,
    /// More than was held moved: recorded in full, which cannot be taken back and locks the token.
    #[arg(long, conflicts_with = "not_moved")]
    more_than_held: bool,
    /// Where you looked and what you saw; it is kept in the audit chain.
    #[arg(long, value_name = "TEXT")]
    evidence: String,
    #[command(flatten)]
    otp: Otp,
    #[command(flatten)]
    connection: Connection,
}

impl Spends {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        match self {
            Self::List { id: Some(id), .. } => {
                let usage = Failure::usage("`bursar spends list` takes no id");
                let help = "shows that spend, and `bursar spends list --token-id ID` lists those of a token";
                Err(usage.with_hint(format!("`bursar spends show {id}` {help}")))
            }
            Self::List { id: None, token_id, unresolved, connection } => {
                let client = connection.client()?;
                let spends = match (unresolved, token_id) {
                    (true, _) => client.unresolved()?,
                    (false, Some(id)) => client.spends(&id)?,
                    (false, None) => own(&client)?,
                };
                if json {
                    output::json(&json!({"spends": spends}))
                } else if unresolved {
                    // Whoever may list no wallets still sees the spends.
                    let wallets = client.wallets(None).unwrap_or_default();
                    output::table(&undecided(&spends, &wallets, &shown::units(&client)), "there are no such spends")
                } else {
                    output::table(&list(&spends, &shown::units(&client)), "there are no such spends")
                }
            }
            Self::Show { id, connection } => {
                let client = connection.client()?;
                show(&client.spend_of_id(&id)?, &client, json)
            }
            Self::Resolve(resolve) => resolve.run(json),
            Self::Hold(hold) => hold.run(json),
            Self::Capture(capture) => capture.run(json),
            Self::Release(release) => release.run(json),
            Self::Reconcile { id, connection } => reconcile(&connection.client()?, id, json),
        }
    }
}

/// What the presented token spent; of a service, which spends nothing itself, what it holds for others.
fn own(client: &Client) -> Result<Vec<Value>, Failure> {
    let own = client.own()?;
    match own.get("kind").and_then(Value::as_str) {
        Some("service") => Ok(client.unsettled()?),
        _ => Ok(client.spends(&shown::text(&own, "id"))?),
    }
}

fn reconcile(client: &Client, id: Option<String>, json: bool) -> Result<(), Failure> {
    if let Some(id) = id {
        let one = client.reconcile(&id)?;
        return if json { output::json(&json!({"reconciled": [one]})) } else { output::text(&table_of([row(&one)])) };
    }
    let ids: Vec<String> = client.unsettled()?.iter().map(|spend| shown::text(spend, "id")).collect();
    let asked = ask_of_each(&ids, |id| client.reconcile(id));
    if json {
        output::json(&asked.document())
    } else {
        output::table(&table_of(asked.rows()), "nothing is unresolved")
    }?;
    match asked.failed.len() {
        0 => Ok(()),
        failed => {
            let told = format!("{failed} of {} spends could not be asked after", ids.len());
            Err(Failure::new(told).with_hint("`bursar spends reconcile ID` asks after one of them").printed())
        }
    }
}

/// What came of asking after spends, one after the other.
#[derive(Default)]
struct Asked {
    reconciled: Vec<Value>,
    /// Spends that could not be asked after, and why.
    failed: Vec<(String, String)>,
}

/// Asks after all of them, whatever becomes of one.
fn ask_of_each<E: Display>(ids: &[String], ask: impl Fn(&str) -> Result<Value, E>) -> Asked {
    let mut asked = Asked::default();
    for id in ids {
        match ask(id) {
            Ok(one) => asked.reconciled.push(one),
            Err(error) => asked.failed.push((id.clone(), error.to_string())),
        }
    }
    asked
}

impl Asked {
    fn document(&self) -> Value {
        let mut document = Map::new();
        document.insert("reconciled".to_owned(), json!(self.reconciled));
        if !self.failed.is_empty() {
            let failed = self.failed.iter().map(|(id, error)| json!({"spend": id, "error": error}));
            document.insert("failed".to_owned(), failed.collect());
        }
        document.into()
    }

    fn rows(&self) -> impl Iterator<Item = [String; 5]> {
        let failed = self.failed.iter().map(|(id, error)| {
            let [unknown, nothing] = ["-", "-"].map(str::to_owned);
            [id.clone(), unknown, "failed".to_owned(), nothing, output::printable(error)]
        });
        self.reconciled.iter().map(row).chain(failed)
    }
}

/// What a rail showed of a spend, and what became of it.
fn row(one: &Value) -> [String; 5] {
    let spend = one.get("spend").unwrap_or(&Value::Null);
    let [showed, reference, detail] = ["showed", "reference", "detail"].map(|name| shown::text(one, name));
    let reference = if reference.is_empty() { "-".to_owned() } else { reference };
    [shown::text(spend, "id"), shown::text(spend, "state"), showed.replace('_', " "), reference, detail]
}

fn table_of(rows: impl IntoIterator<Item = [String; 5]>) -> String {
    let rows: Vec<[String; 5]> = rows.into_iter().collect();
    table::draw(["SPEND", "STATE", "RAIL SHOWED", "REFERENCE", "WHY"], &rows)
}

impl Resolve {
    fn run(self, json: bool) -> Result<(), Failure> {
        let client = self.connection.client()?;
        let [amount, fee] = of_spend(&client, &self.id, self.amount, self.fee)?;
        let mut finding = Map::new();
        finding.insert("moved".to_owned(), self.moved.into());
        finding.insert("evidence".to_owned(), self.evidence.into());
        if self.more_than_held {
            finding.insert("moreThanHeld".to_owned(), true.into());
        }
        finding.extend(held::said([("reference", self.reference), ("amount", amount), ("fee", fee)]));
        let resolved = self.otp.present(|otp| {
            let mut finding = finding.clone();
            finding.extend(otp.map(|otp| ("otp".to_owned(), otp.into())));
            client.resolve(&self.id, &Value::Object(finding))
        });
        show(&resolved.map_err(|failure| failure.with_flags(FLAGS))?, &client, json)
    }
}

fn list(spends: &[Value], decimals: &Decimals) -> String {
    let row = |spend: &Value| {
        // What was held says nothing of what moved, once that is known.
        let moved = spend.get("captured").filter(|captured| captured.is_object()).unwrap_or(spend);
        let is_released = shown::text(spend, "state") == "released";
        let told = |name, coin| match is_released {
            true => "-".to_owned(),
            false => shown::amount(&shown::text(moved, name), &shown::text(spend, coin), decimals),
        };
        [
            shown::text(spend, "id"),
            shown::text(spend, "state"),
            told("amount", "coin"),
            told("fee", "feeCoin"),
            held(spend, decimals),
            recipients(spend),
            shown::text(spend, "created"),
            shown::text(spend, "token"),
        ]
    };
    let rows: Vec<[String; 8]> = spends.iter().map(row).collect();
    table::draw(["SPEND", "STATE", "AMOUNT", "FEE", "HELD", "TO", "CREATED", "TOKEN"], &rows)
}

/// Spends of which nobody knows: where they are from, and why.
fn undecided(spends: &[Value], wallets: &[Value], decimals: &Decimals) -> String {
    let row = |spend: &Value| {
        let id = shown::text(spend, "wallet");
        let wallet = wallets.iter().find(|wallet| shown::text(wallet, "id") == id);
        let wallet = wallet.map_or(id, |own| format!("{} on {}", shown::text(own, "label"), shown::text(own, "rail")));
        let unresolved = spend.get("unresolved").unwrap_or(&Value::Null);
        [
            shown::text(spend, "id"),
            held(spend, decimals),
            recipients(spend),
            wallet,
            shown::text(unresolved, "since"),
            shown::text(unresolved, "reason"),
        ]
    };
    let rows: Vec<[String; 6]> = spends.iter().map(row).collect();
    table::draw(["SPEND", "HELD", "TO", "WALLET", "SINCE", "WHY"], &rows)
}

/// What a spend keeps from being spent otherwise, until its outcome is known.
fn held(spend: &Value, decimals: &Decimals) -> String {
    if !matches!(shown::text(spend, "state").as_str(), "open" | "unresolved") {
        return "-".to_owned();
    }
    let (fee, coin) = (shown::text(spend, "fee"), shown::text(spend, "feeCoin"));
    let is_apart = coin != shown::text(spend, "coin") && fee != "0" && !fee.is_empty();
    let fee = if is_apart { format!(" and {} of fees", shown::amount(&fee, &coin, decimals)) } else { String::new() };
    amount(spend, ("total", "coin"), decimals) + &fee
}

/// The first recipients, and how many more there are.
fn recipients(spend: &Value) -> String {
    let all = limits::list(spend, "recipients");
    let named = all.iter().take(MOST_NAMED).map(|to| shown::text(to, "address")).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MOST_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn amount(spend: &Value, (amount, coin): (&str, &str), decimals: &Decimals) -> String {
    shown::amount(&shown::text(spend, amount), &shown::text(spend, coin), decimals)
}

fn show(spend: &Value, client: &Client, json: bool) -> Result<(), Failure> {
    if json { output::json(spend) } else { output::text(&one(spend, &shown::units(client))) }
}

/// A spend, line by line.
fn one(spend: &Value, decimals: &Decimals) -> String {
    let coin = shown::text(spend, "coin");
    let mut lines = vec![
        format!("Spend      {}", shown::text(spend, "id")),
        format!("State      {}", shown::text(spend, "state")),
        format!("Amount     {}", amount(spend, ("amount", "coin"), decimals)),
        format!("Fee        {}", amount(spend, ("fee", "feeCoin"), decimals)),
        format!("Total      {}", amount(spend, ("total", "coin"), decimals)),
    ];
    for to in limits::list(spend, "recipients") {
        let amount = shown::amount(&shown::text(to, "amount"), &coin, decimals);
        lines.push(format!("To         {} {amount}", shown::text(to, "address")));
    }
    let part = |part: &str| spend.get(part).unwrap_or(&Value::Null);
    let (captured, released) = (part("captured"), part("released"));
    if !captured.is_null() {
        let moved = shown::amount(&shown::text(captured, "amount"), &coin, decimals);
        let fee = shown::amount(&shown::text(captured, "fee"), &shown::text(spend, "feeCoin"), decimals);
        lines.push(format!("Captured   {moved}, fee {fee}, at {}", shown::text(captured, "at")));
    }
    let more = [
        ("Sent as", part("sent"), "reference"),
        ("Reference", captured, "reference"),
        ("Released", released, "at"),
        ("Reason", released, "reason"),
        ("Unknown", part("unresolved"), "since"),
        ("Because", part("unresolved"), "reason"),
        ("Asked last", part("lookedUp"), "at"),
        ("It said", part("lookedUp"), "said"),
        ("Back from", part("lookedUp"), "backFrom"),
        ("Token", spend, "token"),
        ("Wallet", spend, "wallet"),
        ("Held by", spend, "heldBy"),
        ("Created", spend, "created"),
        ("Deadline", spend, "deadline"),
        ("Key", spend, "idempotencyKey"),
        ("Sequence", spend, "sequenceId"),
        ("Comment", spend, "comment"),
    ];
    let more = more.iter().map(|(title, of, name)| (title, shown::text(of, name)));
    lines.extend(more.filter(|(_, text)| !text.is_empty()).map(|(title, text)| format!("{title:<10} {text}")));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spend_is_shown_in_units_where_they_are_known() {
        let spend = json!({
            "id": "s", "state": "captured", "coin": "tbtc", "amount": "1000", "fee": "5", "feeCoin": "tsol",
            "total": "1000", "recipients": [{"address": "a", "amount": "1000"}],
            "captured": {"at": "now", "amount": "1000", "fee": "0", "total": "1000", "reference": "tx"},
            "wallet": null, "token": "t", "created": "then", "deadline": "later",
        });
        let shown = [
            "Spend      s",
            "State      captured",
            "Amount     0.00001 tbtc",
            "Fee        5 base units of tsol",
            "Total      0.00001 tbtc",
            "To         a 0.00001 tbtc",
            "Captured   0.00001 tbtc, fee 0 base units of tsol, at now",
            "Reference  tx",
            "Token      t",
            "Created    then",
            "Deadline   later",
        ];
        assert_eq!(one(&spend, &Decimals::default()).lines().collect::<Vec<_>>(), shown);
        assert!(
            list(std::slice::from_ref(&spend), &Decimals::default())
                .contains("s      captured  0.00001 tbtc  0 base units of tsol  -     a   then")
        );
        let mut released = spend.clone();
        (released["state"], released["captured"]) = ("released".into(), Value::Null);
        let nothing = list(&[released], &Decimals::default());
        assert!(nothing.contains("s      released  -       -    -     a "), "{nothing}");
        let mut open = spend;
        (open["state"], open["captured"]) = ("open".into(), Value::Null);
        let held =
            "s      open   0.00001 tbtc  5 base units of tsol  0.00001 tbtc and 5 base units of tsol of fees  a   then";
        let list = list(&[open], &Decimals::default());
        assert!(list.contains(held), "{list}");
    }

    #[test]
    fn of_many_recipients_a_line_names_the_first() {
        let spend = |number: usize| {
            let to = |place: usize| json!({"address": format!("a{place}"), "amount": "1"});
            json!({"recipients": (0..number).map(to).collect::<Vec<_>>()})
        };
        assert_eq!(recipients(&spend(3)), "a0, a1, a2");
        assert_eq!(recipients(&spend(400)), "a0, a1, a2 and 397 more");
    }

    #[test]
    fn a_spend_that_cannot_be_asked_after_keeps_no_other_from_being() {
        let ids = ["a", "b", "c"].map(str::to_owned);
        let asked = ask_of_each(&ids, |id| match id {
            "b" => Err("rail `gone` is not configured"),
            id => Ok(json!({"showed": "not_moved", "detail": "never", "spend": {"id": id, "state": "released"}})),
        });
        let document = asked.document();
        let told: Vec<&str> =
            limits::list(&document, "reconciled").iter().filter_map(|one| one["spend"]["id"].as_str()).collect();
        assert_eq!(told, ["a", "c"]);
        assert_eq!(document["failed"], json!([{"spend": "b", "error": "rail `gone` is not configured"}]));
        let drawn = table_of(asked.rows());
        assert_eq!(drawn.lines().count(), 4, "{drawn}");
        assert!(drawn.contains("b      -         failed       -          rail `gone` is not configured"), "{drawn}");
    }
}
