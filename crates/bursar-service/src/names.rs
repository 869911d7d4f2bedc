//! What people call what ids stand for, as far as whoever asks may know it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bursar_core::account::MemberRole;
use bursar_core::audit::{Actor, Event};
use bursar_core::id::{OrganisationId, TokenId, UserId, WalletId};
use bursar_core::ledger::{Key, State};
use bursar_core::token::TokenKind;
use bursar_store::{Reader, StoreError};

use crate::Bursar;
use crate::authenticate::Principal;
use crate::error::ServiceError;
use crate::stored::not_loaded;

/// Something with an id that has a name, too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Named {
    /// Called by the username: it is theirs alone, while anybody may take anybody's full name.
    User(UserId),
    /// Called by the label.
    Token(TokenId),
    /// Called by the label.
    Wallet(WalletId),
    /// Called by its name.
    Organisation(OrganisationId),
}

/// What things are called. What has no name, or none that the caller may know, is not in it.
pub type Names = BTreeMap<Named, String>;

/// What a session is called, as nobody gives it a label.
pub const SESSION: &str = "a session";

impl Named {
    /// What a kind and an id mean: the subject of an event, or one of its facts.
    #[must_use]
    pub fn read(kind: &str, id: &str) -> Option<Self> {
        match kind {
            "user" | "owner" => id.parse().ok().map(Self::User),
            "token" | "service" => id.parse().ok().map(Self::Token),
            "wallet" => id.parse().ok().map(Self::Wallet),
            "organisation" => id.parse().ok().map(Self::Organisation),
            _ => None,
        }
    }

    /// Everything that an event names.
    pub fn in_event(event: &Event) -> impl Iterator<Item = Self> {
        let actor = match event.actor {
            Actor::Token { user, token } => [Some(Self::User(user)), Some(Self::Token(token))],
            Actor::System | Actor::Operator | Actor::Anonymous => [None, None],
        };
        let subject = event.subject.split_once(':').and_then(|(kind, id)| Self::read(kind, id));
        let facts = event.data.iter().filter_map(|(name, value)| Self::read(name, value));
        actor.into_iter().flatten().chain(subject).chain(facts)
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Token(id) => write!(f, "token:{id}"),
            Self::Wallet(id) => write!(f, "wallet:{id}"),
            Self::Organisation(id) => write!(f, "organisation:{id}"),
        }
    }
}

impl Bursar {
    /// What these are called. The caller knows the names of themselves, of their tokens, wallets and organisations, and of
    /// the members of those that they oversee; who sees the whole trail knows all names, since they stand in it.
    ///
    /// # Errors
    /// The caller is no person, or the store does not answer.
    pub async fn names(
        &self,
        principal: &Principal,
        wanted: impl IntoIterator<Item = Named>,
    ) -> Result<Names, ServiceError> {
        self.person(principal)?;
        let wanted: BTreeSet<Named> = wanted.into_iter().collect();
        let (own, sees_all) = (principal.user(), self.sees_whole_trail(principal)?);
        self.reads
            .look(principal.looker(), move |reader| Caller::of(reader, own, sees_all)?.names(reader, wanted))
            .await
    }
}

/// Who asks for names.
struct Caller {
    own: UserId,
    sees_all: bool,
    places: BTreeMap<OrganisationId, MemberRole>,
}

impl Caller {
    fn of(reader: &mut dyn Reader, own: UserId, sees_all: bool) -> Result<Self, StoreError> {
        let places = reader.memberships(own)?.into_iter().map(|place| (place.organisation, place.role)).collect();
        Ok(Self { own, sees_all, places })
    }

    fn names(&self, reader: &mut dyn Reader, wanted: BTreeSet<Named>) -> Result<Names, StoreError> {
        let mut names = Names::new();
        for one in wanted {
            let name = match one {
                Named::User(id) => self.user(reader, id)?,
                Named::Token(id) => self.token(reader, id)?,
                Named::Wallet(id) => self.wallet(reader, id)?,
                Named::Organisation(id) => self.organisation(reader, id)?,
            };
            names.extend(name.filter(|name| !name.trim().is_empty()).map(|name| (one, name)));
        }
        Ok(names)
    }

    fn user(&self, reader: &mut dyn Reader, id: UserId) -> Result<Option<String>, StoreError> {
        let oversees = |place: OrganisationId| self.places.get(&place).is_some_and(|role| role.oversees());
        let knows = self.sees_all
            || id == self.own
            || reader.memberships(id)?.into_iter().any(|place| oversees(place.organisation));
        if !knows {
            return Ok(None);
        }
        Ok(reader.user(id)?.map(|user| user.value.username))
    }

    fn token(&self, reader: &mut dyn Reader, id: TokenId) -> Result<Option<String>, StoreError> {
        let token = reader.token(id)?.map(|token| token.value);
        let known = token.filter(|token| self.sees_all || token.user == self.own);
        // A label does not pose as a session.
        Ok(known.and_then(|token| match token.kind {
            TokenKind::Session => Some(SESSION.to_owned()),
            TokenKind::Access | TokenKind::Service => token.label.filter(|label| label != SESSION),
        }))
    }

    fn wallet(&self, reader: &mut dyn Reader, id: WalletId) -> Result<Option<String>, StoreError> {
        let found = reader.wallet(id, self.own)?;
        let known = found.filter(|found| self.sees_all || found.role.is_some_and(|role| role.view));
        Ok(known.map(|found| found.wallet.label))
    }

    fn organisation(&self, reader: &mut dyn Reader, id: OrganisationId) -> Result<Option<String>, StoreError> {
        if !self.sees_all && !self.places.contains_key(&id) {
            return Ok(None);
        }
        let mut state = State::default();
        reader.load(&[Key::Organisation(id)], &mut state)?;
        Ok(state.organisation(&id).map_err(not_loaded)?.map(|organisation| organisation.name.clone()))
    }
}

#[cfg(test)]
mod tests {
    use bursar_core::time::Timestamp;

    use super::*;

    #[test]
    fn an_event_names_who_did_it_what_it_was_done_to_and_what_its_facts_are_about() {
        let (user, token, wallet) =
            (UserId::from_bytes([1; 16]), TokenId::from_bytes([2; 16]), WalletId::from_bytes([3; 16]));
        let event = Event {
            time: Timestamp::from_millis(1),
            actor: Actor::Token { user, token },
            action: "wallet.role".to_owned(),
            subject: format!("wallet:{wallet}"),
            data: vec![
                ("user".to_owned(), UserId::from_bytes([4; 16]).to_string()),
                ("role".to_owned(), "view".to_owned()),
                ("token".to_owned(), "no id".to_owned()),
            ],
        };
        let named: Vec<Named> = Named::in_event(&event).collect();
        let fact = Named::User(UserId::from_bytes([4; 16]));
        assert_eq!(named, [Named::User(user), Named::Token(token), Named::Wallet(wallet), fact]);
        assert_eq!(fact.to_string(), format!("user:{}", UserId::from_bytes([4; 16])));
    }
}
