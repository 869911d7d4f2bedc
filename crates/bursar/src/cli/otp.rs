//! One-time passwords: given, or asked for once the server says that it needs one.

use bursar_client::ClientError;
use clap::Args;

use crate::cli::terminal;
use crate::failure::Failure;

/// Where the one-time password comes from.
#[derive(Args)]
pub(super) struct Otp {
    /// A one-time password, or a recovery code. It is asked for if one is needed and somebody is there.
    #[arg(long, env = "BURSAR_OTP", hide_env_values = true)]
    otp: Option<String>,
}

impl Otp {
    /// Asks the server with the one-time password, and again with one that is typed if it needs one.
    ///
    /// # Errors
    /// Whatever the server says no with, or nobody is there to type one.
    pub(super) fn present<T>(&self, ask: impl Fn(Option<&str>) -> Result<T, ClientError>) -> Result<T, Failure> {
        // An empty variable is as good as none.
        let given = self.otp.as_deref().map(str::trim).filter(|otp| !otp.is_empty());
        match ask(given) {
            Err(error) if given.is_none() && is_missing(&error) => {
                if !terminal::is_there() {
                    return Err(Failure::from(error).with_hint("give --otp or BURSAR_OTP"));
                }
                let typed = terminal::ask("One-time password: ")?;
                Ok(ask(Some(&typed))?)
            }
            answered => Ok(answered?),
        }
    }
}

fn is_missing(error: &ClientError) -> bool {
    let code = match error {
        ClientError::Declined(declined) => declined.code(),
        _ => None,
    };
    matches!(code, Some("otp_missing" | "step_up_needed"))
}
