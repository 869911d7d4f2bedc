//! Events in words.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::audit::{Actor, Event};
use bursar_core::coin::Coin;
use bursar_core::decimals::Decimals;
use bursar_core::id::HoldId;
use bursar_service::error::ServiceError;
use bursar_service::names::{Named, Names, SESSION};
use bursar_service::trail::Found;
use maud::{Markup, html};

use crate::failure::Failure;
use crate::web::visit::Visit;

/// What was done, as a sentence goes on after who did it. What has no words here is told by its name.
pub(crate) fn deed(action: &str) -> Option<&'static str> {
    Some(match action {
        "factor.add" => "added a second factor",
        "factor.remove" => "removed a second factor",
        "factor.rename" => "renamed a second factor",
        "factor.use" => "proved a second factor",
        "limits.set" => "changed limits",
        "recovery_codes.regenerate" => "made new recovery codes",
        "service.create" => "made the credential of a service",
        "session.create" => "signed in",
        "spend.capture" => "recorded that money moved",
        "spend.conflict" => "asked for another spend under a known key",
        "spend.correct" => "corrected what became of a spend",
        "spend.hold" => "held money for a spend",
        "spend.name" => "gave a spend a further name",
        "spend.refuse" => "was refused a spend",
        "spend.release" => "gave back what was held",
        "spend.resolve" => "said what became of a spend",
        "spend.unresolved" => "found no outcome of a spend",
        "spends.roll" => "rolled old spends into totals",
        "template.create" => "made a template",
        "template.delete" => "removed a template",
        "template.edit" => "edited a template",
        "token.extend" => "moved the end of a session",
        "token.forget" => "forgot a token that was over",
        "token.issue" => "made a token",
        "token.expired" => "told an owner that a token has expired",
        "token.expires_soon" => "told an owner that a token expires soon",
        "token.lock" => "locked a token",
        "token.pause" => "paused a token that failed again and again",
        "token.resume" => "lifted the lock of a token",
        "token.revoke" => "ended a token or session",
        "token.end_old_secret" => "ended the old secret of a token",
        "token.rotate" => "gave a token a new secret",
        "token.unlock" => "unlocked a token",
        "user.create" => "made an account",
        "user.freeze" => "froze an account",
        "user.password" => "changed a password",
        "user.reset_2fa" => "replaced the second factors of an account",
        "user.unfreeze" => "lifted the freeze of an account",
        "user.address" => "changed the address of an account",
        "user.ask_address" => "asked to change an address",
        "user.ask_reset" => "asked for a new password",
        "user.end_other_sessions" => "signed out everywhere else",
        "user.end_sessions" => "signed out everywhere",
        "user.rename" => "changed a name",
        "user.add" => "added an account",
        "key.change" => "changed the master key",
        "rail.credential_remove" => "removed a sealed credential of a rail",
        "rail.credential_seal" => "sealed a credential of a rail",
        "wallet.allow" => "allowed an organisation to register a wallet",
        "wallet.disallow" => "took back that a wallet may be registered",
        "wallet.freeze" => "froze a wallet",
        "wallet.register" => "registered a wallet",
        "wallet.role" => "changed who may use a wallet",
        "wallet.unexplained_outflow" => "saw money leave a wallet that no spend explains",
        "wallet.unfreeze" => "lifted the freeze of a wallet",
        "factor.counter_regressed" => "saw a passkey that may have been copied",
        "invitation.create" => "invited somebody",
        "invitation.resend" => "sent an invitation again",
        "invitation.take" => "took an invitation",
        "invitation.withdraw" => "withdrew an invitation",
        "member.remove" => "took somebody out of an organisation",
        "member.role" => "changed what somebody is in an organisation",
        "organisation.create" => "made an organisation",
        "organisation.edit" => "changed an organisation",
        "organisation.freeze" => "froze an organisation",
        "organisation.unfreeze" => "lifted the freeze of an organisation",
        _ => return None,
    })
}

/// What the visitor knows of what events are about.
pub(crate) struct Told<'v> {
    names: Names,
    /// Spends that the visitor may look at, and their coins.
    spends: BTreeMap<HoldId, Coin>,
    decimals: &'v Decimals,
}

impl<'v> Told<'v> {
    /// For these events.
    pub(crate) async fn of(visit: &'v Visit, found: &Found) -> Result<Self, Failure> {
        let person = visit.person()?;
        let events = || found.events.iter().map(|(_, event)| event);
        let names = visit.bursar.names(person, events().flat_map(Named::in_event)).await?;
        let named: BTreeSet<HoldId> = events().filter_map(spend_of).collect();
        let mut spends = BTreeMap::new();
        for id in named {
            match visit.bursar.spend_by_id(person, id).await {
                Ok(hold) => drop(spends.insert(id, hold.cost.coin)),
                Err(ServiceError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self { names, spends, decimals: visit.decimals() })
    }

    /// Who did it.
    pub(crate) fn actor(&self, actor: &Actor) -> Markup {
        match actor {
            Actor::System => html! { "Bursar" },
            Actor::Operator => html! { "The operator" },
            Actor::Anonymous => html! { "Somebody without a token" },
            Actor::Token { user, token } => html! {
                a href={ "/audit?user=" (user) } { (self.called(Named::User(*user))) }
                " by " a href={ "/audit?token=" (token) } { (self.called(Named::Token(*token))) }
            },
        }
    }

    /// What it was done to, with a link to its own trail; of a spend, to its page.
    pub(super) fn subject(&self, event: &Event) -> Markup {
        let (kind, id) = event.subject.split_once(':').unwrap_or((&event.subject, ""));
        let mut query = form_urlencoded::Serializer::new(String::new());
        let query: String = query.append_pair("subject", &event.subject).finish();
        let spend = spend_of(event).filter(|id| self.spends.contains_key(id));
        let link = spend.map_or_else(|| format!("/audit?{query}"), |id| format!("/spends/{id}"));
        html! {
            @if id.is_empty() { (kind) } @else {
                a href=(link) {
                    @match Named::read(kind, id) {
                        Some(one) => (self.called(one)),
                        None => { (kind) " " code title=(id) { (short(id)) } },
                    }
                }
            }
        }
    }

    /// A name if there is one, else the kind and the end of the id.
    fn called(&self, one: Named) -> Markup {
        let text = one.to_string();
        let (kind, id) = text.split_once(':').unwrap_or(("", &text));
        html! {
            @match self.names.get(&one).map(String::as_str) {
                None => { (kind) " " code title=(id) { (short(id)) } },
                Some(name) if name == SESSION || matches!(one, Named::User(_)) => span title=(id) { (name) },
                Some(name) => span title=(id) { (kind) " “" (name) "”" },
            }
        }
    }

    /// A fact of an event. Amounts stand in the trail in base units; where the coin stands beside them, people read its own.
    pub(crate) fn fact(&self, event: &Event, name: &str, value: &str) -> Markup {
        if let Some(one) = Named::read(name, value).filter(|one| self.names.contains_key(one)) {
            return self.called(one);
        }
        let coin = spend_of(event).and_then(|id| self.spends.get(&id));
        html! { (event.fact_in_units(name, value, coin, self.decimals)) }
    }
}

/// The spend that an event was done to.
fn spend_of(event: &Event) -> Option<HoldId> {
    event.subject.strip_prefix("spend:")?.parse().ok()
}

/// The end of an id: its beginning is the time, which many share.
fn short(id: &str) -> &str {
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { id.get(24..).unwrap_or(id) } else { id }
}
