//! A token that is being put together: what the fields of the form say, not judged yet.

use bursar_core::id::WalletId;
use bursar_core::scope::{ScopeName, WalletAction};
use maud::{Markup, html};

use crate::web::destinations::Texts;
use crate::web::fields::Fields;
use crate::web::limits;
use crate::web::words;

/// The value of the choice that lets a token reach all wallets.
pub(super) const ALL_WALLETS: &str = "all";
/// The value of the choice of an own date.
pub(super) const ON_A_DATE: &str = "date";
/// How long a token lives if nothing is chosen: 90 days.
pub(super) const USUAL_LIFETIME: &str = "90";

/// What the fields of the form say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Draft {
    pub(super) label: String,
    /// What may be done with wallets.
    pub(super) actions: Vec<WalletAction>,
    /// With all of them, or with those that are named.
    pub(super) is_everywhere: bool,
    pub(super) wallets: Vec<WalletId>,
    /// What may be done besides.
    pub(super) scopes: Vec<ScopeName>,
    /// Scopes as programs write them.
    pub(super) more: String,
    /// Limits, one a line.
    pub(super) limits: String,
    /// Where its money may go.
    pub(super) destinations: Texts,
    /// Addresses and blocks.
    pub(super) ips: String,
    /// Whether the address of whoever fills the form in is one of them.
    pub(super) is_from_here: bool,
    /// A number of days, or [`ON_A_DATE`].
    pub(super) lifetime: String,
    /// That date.
    pub(super) expires: String,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            label: String::new(),
            actions: Vec::new(),
            is_everywhere: false,
            wallets: Vec::new(),
            scopes: Vec::new(),
            more: String::new(),
            limits: String::new(),
            destinations: Texts::default(),
            ips: String::new(),
            is_from_here: false,
            lifetime: USUAL_LIFETIME.to_owned(),
            expires: String::new(),
        }
    }
}

/// The action of this name.
pub(super) fn action_named(name: &str) -> Option<WalletAction> {
    words::ACTIONS.into_iter().find(|action| words::action(*action).0 == name)
}

/// The scope of this name.
pub(super) fn scope_named(name: &str) -> Option<ScopeName> {
    ScopeName::ALL.iter().copied().find(|scope| scope.as_str() == name)
}

impl Draft {
    /// Reads the form.
    pub(super) fn of_form(form: &Fields) -> Self {
        Self {
            label: form.text("label").trim().to_owned(),
            actions: form.all("may").filter_map(action_named).collect(),
            is_everywhere: form.text("reach") == ALL_WALLETS,
            wallets: form.all("wallet").filter_map(|id| id.parse().ok()).collect(),
            scopes: form.all("scope").filter_map(scope_named).collect(),
            more: form.text("more").to_owned(),
            limits: form.text(limits::FIELD).to_owned(),
            destinations: Texts::of_form(form),
            ips: form.text("ips").to_owned(),
            is_from_here: form.is_ticked("here"),
            lifetime: form.some("lifetime").unwrap_or(USUAL_LIFETIME).to_owned(),
            expires: form.text("expires").to_owned(),
        }
    }

    /// The same fields, carried along unseen.
    pub(super) fn carried(&self) -> Markup {
        let hidden = |name: &str, value: &str| html! { input type="hidden" name=(name) value=(value); };
        html! {
            (hidden("label", &self.label))
            @for action in &self.actions { (hidden("may", words::action(*action).0)) }
            (hidden("reach", if self.is_everywhere { ALL_WALLETS } else { "these" }))
            @for wallet in &self.wallets { (hidden("wallet", &wallet.to_string())) }
            @for scope in &self.scopes { (hidden("scope", scope.as_str())) }
            (hidden("more", &self.more))
            (hidden(limits::FIELD, &self.limits))
            @for (name, text) in self.destinations.pairs() { (hidden(name, text)) }
            (hidden("ips", &self.ips))
            @if self.is_from_here { (hidden("here", "yes")) }
            (hidden("lifetime", &self.lifetime))
            (hidden("expires", &self.expires))
        }
    }
}
