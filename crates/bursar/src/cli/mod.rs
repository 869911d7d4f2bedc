//! The command line: reading it, doing it, and telling what came of it.
//!
//! Exit codes: 0 it is done; 1 it did not work; 2 the command line cannot be; 3 Bursar decided against it
//! (a limit, an unlock, a scope); 4 who is asking is not known; 5 there is no answer;
//! 6 what became of a spend is not known.

mod amount;
pub(crate) mod audit;
mod backup;
mod connection;
mod credentials;
mod dev;
mod doctor;
mod env_file;
mod factors;
mod init;
mod key;
mod limits;
mod operator;
mod organisation;
mod otp;
mod output;
mod password;
mod prove;
mod rail;
mod sandbox_rail;
mod serve;
mod service;
mod session;
mod shown;
mod spend;
mod spends;
mod table;
mod template;
mod terminal;
mod token;
mod wallet;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::configuration;
use crate::failure::Failure;

/// Access tokens that can spend, within limits that hold.
#[derive(Parser)]
#[command(name = "bursar", version, after_help = EXIT_CODES)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON document instead of text for people.
    #[arg(long, global = true)]
    json: bool,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage, 3 refused (a limit, an unlock, a scope), \
                          4 not authenticated, 5 unreachable, 6 nobody knows yet whether the money moved.\n\
                          The log goes to standard error; BURSAR_LOG says how much of it (error … trace).";

#[derive(Subcommand)]
enum Command {
    /// Start a test environment: a user, wallets and sandbox money, ready to use.
    Dev(dev::Dev),
    /// Set up a server: configuration, master key and first user.
    Init(init::Init),
    /// Run a server that was set up.
    Serve(serve::Serve),
    /// Look whether a server's setup is sound.
    Doctor(doctor::Doctor),
    /// Try to break the limits of a throw-away server, and report what became of the money.
    Prove(prove::Prove),
    /// The sandbox rail in a process of its own, until standard input ends.
    #[command(hide = true)]
    SandboxRail(sandbox_rail::SandboxRail),
    /// Accounts, for the operator on the server's machine.
    #[command(subcommand)]
    User(operator::User),
    /// Organisations: all of them for the operator on the server's machine, or one's own.
    #[command(subcommand)]
    Organisation(organisation::Organisation),
    /// The master key, for the operator on the server's machine.
    #[command(subcommand)]
    Key(key::Key),
    /// Copy the data into a file, whether or not the server runs.
    Backup(backup::Backup),
    /// The audit chain: look at it, verify it, take it elsewhere.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Log in and keep the session for the other commands.
    Login(session::Login),
    /// End the session and forget it.
    Logout(connection::Connection),
    /// Show who is logged in, and what the session or token may do.
    Whoami(connection::Connection),
    /// One's second factors: authenticator apps, passkeys, recovery codes.
    #[command(name = "2fa", subcommand)]
    TwoFactor(factors::TwoFactor),
    /// Where one is logged in.
    #[command(subcommand)]
    Session(session::Session),
    /// Access tokens.
    #[command(subcommand)]
    Token(token::Token),
    /// How much tokens, users, wallets and organisations may spend.
    #[command(subcommand)]
    Limits(limits::Limits),
    /// Where money moves.
    #[command(subcommand)]
    Rail(rail::Rail),
    /// Wallets.
    #[command(subcommand)]
    Wallet(wallet::Wallet),
    /// Send money from a wallet.
    Spend(spend::Spend),
    /// What was spent, what is under way, and what became of what nobody knows.
    #[command(subcommand)]
    Spends(spends::Spends),
    /// Credentials of services, which ask before they move money themselves.
    #[command(subcommand)]
    Service(service::Service),
    /// Templates, of which tokens are made.
    #[command(subcommand)]
    Template(template::Template),
    /// Print a script that completes this command line in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Where the configuration of a server is.
#[derive(Args)]
struct Configured {
    /// The configuration file.
    #[arg(long, value_name = "FILE", env = "BURSAR_CONFIG", default_value = configuration::NAME)]
    config: PathBuf,
}

/// Reads the command line, does it, and says with the exit code what came of it.
pub(crate) fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // Help and version come this way as well, with code 0.
            error.print().ok();
            if error.exit_code() != 0 && asks_for_json() {
                let told = error.to_string();
                let message = told.lines().next().unwrap_or_default().trim_start_matches("error: ");
                output::json(&serde_json::json!({"error": message, "code": "usage", "context": {}})).ok();
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let json = line.json;
    match run(line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure, json);
            failure.exit_code()
        }
    }
}

/// Whether a command line that cannot be read asks for documents.
fn asks_for_json() -> bool {
    std::env::args_os().any(|argument| argument == "--json")
}

fn run(line: CommandLine) -> Result<(), Failure> {
    let json = line.json;
    match line.command {
        Command::Dev(command) => command.run(json),
        Command::Init(command) => command.run(json),
        Command::Serve(command) => serve::run(&command, json),
        Command::Doctor(command) => command.run(json),
        Command::Prove(command) => command.run(json),
        Command::SandboxRail(command) => command.run(),
        Command::User(command) => command.run(json),
        Command::Organisation(command) => command.run(json),
        Command::Key(command) => command.run(json),
        Command::Backup(command) => command.run(json),
        Command::Audit(command) => command.run(json),
        Command::Login(command) => command.run(json),
        Command::Logout(command) => session::logout(&command, json),
        Command::Whoami(command) => session::whoami(&command, json),
        Command::TwoFactor(command) => command.run(json),
        Command::Session(command) => command.run(json),
        Command::Token(command) => command.run(json),
        Command::Limits(command) => command.run(json),
        Command::Wallet(command) => command.run(json),
        Command::Rail(command) => command.run(json),
        Command::Spend(command) => command.run(json),
        Command::Spends(command) => command.run(json),
        Command::Service(command) => command.run(json),
        Command::Template(command) => command.run(json),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut CommandLine::command(), "bursar", &mut script);
            output::raw(&script)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }
}
