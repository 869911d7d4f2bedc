//! The style sheet and the scripts, served under names that change with their content, so that browsers keep them.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::Answering;
use super::answer::Answer;
use super::visit::Visit;
use crate::failure::Failure;

/// One file.
pub(crate) struct Asset {
    stem: &'static str,
    kind: &'static str,
    content: &'static str,
    text: &'static str,
    name: LazyLock<String>,
}

macro_rules! assets {
    ($($(#[$doc:meta])* $name:ident $stem:literal $kind:literal $content:literal;)*) => {
        $($(#[$doc])* pub(crate) static $name: Asset = Asset {
            stem: $stem,
            kind: $kind,
            content: $content,
            text: include_str!(concat!("assets/", $stem, ".", $kind)),
            name: LazyLock::new(|| hashed(&$name)),
        };)*
        static ALL: &[&Asset] = &[$(&$name),*];
    };
}

assets! {
    /// How everything looks.
    STYLE "style" "css" "text/css; charset=utf-8";
    /// Copies a text.
    COPY "copy" "js" "text/javascript; charset=utf-8";
    /// Asks the server what it reads in limits that are being written.
    LIMITS "limits" "js" "text/javascript; charset=utf-8";
    /// Asks the browser for passkeys.
    PASSKEY "passkey" "js" "text/javascript; charset=utf-8";
    /// The sign in the browser's tab.
    ICON "icon" "svg" "image/svg+xml";
}

impl Asset {
    /// Where it is served.
    pub(crate) fn path(&self) -> String {
        format!("/assets/{}", *self.name)
    }
}

fn hashed(asset: &Asset) -> String {
    let hash = Sha256::digest(asset.text.as_bytes());
    let start = hash.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    format!("{}-{start:016x}.{}", asset.stem, asset.kind)
}

/// Serves one of them.
pub(crate) async fn show(visit: Visit) -> Answering {
    let wanted = visit.parameter("file")?;
    match ALL.iter().find(|asset| *asset.name == wanted) {
        Some(asset) => Ok(Answer::asset(asset.content, asset.text)),
        None => Err(Failure::NoSuchRoute),
    }
}
