//! `bursar service …`: credentials of services, which ask before they move money themselves.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::cli::connection::Connection;
use crate::cli::otp::Otp;
use crate::cli::token::seconds;
use crate::cli::{organisation, output, shown, table};
use crate::failure::Failure;

/// Which field of the request each flag becomes.
const FLAGS: &[(&str, &str)] = &[
    ("label", "--label"),
    ("organisation", "--organisation"),
    ("wallets", "--wallet"),
    ("ipRestrict", "--ip"),
    ("duration", "--duration"),
];

#[derive(Subcommand)]
pub(super) enum Service {
    /// Make the credential of a service; its text is shown this once.
    Create(Create),
    /// List one's living credentials of services; `token revoke` ends one.
    List(Connection),
}

#[derive(Args)]
pub(super) struct Create {
    /// The service's name.
    #[arg(long)]
    label: String,
    /// The organisation it works for: its id, or its name if none of one's others has it.
    #[arg(long, value_name = "ID")]
    organisation: String,
    /// The only wallets it may ask for spends from; may be given again. All of the organisation's, and money
    /// outside of wallets, if nothing is said.
    #[arg(long = "wallet", value_name = "ID", value_delimiter = ',')]
    wallets: Vec<String>,
    /// Addresses or ranges it may be used from; may be given again.
    #[arg(long = "ip", value_name = "ADDRESS", value_delimiter = ',')]
    ips: Vec<String>,
    /// How long it lasts: seconds, or with a unit, such as 30d or 12h.
    #[arg(long, value_parser = seconds)]
    duration: Option<u64>,
    #[command(flatten)]
    otp: Otp,
    #[command(flatten)]
    connection: Connection,
}

impl Service {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(json),
            Self::List(connection) => {
                let services = connection.client()?.services()?;
                if json {
                    output::json(&json!({"services": services}))
                } else {
                    output::table(&list(&services), "there are no credentials of services")
                }
            }
        }
    }
}

impl Create {
    fn run(self, json: bool) -> Result<(), Failure> {
        let client = self.connection.client()?;
        let organisation = organisation::id_of(&client, &self.organisation)?;
        let created = self.otp.present(|otp| client.create_service(&self.wishes(&organisation, otp)));
        let created = created.map_err(|failure| failure.with_flags(FLAGS))?;
        if json {
            return output::json(&created);
        }
        output::warnings(&created);
        output::text(&shown::once(&created, &shown::units(&client)))
    }

    fn wishes(&self, organisation: &str, otp: Option<&str>) -> Value {
        let mut wishes = Map::new();
        wishes.insert("label".to_owned(), self.label.clone().into());
        wishes.insert("organisation".to_owned(), organisation.into());
        for (name, list) in [("wallets", &self.wallets), ("ipRestrict", &self.ips)] {
            if !list.is_empty() {
                wishes.insert(name.to_owned(), list.clone().into());
            }
        }
        wishes.extend(self.duration.map(|duration| ("duration".to_owned(), duration.into())));
        wishes.extend(otp.map(|otp| ("otp".to_owned(), otp.into())));
        wishes.into()
    }
}

fn list(services: &[Value]) -> String {
    let row = |service: &Value| {
        let used = service.get("lastUsed").map(|used| shown::text(used, "time")).unwrap_or_default();
        let [label, id, organisation, expires] =
            ["label", "id", "enterprise", "expires"].map(|name| shown::text(service, name));
        [label, id, organisation, shown::texts(service, "permittedWallets"), expires, used]
    };
    let rows: Vec<[String; 6]> = services.iter().map(row).collect();
    table::draw(["LABEL", "ID", "ORGANISATION", "WALLETS", "EXPIRES", "LAST USED"], &rows)
}
