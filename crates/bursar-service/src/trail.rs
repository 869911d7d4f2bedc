//! Reading the audit trail: newest first, by what somebody looks for, and only what they may see.
//!
//! The chain is kept in the order of events and has no index: a look goes back a bounded stretch and says where
//! it stopped. Nothing here verifies the chain; that is `bursar audit verify`.

use std::collections::HashMap;

use bursar_core::account::MemberRole;
use bursar_core::audit::{Actor, Event};
use bursar_core::id::{TokenId, UserId};
use bursar_core::time::Timestamp;
use bursar_store::{Reader, StoreError};

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::people::DEFAULT_ORGANISATION;

/// Events that one look goes through, at most.
const LONGEST_LOOK: usize = 20_000;
/// How much what a look found has to say, in bytes, before it stops: some events tell of long lists.
const MOST_TOLD: usize = 512 << 10;
/// Links read at once.
const STRIDE: usize = 32;

/// Where an event stands in the trail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The number of the link that covers it.
    pub link: u64,
    /// Its place among the events of that link.
    pub event: usize,
}

/// What somebody looks for; everything that is said must fit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sought {
    /// The action, or what it begins with up to a dot: `spend` finds `spend.hold`.
    pub action: Option<String>,
    /// What it was done to: `token:<id>`, or a kind such as `token`.
    pub subject: Option<String>,
    /// Who did it.
    pub user: Option<UserId>,
    /// The token that did it or that it was done to.
    pub token: Option<TokenId>,
    /// Not before this.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
}

/// What a look found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Newest first.
    pub events: Vec<(Place, Event)>,
    /// Where the next look goes on; none at the beginning of the trail.
    pub next: Option<Place>,
    /// The last archived link, if the look came to where the store's chain begins behind one: what came before is
    /// told by the archive only.
    pub archived: Option<u64>,
}

impl Bursar {
    /// Looks through the trail from before a place, or from its end. Whoever runs or audits the organisation that
    /// runs this installation sees all of it, everybody else what they did and what was done to what is theirs.
    ///
    /// # Errors
    /// The caller is no person.
    pub async fn trail(
        &self,
        principal: &Principal,
        sought: Sought,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Found, ServiceError> {
        self.person(principal)?;
        let only = if self.sees_whole_trail(principal)? { None } else { Some(principal.user()) };
        self.reads.look(principal.looker(), move |reader| look(reader, &sought, only, before, limit)).await
    }

    /// Whether the caller sees events of everybody.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn sees_whole_trail(&self, principal: &Principal) -> Result<bool, ServiceError> {
        let role = self.role_in(principal, DEFAULT_ORGANISATION)?;
        Ok(role.is_some_and(MemberRole::oversees))
    }
}

fn look(
    reader: &mut dyn Reader,
    sought: &Sought,
    only: Option<UserId>,
    before: Option<Place>,
    limit: usize,
) -> Result<Found, StoreError> {
    let mut owners = Owners::default();
    let (mut found, mut passed, mut told) = (Found::default(), 0_usize, 0_usize);
    // The link of the last event that was shown may have earlier ones.
    let mut below = before.map_or(u64::MAX, |place| place.link.saturating_add(1));
    loop {
        let links = reader.audit_before(below, STRIDE)?;
        let Some((oldest, _)) = links.last() else {
            found.archived = Some(reader.audit_base()?.number).filter(|number| *number > 0);
            return Ok(found);
        };
        below = oldest.number;
        for (link, events) in links {
            for (at, event) in events.into_iter().enumerate().rev() {
                let place = Place { link: link.number, event: at };
                if before.is_some_and(|before| place >= before) {
                    continue;
                }
                if sought.since.is_some_and(|since| event.time < since) {
                    found.next = None;
                    return Ok(found);
                }
                passed = passed.saturating_add(1);
                let is_theirs = match only {
                    Some(user) => sought.fits(&event) && owners.concerns(reader, &event, user)?,
                    None => sought.fits(&event),
                };
                if is_theirs {
                    told = told.saturating_add(event.data.iter().map(|(_, said)| said.len()).sum());
                    found.events.push((place, event));
                }
                if found.events.len() >= limit || passed >= LONGEST_LOOK || told >= MOST_TOLD {
                    found.next = Some(place);
                    return Ok(found);
                }
            }
        }
    }
}

impl Sought {
    fn fits(&self, event: &Event) -> bool {
        let by = match event.actor {
            Actor::Token { user, token } => Some((user, token)),
            Actor::System | Actor::Operator | Actor::Anonymous => None,
        };
        let is_of_token =
            |token: TokenId| by.is_some_and(|(_, actor)| actor == token) || event.subject == format!("token:{token}");
        self.action.as_deref().is_none_or(|action| begins(&event.action, action, '.'))
            && self.subject.as_deref().is_none_or(|subject| begins(&event.subject, subject, ':'))
            && self.user.is_none_or(|user| by.is_some_and(|(actor, _)| actor == user))
            && self.token.is_none_or(is_of_token)
            && self.until.is_none_or(|until| event.time < until)
    }
}

/// Whether a text is this, or this and more behind a separator.
fn begins(text: &str, start: &str, separator: char) -> bool {
    text.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
}

/// Whose what is that events were done to, as far as one look needs it.
#[derive(Default)]
struct Owners(HashMap<String, Option<UserId>>);

impl Owners {
    fn concerns(&mut self, reader: &mut dyn Reader, event: &Event, user: UserId) -> Result<bool, StoreError> {
        if matches!(event.actor, Actor::Token { user: actor, .. } if actor == user) {
            return Ok(true);
        }
        if let Some(owner) = self.0.get(&event.subject) {
            return Ok(*owner == Some(user));
        }
        let owner = match event.subject.split_once(':') {
            Some(("user", id)) => id.parse().ok(),
            Some(("token", id)) => match id.parse() {
                Ok(id) => reader.token(id)?.map(|token| token.value.user),
                Err(_) => None,
            },
            Some(("spend", id)) => match id.parse() {
                Ok(id) => reader.hold(id)?.map(|hold| hold.user),
                Err(_) => None,
            },
            _ => None,
        };
        self.0.insert(event.subject.clone(), owner);
        Ok(owner == Some(user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str, subject: &str) -> Event {
        Event {
            time: Timestamp::from_millis(1000),
            actor: Actor::Operator,
            action: action.to_owned(),
            subject: subject.to_owned(),
            data: Vec::new(),
        }
    }

    #[test]
    fn an_action_is_found_by_its_name_or_by_its_kind_and_not_by_half_a_word() {
        let sought = |action: &str| Sought { action: Some(action.to_owned()), ..Sought::default() };
        let held = event("spend.hold", "spend:1");
        assert!(sought("spend.hold").fits(&held));
        assert!(sought("spend").fits(&held));
        assert!(!sought("spen").fits(&held));
        assert!(!sought("spend.hol").fits(&held));
    }

    #[test]
    fn everything_that_is_sought_must_fit() {
        let token = TokenId::from_bytes([1; 16]);
        let sought = Sought {
            action: Some("token".to_owned()),
            token: Some(token),
            until: Some(Timestamp::from_millis(1001)),
            ..Sought::default()
        };
        let subject = format!("token:{token}");
        assert!(sought.fits(&event("token.lock", &subject)));
        assert!(!sought.fits(&event("limits.set", &subject)));
        assert!(!sought.fits(&event("token.lock", "token:2")));
        let later = Event { time: Timestamp::from_millis(1001), ..event("token.lock", &subject) };
        assert!(!sought.fits(&later));
    }
}
