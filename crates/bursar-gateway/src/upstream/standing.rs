//! Whether a service takes the credential that it is shown: a wrong one is told to the operator, as what it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::StatusCode;

/// What a service said last of the credential.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing(Arc<AtomicBool>);

/// Whether a status says that whoever asks is not who may.
pub(crate) fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

impl Standing {
    /// Whether it refused whoever asked, and has not answered otherwise since.
    pub(crate) fn is_refused(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes an answer; only a change is told in the log.
    pub(crate) fn note(&self, host: &str, status: StatusCode) {
        let is_refused = is_refusal(status);
        let before = self.0.swap(is_refused, Ordering::Relaxed);
        if is_refused && !before {
            tracing::warn!(
                host,
                status = status.as_u16(),
                "an upstream does not take the credential of its rail, or not for what was asked; look at what the rail shows it"
            );
        } else if before && !is_refused {
            tracing::info!(host, "an upstream takes the credential of its rail again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_answer_is_what_counts() {
        let standing = Standing::default();
        for (status, is_refused) in [(200, false), (401, true), (401, true), (500, false), (403, true), (404, false)] {
            standing.note("host", StatusCode::from_u16(status).unwrap());
            assert_eq!(standing.is_refused(), is_refused, "{status}");
        }
    }
}
