//! How many files this process may have open: each connection is one, and most requests need another to an upstream.

use bursar_http::MOST_CONNECTIONS;
use rustix::process::{Resource, getrlimit, setrlimit};

/// What the store, the logs and the connections of background work need beside those of clients.
const APART: u64 = 256;
/// Fewer would serve nobody.
const LEAST: usize = 16;

/// Takes what the process may have, and says how many connections that serves: with all of them open, an upstream can still
/// be asked for each, and one more client is not what keeps the store from its files.
pub(crate) fn most_connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit })
    {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let files = getrlimit(Resource::Nofile).current;
    let most = serves(files);
    if most < MOST_CONNECTIONS {
        tracing::warn!(
            files,
            connections = most,
            "few files may be open at once, so few clients are served at once; raise LimitNOFILE"
        );
    }
    most
}

fn serves(files: Option<u64>) -> usize {
    let Some(files) = files else { return MOST_CONNECTIONS };
    let most = usize::try_from(files.saturating_sub(APART) / 2).unwrap_or(MOST_CONNECTIONS);
    most.clamp(LEAST, MOST_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_served_leaves_a_file_for_its_upstream() {
        assert_eq!(serves(None), 4096);
        assert_eq!(serves(Some(65_536)), 4096);
        assert_eq!(serves(Some(1024)), 384);
        assert_eq!(serves(Some(64)), 16, "somebody is served all the same");
    }
}
