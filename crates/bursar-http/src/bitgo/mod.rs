//! The BitGo-compatible surface (WC §1): a file for each kind of thing, a function for each route.

pub(crate) mod account;
pub(crate) mod otp;
pub(crate) mod session;
pub(crate) mod spends;
pub(crate) mod templates;
pub(crate) mod tokens;
pub(crate) mod upstream;
pub(crate) mod wallets;

use bursar_service::Bursar;
use bursar_service::issue::TokenState;
use bursar_wire::shapes::SessionView;

/// A token's state as the shapes want it.
pub(crate) fn view<'a>(bursar: &'a Bursar, state: &'a TokenState) -> SessionView<'a> {
    SessionView {
        token: &state.token,
        limits: &state.rules,
        budgets: &state.budgets,
        standing: &state.standing,
        decimals: bursar.decimals(),
        origin: &bursar.policy().origin,
        fingerprint: state.fingerprint.as_deref(),
        last_used: state.uses.last(),
        now: bursar.now(),
    }
}
