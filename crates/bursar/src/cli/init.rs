//! `bursar init`: from nothing to a server that its first user can log in to.

use std::fs::{self, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bursar_identity::password::{self as rules, Factors};
use bursar_identity::username::Username;
use bursar_service::people::NewUser;
use clap::Args;
use serde_json::json;

use crate::cli::operator::shown_once;
use crate::cli::password::{From, Typed};
use crate::cli::{output, terminal};
use crate::configuration::{self, Configuration};
use crate::environment;
use crate::failure::Failure;
use crate::key_file;
use crate::operator::Factors as NewFactors;
use crate::server::{self, Rails};

const KEY_FILE: &str = "master.key";

#[derive(Args)]
pub(super) struct Init {
    /// Where the configuration and the master key go.
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    dir: PathBuf,
    /// Where the server will listen.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the data will be; relative to --dir.
    #[arg(long, value_name = "DIRECTORY", default_value = "data")]
    data_dir: PathBuf,
    /// What the first user logs in with, such as an e-mail address.
    #[arg(long, env = "BURSAR_USERNAME")]
    username: Option<String>,
    /// The name people call the first user by.
    #[arg(long, default_value = "")]
    full_name: String,
    #[command(flatten)]
    password: From,
    /// Ask nothing; fail if something is missing.
    #[arg(long)]
    non_interactive: bool,
}

impl Init {
    pub(super) fn run(self, json: bool) -> Result<(), Failure> {
        environment::start_log("warn");
        let (file, key) = (self.dir.join(configuration::NAME), self.dir.join(KEY_FILE));
        for path in [&file, &key] {
            if key_file::exists(path)? {
                return Err(Failure::at(path, "is there already; nothing was changed"));
            }
        }
        let text = self.data_dir.to_str().ok_or_else(|| Failure::usage("--data-dir is not Unicode"))?;
        let text = configuration::template(self.listen, text, KEY_FILE);
        let username = self.username()?;
        let name = Username::parse(&username).map_err(|error| Failure::usage(format!("--username: {error}")))?;
        let password = self.password.read(Typed::New, !self.non_interactive)?;
        rules::check_new(password.expose(), &name, Factors::WithSecondFactor)
            .map_err(|error| Failure::new(format!("the password {error}")))?;

        server::make_directory(&self.dir)?;
        let data = self.dir.join(&self.data_dir);
        if server::has_store(&data)? {
            return Err(Failure::at(&data, "there is a store already; nothing was changed"));
        }
        if configuration::is_inside(&key, &data) {
            return Err(
                Failure::at(&key, "the master key would be in the data directory").with_hint("give another --data-dir")
            );
        }
        let master = key_file::create(&key)?;
        write_new(&file, &text)?;
        let policy = Configuration::read(&file)?.policy();
        let new = NewUser { username: username.clone(), full_name: self.full_name, password, seeded: false };
        let factors = server::runtime()?.block_on(async {
            let bursar = server::open(&data, &master, Rails::new(), None, policy)?;
            let (_, factors) = bursar.create_user(new).await?;
            bursar.close();
            factors.ok_or_else(|| Failure::new("the first user has no second factor"))
        })?;
        let factors = NewFactors::from(factors);
        if json {
            return output::json(&json!({
                "config": file,
                "keyFile": key,
                "dataDir": data,
                "username": username,
                "totpUri": factors.totp_uri,
                "totpSecret": factors.totp_secret,
                "recoveryCodes": factors.recovery_codes,
            }));
        }
        output::text(&format!(
            "Configuration  {}\nMaster key     {}   (back it up, elsewhere than the data)\nData           {}\n\
             First user     {username}\n\n{}\n\nStart it:  bursar serve --config {}",
            file.display(),
            key.display(),
            data.display(),
            shown_once(&factors),
            file.display(),
        ))
    }

    fn username(&self) -> Result<String, Failure> {
        if let Some(username) = &self.username {
            return Ok(username.clone());
        }
        if self.non_interactive || !io::stdin().is_terminal() {
            return Err(Failure::usage("there is no username").with_hint("say --username, or set BURSAR_USERNAME"));
        }
        terminal::ask("Username (such as an e-mail address): ")
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|problem: io::Error| Failure::at(path, problem))
}
