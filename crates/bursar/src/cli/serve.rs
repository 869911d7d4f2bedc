//! `bursar serve`: a production server from its configuration.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use crate::archive::Unattended;
use crate::cli::{Configured, output};
use crate::configuration::Configuration;
use crate::environment;
use crate::failure::Failure;
use crate::key_file;
use crate::operator;
use crate::rails;
use crate::server::{self, Data, Listening, WATCH_EVERY};

/// What a server without rails cannot do.
pub(super) const NO_RAIL: &str =
    "no rail is configured ([rails] in the configuration): tokens are issued and checked, but nothing can be spent";

#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    configured: Configured,
    /// Where to tell how the server is doing, whatever the configuration says: /healthz, /readyz, /metrics.
    #[arg(long, value_name = "ADDRESS:PORT")]
    operations: Option<SocketAddr>,
}

/// Serves until the process is told to stop.
pub(super) fn run(command: &Serve, json: bool) -> Result<(), Failure> {
    environment::start_log("info");
    let config = command.configured.config.as_path();
    let configuration = Configuration::read(config)?;
    let master = key_file::read(&configuration.key_file)?;
    if !server::has_store(&configuration.data_directory)? {
        return Err(Failure::at(&configuration.data_directory, "there is no store in the data directory")
            .with_hint("`bursar init` makes one"));
    }
    if !configuration.listen.ip().is_loopback() {
        tracing::warn!(listen = %configuration.listen, "listening beyond this machine in clear HTTP; put TLS in front");
    }
    let operations = command.operations.unwrap_or_else(|| configuration.operations());
    if !operations.ip().is_loopback() {
        tracing::warn!(%operations, "everybody who reaches this machine can read the metrics");
    }
    let authz = configuration.authz().rules().map_err(Failure::new)?;
    let policy = configuration.policy();
    let archive = configuration.archive();
    if let Some(Err(failure)) = archive.as_ref().map(Unattended::check) {
        tracing::error!(%failure, "old audit events cannot be archived");
    }
    let post = configuration.post()?;
    if post.is_none() {
        tracing::info!("no mail is sent: there is no section [mail] in the configuration");
    }
    server::runtime()?.block_on(async {
        let data = Data::open(&configuration.data_directory, &master)?;
        rails::tell_of_files(configuration.rails(), config);
        let rails = data.rails(configuration.rails(), rails::Opened::configured(config))?;
        let names: Vec<_> = rails.keys().cloned().collect();
        let listener = server::listen(configuration.listen).await?;
        let operations = server::listen(operations).await?;
        let bursar = Arc::new(data.start(&master, rails, post, policy)?);
        refuse_seeded(&operator::accounts(&bursar).await?)?;
        authz.check_decimals(bursar.decimals()).map_err(Failure::new)?;
        for problem in authz.check(&bursar)? {
            tracing::warn!(problem, "a rule for other proxies refuses every request");
        }
        let settings = bursar_http::Settings {
            trusted_proxies: configuration.trusted_proxies,
            environment: "prod".to_owned(),
            body_limit: configuration.body_limit,
            authz,
            rail_hosts: configuration.rail_hosts,
        };
        let operator = Some(configuration.data_directory.as_path());
        let listening = Listening { http: listener, operations, settings, operator, archive, watch_every: WATCH_EVERY };
        let serving = server::start(bursar, listening).await?;
        let url = format!("http://{}", serving.address());
        let operations = format!("http://{}", serving.operations_address());
        if json {
            output::json(&json!({
                "url": url,
                "operations": operations,
                "dataDir": configuration.data_directory,
                "pid": std::process::id(),
                "rails": names,
            }))?;
        } else {
            output::text(&format!(
                "Bursar serves {url}\nOperations    {operations}/readyz, /metrics, /healthz\n{}",
                if names.is_empty() { NO_RAIL.to_owned() } else { format!("Rails         {}", names.join(", ")) }
            ))?;
        }
        serving.until_stopped(std::future::pending()).await
    })
}

/// A user of the test environment has no second factor: with one, this is no place for real money.
pub(super) fn refuse_seeded(accounts: &[operator::Account]) -> Result<(), Failure> {
    match accounts.iter().find(|account| account.seeded) {
        Some(seeded) => Err(Failure::new(format!("`{}` is a user of the test environment", seeded.username))
            .with_hint("this data directory was made by `bursar dev`; make another with `bursar init`")),
        None => Ok(()),
    }
}
