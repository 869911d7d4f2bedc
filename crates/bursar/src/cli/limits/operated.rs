//! Limits as the operator shows and changes them, on the server's machine: `bursar user limits NAME` and its like.

use clap::Args;

use crate::cli::limits::edit::difference;
use crate::cli::limits::{Said, said, told};
use crate::cli::operator::Place;
use crate::cli::output;
use crate::environment;
use crate::failure::Failure;
use crate::operator::{Answer, Change, LimitsOf, Request};

/// Shown if nothing is to change; loosening needs no second factor here. Every change is in the audit log.
#[derive(Args)]
pub(in crate::cli) struct Operated {
    /// The limits there shall be, instead of all there are, such as 'tbtc 0.5/day'; may be given again.
    #[arg(long = "limit", value_name = "LIMIT", value_parser = said, conflicts_with = "clear")]
    limits: Vec<Said>,
    /// Lift all limits.
    #[arg(long)]
    clear: bool,
    /// Lift all rules about destinations.
    #[arg(long)]
    anywhere: bool,
    /// Change nothing unless this is still the version of the limits.
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
    #[command(flatten)]
    place: Place,
}

impl Operated {
    pub(in crate::cli) fn run(self, of: LimitsOf, json: bool) -> Result<(), Failure> {
        environment::start_log("warn");
        let changes_limits = self.clear || !self.limits.is_empty();
        let is_change = changes_limits || self.anywhere;
        if self.if_version.is_some() && !is_change {
            return Err(Failure::usage("there is nothing to change").with_hint("say --limit, --clear or --anywhere"));
        }
        let limits = changes_limits.then(|| self.limits.iter().map(Said::text).collect());
        let change = Change { limits, anywhere: self.anywhere, version: self.if_version };
        let request = if is_change { Request::SetLimits { of, change } } else { Request::Limits { of } };
        match self.place.answer(request)? {
            Answer::Failed { message } => Err(Failure::new(message)),
            Answer::Limits { limits, .. } if json => output::json(&limits),
            Answer::Limits { before, limits, declared } => {
                output::warnings(&limits);
                output::text(
                    &before.map_or_else(|| told(&limits, &declared.known()), |before| difference(&before, &limits)),
                )
            }
            _ => Err(Failure::new("the server answered something else than was asked")),
        }
    }
}
