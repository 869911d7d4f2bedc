//! `bursar user …`: accounts, for whoever runs the machine. The server does it if one has the data directory.

use std::path::{Path, PathBuf};

use bursar_core::time::Span;
use bursar_store_sqlite::SqliteChain;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::limits::Operated;
use crate::cli::password::{From, Typed};
use crate::cli::{Configured, output, table};
use crate::configuration::{self, Configuration};
use crate::dev;
use crate::environment;
use crate::failure::Failure;
use crate::key_file;
use crate::operator::{self, Account, Answer, Factors, LimitsOf, Request, socket};
use crate::post::Mail;
use crate::rails::{Described, Opened};
use crate::server::{self, Data, Rails};

#[derive(Subcommand)]
pub(super) enum User {
    /// Make an account and enrol its second factor.
    Add {
        /// What they log in with.
        username: String,
        /// The name people call them by.
        #[arg(long, default_value = "")]
        full_name: String,
        #[command(flatten)]
        password: From,
        #[command(flatten)]
        place: Place,
    },
    /// Set an account's password.
    Passwd {
        /// The account.
        username: String,
        #[command(flatten)]
        password: From,
        #[command(flatten)]
        place: Place,
    },
    /// Replace an account's second factors; its tokens stay locked for a day.
    #[command(name = "reset-2fa")]
    ResetSecondFactors {
        /// The account.
        username: String,
        #[command(flatten)]
        place: Place,
    },
    /// List the accounts.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Give an account an e-mail address; its owner is asked to confirm it, if mail is sent.
    Address {
        /// The account.
        username: String,
        /// The address.
        address: String,
        #[command(flatten)]
        place: Place,
    },
    /// Invite somebody; the link that is printed makes an account, once and within a week.
    Invite {
        /// Their e-mail address, and the username of the account.
        address: String,
        /// The organisation's id, or its name if no other has it; the one that every server has if nothing is said.
        #[arg(long)]
        organisation: Option<String>,
        /// What they will be there: owner, admin, member or auditor.
        #[arg(long, default_value = "member")]
        role: String,
        /// A wallet's id and what they may do with it: ID=view,spend,admin. May be given several times.
        #[arg(long = "wallet", value_name = "ID=ROLES")]
        wallets: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
    /// List what an account is in its organisations, or change it.
    Roles {
        /// The account.
        username: String,
        /// The organisation's id, or its name if no other has it; the one that every server has if nothing is said.
        #[arg(long)]
        organisation: Option<String>,
        /// Make it an owner, admin, member or auditor.
        #[arg(long, value_name = "ROLE", conflicts_with = "remove")]
        set: Option<String>,
        /// Take it out of the organisation and its wallets.
        #[arg(long)]
        remove: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Make an organisation.
    AddOrganisation {
        /// Its name.
        name: String,
        /// The account that owns it.
        #[arg(long)]
        owner: String,
        #[command(flatten)]
        place: Place,
    },
    /// Freeze an account: its sessions and tokens stop at once.
    Freeze {
        /// The account.
        username: String,
        /// Why; its owner is told.
        #[arg(long)]
        reason: Option<String>,
        /// For how long, such as 12h; until it is lifted if nothing is said.
        #[arg(long = "for", value_name = "DURATION", value_parser = configuration::parse_duration)]
        duration: Option<Span>,
        #[command(flatten)]
        place: Place,
    },
    /// Lift an account's freeze.
    Unfreeze {
        /// The account.
        username: String,
        #[command(flatten)]
        place: Place,
    },
    /// Show the limits of an account in all its organisations, or change them.
    Limits {
        /// The account.
        username: String,
        #[command(flatten)]
        limits: Operated,
    },
    /// Lift the freeze of a wallet, whoever froze it, such as one whose budget did not add up.
    UnfreezeWallet {
        /// The wallet's id.
        wallet: String,
        #[command(flatten)]
        place: Place,
    },
}

/// Which server's accounts.
#[derive(Args)]
pub(super) struct Place {
    #[command(flatten)]
    configured: Configured,
    /// The data directory of a `bursar dev`, instead of a configuration.
    #[arg(long, visible_alias = "data", value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
}

impl User {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        environment::start_log("warn");
        let (place, request) = match self {
            Self::Add { username, full_name, password, place } => {
                let password = password.read(Typed::New, true)?.expose().clone();
                (place, Request::AddUser { username, full_name, password })
            }
            Self::Passwd { username, password, place } => {
                let password = password.read(Typed::New, true)?.expose().clone();
                (place, Request::SetPassword { username, password })
            }
            Self::ResetSecondFactors { username, place } => (place, Request::ResetSecondFactors { username }),
            Self::List { place } => (place, Request::Users),
            Self::Address { username, address, place } => (place, Request::SetAddress { username, address }),
            Self::Invite { address, organisation, role, wallets, place } => {
                (place, Request::Invite { address, organisation, role, wallets })
            }
            Self::Roles { username, set: None, remove: false, place, .. } => (place, Request::Roles { username }),
            Self::Roles { username, organisation, set, place, .. } => {
                (place, Request::SetRole { username, organisation, role: set })
            }
            Self::AddOrganisation { name, owner, place } => (place, Request::AddOrganisation { name, owner }),
            Self::Freeze { username, reason, duration, place } => {
                let seconds = duration.map(|duration| duration.as_millis().div_ceil(1000));
                (place, Request::Freeze { username, reason, seconds })
            }
            Self::Unfreeze { username, place } => (place, Request::Unfreeze { username }),
            Self::UnfreezeWallet { wallet, place } => (place, Request::UnfreezeWallet { wallet }),
            Self::Limits { username, limits } => return limits.run(LimitsOf::User(username), json),
        };
        match (place.answer(request)?, json) {
            (Answer::Failed { message }, _) => Err(Failure::new(message)),
            (Answer::Done, true) => output::json(&json!({"done": true})),
            (Answer::Done, false) => output::text("done"),
            (Answer::Enrolled { factors }, true) => output::json(&json!({
                "totpUri": factors.totp_uri,
                "totpSecret": factors.totp_secret,
                "recoveryCodes": factors.recovery_codes,
            })),
            (Answer::Enrolled { factors }, false) => output::text(&shown_once(&factors)),
            (Answer::Users { users }, true) => {
                let users = serde_json::to_value(users).unwrap_or(Value::Null);
                output::json(&json!({"users": users}))
            }
            (Answer::Users { users }, false) => output::table(&list(&users), "there are no accounts"),
            (Answer::Invited { invitation, link, address, expires, mailed, .. }, true) => output::json(&json!({
                "id": invitation, "link": link, "email": address, "expires": expires, "mailed": mailed,
            })),
            (Answer::Invited { link, is_address, address, expires, mailed, .. }, false) => {
                let sent = if mailed { ", and was sent there" } else { "; no mail is sent here, so hand it over" };
                let link = if is_address {
                    link
                } else {
                    format!(
                        "/invitation/{link}\n\nat the address of this server, which `web.origin` in the configuration would name."
                    )
                };
                output::text(&format!("{link}\n\nThis invites {address} until {expires}, once{sent}."))
            }
            (Answer::Roles { roles }, true) => {
                output::json(&json!({"roles": serde_json::to_value(roles).unwrap_or(Value::Null)}))
            }
            (Answer::Roles { roles }, false) => {
                let row = |place: operator::Place| [place.name, place.role, place.organisation];
                let rows: Vec<[String; 3]> = roles.into_iter().map(row).collect();
                output::table(&table::draw(["ORGANISATION", "ROLE", "ID"], &rows), "the account is in no organisation")
            }
            (Answer::Organisation { id }, true) => output::json(&json!({"id": id})),
            (Answer::Organisation { id }, false) => output::text(&id),
            (
                Answer::Authz { .. }
                | Answer::Ledger { .. }
                | Answer::Wallet { .. }
                | Answer::Allowed { .. }
                | Answer::Rails { .. }
                | Answer::Credentials { .. }
                | Answer::Organisations { .. }
                | Answer::Limits { .. }
                | Answer::Decimals { .. },
                _,
            ) => Err(Failure::new("the server answered something else than was asked")),
        }
    }
}

impl Place {
    /// Whether nothing says where the configuration is.
    pub(super) fn is_usual(&self) -> bool {
        self.data_dir.is_none() && self.configured.config == Path::new(configuration::NAME)
    }

    /// The data directory.
    pub(super) fn directory(&self) -> Result<PathBuf, Failure> {
        match &self.data_dir {
            Some(directory) => directory.canonicalize().map_err(|problem| Failure::at(directory, problem)),
            None => Ok(Configuration::read(&self.configured.config)?.data_directory),
        }
    }

    /// The configuration that is read, unless a data directory is named.
    pub(super) fn configuration(&self) -> Option<&Path> {
        self.data_dir.is_none().then_some(self.configured.config.as_path())
    }

    /// The rails of the configuration; a test environment has none.
    pub(super) fn rails(&self) -> Result<Option<Described>, Failure> {
        match self.data_dir {
            Some(_) => Ok(None),
            None => Ok(Some(Configuration::read(&self.configured.config)?.rails().clone())),
        }
    }

    /// Has the request done by the server, or does it here if there is none.
    pub(super) fn answer(self, request: Request) -> Result<Answer, Failure> {
        let (mut described, mut opened) = (Described::new(), Opened::default());
        let (directory, key, policy, mail) = match self.data_dir {
            Some(directory) => {
                let directory = directory.canonicalize().map_err(|problem| Failure::at(&directory, problem))?;
                let key = dev::key_beside(&directory);
                (directory, key, dev::policy_for_operator(), None)
            }
            None => {
                let configuration = Configuration::read(&self.configured.config)?;
                let policy = configuration.policy();
                let mail = configuration.mail().cloned();
                described = configuration.rails().clone();
                opened = Opened::configured(&self.configured.config);
                (configuration.data_directory, configuration.key_file, policy, mail)
            }
        };
        if let Some(answer) = socket::ask(&directory, &request)? {
            return Ok(answer);
        }
        if !server::has_store(&directory)? {
            return Err(Failure::at(&directory, "there is no store in this directory"));
        }
        // A file without a schema, such as a copy that left its log behind, must not become an empty store.
        SqliteChain::open(&directory).map_err(|error| Failure::at(&directory, error))?;
        let master = key_file::read(&key)?;
        server::runtime()?.block_on(async {
            let post = mail.as_ref().map(Mail::open).transpose()?;
            let data = Data::open(&directory, &master)?;
            let rails = match request.is_of_credentials() {
                true => Rails::new(),
                false => data.rails(&described, opened)?,
            };
            let bursar = data.start(&master, rails, post, policy)?;
            let answer = operator::answer(&bursar, request).await;
            // Nobody is left to send it later.
            bursar.deliver_due_mail().await;
            bursar.close();
            Ok(answer)
        })
    }
}

/// New second factors for people, with what to do with them.
pub(super) fn shown_once(factors: &Factors) -> String {
    format!(
        "Scan this with an authenticator app; it is shown only now:\n\n{}\n{}\n\n\
         Recovery codes, each of which passes once instead of a one-time password:\n  {}",
        factors.qr,
        factors.totp_uri,
        factors.recovery_codes.join("\n  "),
    )
}

fn list(users: &[Account]) -> String {
    let rows: Vec<[String; 6]> = users
        .iter()
        .map(|user| {
            let state = match (&user.frozen, user.seeded) {
                (Some(reason), _) => format!("frozen: {reason}"),
                (None, true) => "test user".to_owned(),
                (None, false) => "active".to_owned(),
            };
            let email = user.email.clone().unwrap_or_default();
            let email = if user.email_verified || email.is_empty() { email } else { format!("{email} (unverified)") };
            let (username, name) = (user.username.clone(), user.full_name.clone());
            [username, name, email, state, user.created.clone(), user.id.clone()]
        })
        .collect();
    table::draw(["USERNAME", "NAME", "EMAIL", "STATE", "CREATED", "ID"], &rows)
}
