//! Passwords, from wherever a command gets them: never from its arguments, which others on the machine see.

use std::io::{self, IsTerminal, Read};

use bursar_core::secret::Secret;
use clap::Args;

use crate::environment;
use crate::failure::Failure;

/// The longest password that is read from standard input, in bytes.
const LONGEST: u64 = 4096;

/// Where the password comes from.
#[derive(Args)]
pub(super) struct From {
    /// Read the password from standard input, its first line. Otherwise BURSAR_PASSWORD is used, or asked for.
    #[arg(long)]
    password_stdin: bool,
}

/// Whether a password that is typed is a new one, which is asked for twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    Known,
    New,
}

impl From {
    /// The password.
    ///
    /// # Errors
    /// There is none, or two typed ones differ.
    pub(super) fn read(&self, typed: Typed, may_ask: bool) -> Result<Secret<String>, Failure> {
        if self.password_stdin {
            let mut text = String::new();
            io::stdin().lock().take(LONGEST).read_to_string(&mut text)?;
            let text = Secret::new(text);
            return Ok(Secret::new(text.expose().lines().next().unwrap_or_default().to_owned()));
        }
        if let Some(password) = environment::secret_variable("BURSAR_PASSWORD") {
            return Ok(password);
        }
        if !may_ask || !io::stdin().is_terminal() {
            return Err(
                Failure::usage("there is no password").with_hint("say --password-stdin, or set BURSAR_PASSWORD")
            );
        }
        let password = Secret::new(rpassword::prompt_password("Password: ")?);
        if typed == Typed::New {
            let again = Secret::new(rpassword::prompt_password("Again: ")?);
            if again.expose() != password.expose() {
                return Err(Failure::new("the two passwords differ"));
            }
        }
        Ok(password)
    }
}
