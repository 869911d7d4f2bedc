//! What only the binary asks for: the time, chance, environment variables, and where the log goes.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use bursar_core::ambient::{Clock, Random};
use bursar_core::secret::Secret;
use bursar_core::time::{Span, Timestamp};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Which log lines are written, in the syntax of `tracing-subscriber`'s filters.
const LOG: &str = "BURSAR_LOG";

/// The system's clock.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that is handed to everything else")]
        let now = SystemTime::now();
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Linux's clock that also counts while the machine sleeps: waking up is no jump.
    fn elapsed(&self) -> Option<Span> {
        #[cfg(target_os = "linux")]
        {
            let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
            let seconds = u64::try_from(now.tv_sec).ok()?;
            let millis = u64::try_from(now.tv_nsec).ok()?.div_euclid(1_000_000);
            seconds.checked_mul(1000)?.checked_add(millis).map(Span::from_millis)
        }
        #[cfg(not(target_os = "linux"))]
        None
    }
}

/// The system's random source.
#[derive(Debug)]
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "this is the source that is handed to everything else")]
        let filled = getrandom::fill(bytes);
        if filled.is_err() {
            // Nothing that is secret can be made any more, and predictable bytes would be worse than none.
            std::process::abort();
        }
    }
}

/// Random bytes from the system.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let random: &dyn Random = &SystemRandom;
    random.bytes()
}

/// A secret from the environment, if it is there and not empty.
pub(crate) fn secret_variable(name: &str) -> Option<Secret<String>> {
    variable(name).map(Secret::new)
}

/// An environment variable that is there and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the binary is where the environment is read")]
    let value = std::env::var(name);
    value.ok().filter(|value| !value.is_empty())
}

/// Sends the log to standard error; `default` says what is written when `BURSAR_LOG` says nothing.
pub(crate) fn start_log(default: &str) {
    let said = variable(LOG);
    let filter = said.as_deref().and_then(filter);
    let is_none = said.is_some() && filter.is_none();
    let filter = filter.unwrap_or_else(|| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second subscriber in one process changes nothing.
    let started = log.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init();
    if started.is_ok() && is_none {
        tracing::warn!(
            "{LOG} is no level (error, warn, info, debug, trace, off), nor a list of `target=level`; it is passed over"
        );
    }
}

/// What such a text lets through. A word that is no level would be a target to the library, and silence all others.
fn filter(text: &str) -> Option<EnvFilter> {
    let is_directive = |part: &str| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        level.trim().parse::<LevelFilter>().is_ok()
    };
    text.split(',').all(is_directive).then(|| EnvFilter::try_new(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_silences_nothing() {
        for wrong in ["warning", "all", "x==", "info,warning", "bursar", "bursar=loud", " "] {
            assert!(filter(wrong).is_none(), "{wrong}");
        }
        for right in ["warn", "INFO", "off", "info,bursar_gateway=debug", "bursar_http=trace"] {
            assert!(filter(right).is_some(), "{right}");
        }
    }
}
