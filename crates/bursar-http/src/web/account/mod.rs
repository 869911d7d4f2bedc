//! One's own account: who one is, the password, where one is signed in.

pub(crate) mod address;
pub(crate) mod limits;
pub(crate) mod overview;
pub(crate) mod password;
pub(crate) mod sessions;
