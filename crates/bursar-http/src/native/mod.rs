//! Bursar's own surface: accounts, organisations, invitations and sessions, limits and how they stand, spends of those
//! who move the money themselves, rotation (docs/native-api.md). A file for each kind of thing, a function for each route.

pub(crate) mod coins;
pub(crate) mod document;
pub(crate) mod factors;
pub(crate) mod holding;
pub(crate) mod invitations;
pub(crate) mod limits;
pub(crate) mod organisations;
pub(crate) mod own;
pub(crate) mod rails;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod tokens;
pub(crate) mod trail;
pub(crate) mod users;
pub(crate) mod wallets;
