//! `bursar wallet …`: wallets.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::connection::Connection;
use crate::cli::{output, shown, table};
use crate::failure::Failure;

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
}

impl Wallet {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        let Self::List { coin, connection } = self;
        let wallets = connection.client()?.wallets(coin.as_deref())?;
        if json { output::json(&json!({"wallets": wallets})) } else { output::text(&list(&wallets)) }
    }
}

fn list(wallets: &[Value]) -> String {
    let row = |wallet: &Value| {
        let is_sandbox = wallet.get("isSandbox") == Some(&Value::Bool(true));
        let address = wallet.get("receiveAddress").map(|address| shown::text(address, "address")).unwrap_or_default();
        [
            shown::text(wallet, "coin"),
            shown::text(wallet, "id"),
            shown::text(wallet, "label"),
            shown::text(wallet, "balanceString"),
            if is_sandbox { "sandbox".to_owned() } else { String::new() },
            address,
        ]
    };
    let rows: Vec<[String; 6]> = wallets.iter().map(row).collect();
    table::draw(["COIN", "WALLET", "LABEL", "BALANCE (base units)", "MONEY", "ADDRESS"], &rows)
}
