//! `bursar wallet …`: wallets.

mod named;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bursar_core::decimals::Decimals;
use bursar_core::secret::Secret;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::connection::Connection;
use crate::cli::limits::Operated;
use crate::cli::operator::Place;
use crate::cli::otp::Otp;
use crate::cli::token::seconds;
use crate::cli::{output, shown, table};
use crate::environment;
use crate::failure::Failure;
use crate::operator::{Allowed, Answer, LimitsOf, Request};

pub(super) use named::named;

#[derive(Subcommand)]
pub(super) enum Wallet {
    /// List the wallets one has a part in.
    List {
        /// Only those of this coin.
        #[arg(long)]
        coin: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show the limits of a wallet, or change them, as the operator on the server's machine.
    Limits {
        /// The wallet's id.
        wallet: String,
        #[command(flatten)]
        limits: Operated,
    },
    /// Register a wallet on a rail, as the operator on the server's machine. The server keeps its key, sealed; or the
    /// rail's node does.
    Add {
        /// The rail, as it is named in the configuration.
        #[arg(long)]
        rail: String,
        /// The chain's coin; tokens on the chain are spent from the same wallet.
        #[arg(long)]
        coin: String,
        /// What people call the wallet.
        #[arg(long)]
        label: String,
        /// The organisation, by its id, or by its name if no other has it; the default one if nothing is said.
        #[arg(long)]
        organisation: Option<String>,
        /// Who gets every role in it.
        #[arg(long, value_name = "USERNAME")]
        owner: String,
        /// What the node calls the wallet whose key it keeps: its name, or its address on a chain of Ethereum's kind.
        #[arg(long, value_name = "NAME", conflicts_with_all = ["key_file", "keystore"])]
        reference: Option<String>,
        /// A file with the private key, 64 hex digits; otherwise a new key is made.
        #[arg(long, value_name = "FILE", conflicts_with = "keystore")]
        key_file: Option<PathBuf>,
        /// An encrypted keystore (Web3 Secret Storage) with the private key.
        #[arg(long, value_name = "FILE", requires = "keystore_password_file")]
        keystore: Option<PathBuf>,
        /// A file with the password of the keystore.
        #[arg(long, value_name = "FILE")]
        keystore_password_file: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Keep a wallet from being spent from, whatever token asks.
    Freeze {
        /// The wallet, by its id, or by its label if no other of yours has it.
        wallet: String,
        /// Why; whoever may see the wallet is told.
        #[arg(long)]
        reason: Option<String>,
        /// For how long, such as 12h; until it is lifted if nothing is said.
        #[arg(long = "for", value_name = "DURATION", value_parser = seconds)]
        duration: Option<u64>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Lift the freeze of a wallet that one administers; the operator does so with `user unfreeze-wallet`.
    Unfreeze {
        /// The wallet, by its id, or by its label if no other of yours has it.
        wallet: String,
        #[command(flatten)]
        otp: Otp,
        #[command(flatten)]
        connection: Connection,
    },
    /// Remove a wallet that was registered by mistake, as the operator on the server's machine: one from which no spend was
    /// ever recorded. Any other is frozen (`wallet freeze`).
    Remove {
        /// The wallet's id.
        wallet: String,
        #[command(flatten)]
        place: Place,
    },
    /// Allow those who run an organisation to register a wallet that a rail's node has, as the operator on the server's
    /// machine.
    Allow {
        /// The rail, as it is named in the configuration.
        #[arg(long)]
        rail: String,
        /// What the node calls the wallet: its name, or its address on a chain of Ethereum's kind.
        #[arg(long, value_name = "NAME")]
        reference: String,
        /// The chain's coin; tokens on the chain are spent from the same wallet.
        #[arg(long)]
        coin: String,
        /// The organisation, by its id, or by its name if no other has it; the default one if nothing is said.
        #[arg(long)]
        organisation: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Take back that a wallet may be registered; one that was registered stays.
    Disallow {
        /// The rail, as it is named in the configuration.
        #[arg(long)]
        rail: String,
        /// What the node calls the wallet.
        #[arg(long, value_name = "NAME")]
        reference: String,
        #[command(flatten)]
        place: Place,
    },
    /// List the wallets that organisations may register, and what they were registered as.
    Allowed {
        #[command(flatten)]
        place: Place,
    },
}

impl Wallet {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let (coin, connection) = match self {
            Self::List { coin, connection } => (coin, connection),
            Self::Limits { wallet, limits } => return limits.run(LimitsOf::Wallet(wallet), json),
            Self::Add {
                rail,
                coin,
                label,
                organisation,
                owner,
                reference,
                key_file,
                keystore,
                keystore_password_file,
                place,
            } => {
                let key = match (key_file, keystore, keystore_password_file) {
                    (Some(file), _, _) => Some(line(&file)?),
                    (None, Some(keystore), Some(password)) => Some(opened(&keystore, &line(&password)?)?),
                    _ => None,
                };
                let key = key.map(|key| key.expose().clone());
                let request = Request::AddWallet { rail, coin, label, organisation, owner, key, reference };
                return add(place, request, json);
            }
            Self::Freeze { wallet, reason, duration, connection } => {
                let client = connection.client()?;
                let wallet = named(&client, wallet)?;
                let frozen = client.freeze_wallet(&wallet, reason.as_deref(), duration)?;
                let lifts = "`bursar wallet unfreeze` lifts that";
                let told = match frozen.pointer("/frozen/until").and_then(Value::as_str) {
                    Some(until) => format!("nothing is spent from wallet {wallet} until {until}; {lifts}"),
                    None => format!("nothing is spent from wallet {wallet} any more; {lifts}"),
                };
                return if json { output::json(&frozen) } else { output::text(&told) };
            }
            Self::Unfreeze { wallet, otp, connection } => {
                let client = connection.client()?;
                let wallet = named(&client, wallet)?;
                otp.present(|otp| client.unfreeze_wallet(&wallet, otp))?;
                let lifted = json!({"id": wallet, "frozen": false});
                return if json {
                    output::json(&lifted)
                } else {
                    output::text(&format!("the freeze of wallet {wallet} is lifted"))
                };
            }
            Self::Remove { wallet, place } => return remove(place, &wallet, json),
            Self::Allow { rail, reference, coin, organisation, place } => {
                let allowed = allowed(place, Request::AllowWallet { rail, reference, coin, organisation })?;
                return tell(&allowed, json, |one| {
                    let Allowed { rail, reference, coin, organisation, .. } = one;
                    format!(
                        "organisation {organisation} may register `{reference}` of rail `{rail}`, as a wallet of {coin}"
                    )
                });
            }
            Self::Disallow { rail, reference, place } => {
                let allowed = allowed(place, Request::DisallowWallet { rail, reference })?;
                return tell(&allowed, json, |one| {
                    let Allowed { rail, reference, organisation, wallet, .. } = one;
                    let stays =
                        wallet.as_ref().map(|id| format!("; it was registered before, and stays as wallet {id}"));
                    let stays = stays.unwrap_or_default();
                    format!("organisation {organisation} may no longer register `{reference}` of rail `{rail}`{stays}")
                });
            }
            Self::Allowed { place } => return list_allowed(&allowed(place, Request::AllowedWallets)?, json),
        };
        let client = connection.client()?;
        let wallets = client.wallets(coin.as_deref())?;
        if json {
            return output::json(&json!({"wallets": wallets}));
        }
        let none = match coin {
            Some(coin) => format!("you have a part in no wallet of {coin}"),
            None => "you have a part in no wallet".to_owned(),
        };
        output::table(&list(&wallets, &shown::units(&client)), &none)?;
        addresses(client.url(), &wallets).iter().for_each(|line| output::remark(line));
        unexplained(&wallets).iter().for_each(|line| output::remark(line));
        Ok(())
    }
}

fn add(place: Place, request: Request, json: bool) -> Result<(), Failure> {
    environment::start_log("warn");
    match (place.answer(request)?, json) {
        (Answer::Failed { message }, _) => Err(Failure::new(message)),
        (Answer::Wallet { id, coin, reference, is_address }, true) => {
            let shown = match is_address {
                true => json!({"id": id, "coin": coin, "reference": reference, "address": reference}),
                false => json!({"id": id, "coin": coin, "reference": reference}),
            };
            output::json(&shown)
        }
        (Answer::Wallet { id, coin, reference, is_address }, false) => {
            let title = if is_address { "Address" } else { "Name   " };
            output::text(&format!("Wallet   {id}\nCoin     {coin}\n{title}  {reference}"))
        }
        _ => Err(Failure::new("the server answered something else than was asked")),
    }
}

fn remove(place: Place, wallet: &str, json: bool) -> Result<(), Failure> {
    environment::start_log("warn");
    match (place.answer(Request::RemoveWallet { wallet: wallet.to_owned() })?, json) {
        (Answer::Failed { message }, _) => Err(Failure::new(message)),
        (Answer::Done, true) => output::json(&json!({"id": wallet, "removed": true})),
        (Answer::Done, false) => {
            output::text(&format!("wallet {wallet} is removed; tokens that name it are refused it"))
        }
        _ => Err(Failure::new("the server answered something else than was asked")),
    }
}

fn allowed(place: Place, request: Request) -> Result<Vec<Allowed>, Failure> {
    environment::start_log("warn");
    match place.answer(request)? {
        Answer::Allowed { wallets } => Ok(wallets),
        Answer::Failed { message } => Err(Failure::new(message)),
        _ => Err(Failure::new("the server answered something else than was asked")),
    }
}

/// Tells of the one wallet that was allowed, or was until now.
fn tell(allowed: &[Allowed], json: bool, sentence: impl Fn(&Allowed) -> String) -> Result<(), Failure> {
    let [one] = allowed else { return Err(Failure::new("the server answered something else than was asked")) };
    if json { output::json(&json!(one)) } else { output::text(&sentence(one)) }
}

fn list_allowed(allowed: &[Allowed], json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&json!({"wallets": allowed}));
    }
    let row = |one: &Allowed| {
        let Allowed { rail, reference, coin, organisation, wallet } = one;
        [rail, reference, coin, organisation, wallet.as_deref().unwrap_or("not yet")].map(str::to_owned)
    };
    let rows: Vec<[String; 5]> = allowed.iter().map(row).collect();
    let drawn = table::draw(["RAIL", "REFERENCE", "COIN", "ORGANISATION", "REGISTERED AS"], &rows);
    output::table(&drawn, "no wallet is allowed to be registered")
}

/// The one line of a file that only its owner should be able to read.
fn line(file: &Path) -> Result<Secret<String>, Failure> {
    let text = Secret::new(fs::read_to_string(file).map_err(|problem| Failure::at(file, problem))?);
    Ok(Secret::new(text.expose().trim().to_owned()))
}

/// The private key in a keystore, in hex.
fn opened(keystore: &Path, password: &Secret<String>) -> Result<Secret<String>, Failure> {
    let key =
        eth_keystore::decrypt_key(keystore, password.expose()).map_err(|problem| Failure::at(keystore, problem))?;
    let key = Secret::new(key);
    Ok(Secret::new(base16ct::lower::encode_string(key.expose())))
}

/// What a wallet has, if its rail says so.
fn balance(wallet: &Value, decimals: &Decimals) -> String {
    let balance = shown::text(wallet, "balanceString");
    if balance.is_empty() { balance } else { shown::amount(&balance, &shown::text(wallet, "coin"), decimals) }
}

/// Whether it is frozen, until when and why.
fn state(wallet: &Value) -> String {
    let Some(freeze) = wallet.get("frozen").filter(|freeze| !freeze.is_null()) else { return "open".to_owned() };
    let (until, reason) = (shown::text(freeze, "until"), shown::text(freeze, "reason"));
    let until = if until.is_empty() { until } else { format!(" until {until}") };
    let reason = reason.strip_prefix("frozen ").map_or_else(|| format!(": {reason}"), |by| format!(" {by}"));
    format!("frozen{reason}{until}")
}

fn list(wallets: &[Value], decimals: &Decimals) -> String {
    let row = |wallet: &Value| {
        let is_sandbox = wallet.get("isSandbox") == Some(&Value::Bool(true));
        let address = wallet.get("receiveAddress").map(|address| shown::text(address, "address")).unwrap_or_default();
        [
            shown::text(wallet, "coin"),
            shown::text(wallet, "id"),
            shown::text(wallet, "label"),
            balance(wallet, decimals),
            if is_sandbox { "sandbox" } else { "the rail's" }.to_owned(),
            state(wallet),
            shown::text(wallet, "rail"),
            shown::text(wallet, "reference"),
            shown::text(wallet, "enterprise"),
            address,
        ]
    };
    let rows: Vec<[String; 10]> = wallets.iter().map(row).collect();
    let titles =
        ["COIN", "WALLET", "LABEL", "BALANCE", "MONEY", "STATE", "RAIL", "REFERENCE", "ORGANISATION", "ADDRESS"];
    table::draw(titles, &rows)
}

/// Wallets that money left lately which no spend explains, a line for each.
fn unexplained(wallets: &[Value]) -> Vec<String> {
    let last = |wallet: &Value| {
        let outflow = wallet.get("unexplainedOutflow").filter(|outflow| outflow.is_object())?;
        let [id, label] = ["id", "label"].map(|name| shown::text(wallet, name));
        let [at, reference] = ["at", "reference"].map(|name| shown::text(outflow, name));
        Some(format!(
            "money left the wallet {label} ({id}) that no spend explains, last seen at {at} as {reference}; find out who has its key, and \
             `bursar wallet freeze {id}` until then"
        ))
    };
    wallets.iter().filter_map(last).map(|line| output::printable(&line)).collect()
}

/// Where the rails of wallets are spoken to in their own ways, one line for each.
fn addresses(server: &str, wallets: &[Value]) -> BTreeSet<String> {
    let one = |wallet: &Value| {
        let path = wallet.get("railPath")?.as_str()?;
        Some(format!("rail {} is spoken to at {server}{path}", shown::text(wallet, "rail")))
    };
    wallets.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wallets_are_listed_with_what_their_rail_calls_them_and_where_it_is_spoken_to() {
        let wallet = |id: &str, rail: &str, path: Option<&str>| {
            json!({"coin": "usd", "id": id, "label": "Shop", "enterprise": "0a", "rail": rail, "reference": "default",
                   "railPath": path, "balanceString": null, "receiveAddress": null, "isSandbox": false})
        };
        let wallets = [
            wallet("01", "payments", Some("/rail/payments")),
            wallet("02", "payments", Some("/rail/payments")),
            wallet("03", "upstream", None),
        ];
        let drawn = list(&wallets, &Decimals::default());
        let words: Vec<&str> = drawn.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words, ["usd", "01", "Shop", "the", "rail's", "open", "payments", "default", "0a"]);
        let frozen = |until: Option<&str>, reason: &str| state(&json!({"frozen": {"until": until, "reason": reason}}));
        assert_eq!(frozen(None, "frozen by the operator"), "frozen by the operator");
        assert_eq!(frozen(Some("then"), "audit"), "frozen: audit until then");
        let mut robbed = wallets.clone();
        robbed[1]["unexplainedOutflow"] = json!({"at": "then", "reference": "beef"});
        let lines = unexplained(&robbed);
        assert_eq!((lines.len(), unexplained(&wallets)), (1, Vec::new()));
        assert!(lines[0].contains("Shop (02)") && lines[0].contains("at then as beef"), "{lines:?}");
        let told: Vec<String> = addresses("http://here", &wallets).into_iter().collect();
        assert_eq!(told, ["rail payments is spoken to at http://here/rail/payments"]);
    }
}
