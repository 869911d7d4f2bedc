//! Kinds of rails that this program was built without: their sections are refused, and say how to have them.

use std::path::Path;
use std::sync::Arc;

use bursar_service::rail::Rail;
use serde::de::{Deserialize, Deserializer, IgnoredAny};

use super::Section;
use super::sealed::{Kept, MayHave, Vault};

/// Why a section of this kind cannot be.
fn absent(kind: &str) -> String {
    format!("this program was built without rails of kind `{kind}`; build it with `--features {kind}`")
}

macro_rules! absent {
    ($($feature:literal $kind:ident;)*) => {$(
        /// A section that cannot be carried out.
        #[cfg(not(feature = $feature))]
        #[derive(Clone, Debug)]
        pub(crate) struct $kind;

        #[cfg(not(feature = $feature))]
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                IgnoredAny::deserialize(deserializer).map(|_| Self)
            }
        }

        #[cfg(not(feature = $feature))]
        impl Section for $kind {
            fn place_files(&mut self, _place: &Path) {}

            fn check(&self) -> Result<(), String> {
                Err(absent($feature))
            }

            fn secrets(&self) -> Vec<MayHave<'_>> {
                Vec::new()
            }

            fn kept(&self) -> Vec<(&'static str, Kept<'_>)> {
                Vec::new()
            }

            fn real_money(&self) -> Option<String> {
                None
            }

            fn open(&self, _vault: Vault<'_>) -> Result<Arc<dyn Rail>, String> {
                Err(absent($feature))
            }
        }
    )*};
}

absent! {
    "bitcoin" Bitcoin;
    "bitgo" Bitgo;
    "evm" Evm;
    "http" Http;
}
