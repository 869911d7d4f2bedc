//! Making, listing and ending tokens.

use bursar_core::audit::Actor;
use bursar_core::coin::{Asset, Coin};
use bursar_core::decimals::Decimals;
use bursar_core::id::{TemplateId, TokenId, UserId};
use bursar_core::ip::IpRestriction;
use bursar_core::ledger::{
    Command, Document, DocumentKey, DocumentKind, Key, Outcome, Record, TokenSecret, Trace, Write, rules_in_words,
};
use bursar_core::limit::{Budget, BudgetKey, Limit, LimitReport, LimitSet, Subject};
use bursar_core::scope::{ScopeName, Scopes};
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::{Grant, Narrowing, Token, TokenKind, Uses};
use bursar_identity::attempts::{Credential as Presented, Source};
use bursar_store::Page;
use bursar_wire::token_text::TokenText;

use crate::accounts::check_name;
use crate::authenticate::{Mode, Principal, secret_place};
use crate::breakers::Paused;
use crate::error::{ServiceError, Unproven};
use crate::login::Handed;
use crate::notices::Notice;
use crate::step_up::Action;
use crate::stored::TRIES;
use crate::{Bursar, RequireIp};

/// What a new access token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its name.
    pub label: String,
    /// What it may do.
    pub scopes: Scopes,
    /// The organisation it is tied to.
    pub organisation: Option<bursar_core::id::OrganisationId>,
    /// Which wallets it may touch.
    pub narrowing: Narrowing,
    /// Where it may be used from.
    pub ips: IpRestriction,
    /// How long it lasts; a default that is longer than recommended if absent.
    pub duration: Option<Span>,
    /// What it may spend by itself, and to whom.
    pub rules: crate::limits::Rules,
    /// The template it is made from.
    pub template: Option<TemplateId>,
    /// The second factor of whoever makes it.
    pub otp: Option<String>,
    /// The client's name for the request: the same again is told what was made.
    pub key: Option<String>,
}

/// How a new token comes to be.
pub(crate) struct Making {
    /// What the audit log calls it.
    pub(crate) action: &'static str,
    /// How many of its kind may live.
    pub(crate) most: Option<u64>,
    /// The client's name for the request.
    pub(crate) key: Option<String>,
    /// Since when sessions counted when its maker began to prove who they are, if that is what made it.
    pub(crate) began_in: Option<Timestamp>,
}

/// A token that was just made. Its text is shown here and never again.
#[derive(Debug)]
pub struct IssuedAccessToken {
    /// The token and its budgets.
    pub state: TokenState,
    /// Its text.
    pub handed: Handed,
    /// What its maker should know.
    pub warnings: Vec<String>,
}

/// A token with what is left of its limits and when it was last used.
#[derive(Clone, Debug)]
pub struct TokenState {
    /// The token.
    pub token: Token,
    /// Its own rules.
    pub rules: LimitSet,
    /// Their version.
    pub version: u64,
    /// What it spent and holds.
    pub budgets: Vec<(BudgetKey, Budget)>,
    /// How its limits stand.
    pub standing: Vec<LimitReport>,
    /// When and from where it was used.
    pub uses: Uses,
    /// Tells its secret from others without being one.
    pub fingerprint: Option<String>,
    /// The same of its old secret while that goes on after a rotation, and until when it does.
    pub old_secret: Option<(String, Timestamp)>,
    /// Where it is paused since it only failed.
    pub pauses: Vec<Paused>,
}

impl Bursar {
    /// Makes an access token. Only a person does, with a second factor of the moment.
    ///
    /// # Errors
    /// The caller is no person, the second factor is wrong, or the token cannot be as asked.
    pub async fn issue(&self, principal: &Principal, new: NewToken) -> Result<IssuedAccessToken, ServiceError> {
        self.person(principal)?;
        self.check_new(&new)?;
        self.not_made_before(principal, new.key.as_deref()).await?;
        let _shown = self.prove_step_up(principal, Action::Issue, new.otp.as_deref()).await?;
        let now = self.clock.now();
        let token = Token {
            id: TokenId::time_ordered(now, self.random.bytes()),
            kind: TokenKind::Access,
            user: principal.user(),
            label: Some(new.label),
            grant: Grant { scopes: new.scopes, organisation: new.organisation, narrowing: new.narrowing, ips: new.ips },
            created: now,
            expires: now.plus(new.duration.unwrap_or(self.policy.default_duration)),
            created_from: principal.address,
            revoked: None,
            locked: None,
            unlock: None,
            limits_dropped: false,
            extension_address: None,
            issued_by_ecdh: principal.token().issued_by_ecdh,
            template: new.template,
        };
        let rules = self.resolve(new.rules)?;
        rules.check().map_err(|problem| ServiceError::invalid("limits", problem.to_string()))?;
        let mut warnings = warnings(&token, &rules, new.duration.is_none(), self.decimals());
        warnings.extend(self.limits_of_no_wallet(token.user, &rules.limits).await?);
        let text = TokenText::from_random(self.random.bytes());
        let making =
            Making { action: "token.issue", most: Some(self.policy.tokens_per_user), key: new.key, began_in: None };
        self.store_token(principal.actor(), &token, &text, rules, making).await?;
        let label = token.label.clone().unwrap_or_default();
        self.notify(&principal.owner, &Notice::TokenIssued { label, from: principal.address });
        // The maker's address is a known good one for the new token, too (see `Attempts`).
        self.note_good_source(token.user, Source::new(Presented::Token(token.id), principal.address)).await?;
        let state = self.state_of(token).await?;
        // A client that sent the raw text cannot open a sealed one (WC §3.5).
        let handed = match self.ecdh_key_for(principal).await? {
            Some(xpub) if principal.mode != Mode::Raw => self.hand_out_sealed(&text, &xpub)?,
            _ => Handed::Plain(text),
        };
        Ok(IssuedAccessToken { state, handed, warnings })
    }

    /// A limit of a coin that no wallet holds is allowed, and more likely a slip of the pen.
    async fn limits_of_no_wallet(&self, user: UserId, limits: &[Limit]) -> Result<Vec<String>, ServiceError> {
        let wallets = self.wallets_of(user).await?;
        let is_held = |coin: &Coin| wallets.iter().any(|found| found.wallet.coin.chain() == coin.chain());
        let coins = limits.iter().filter_map(|limit| match &limit.asset {
            Asset::Coin(coin) if !is_held(coin) => {
                Some(format!("there is a limit of {coin}, but no wallet of that coin"))
            }
            _ => None,
        });
        Ok(coins.collect())
    }

    fn check_new(&self, new: &NewToken) -> Result<(), ServiceError> {
        check_name("label", &new.label)?;
        if new.scopes.iter().next().is_none() {
            return Err(ServiceError::invalid("scope", "invalid scope: name at least one scope"));
        }
        if new.scopes.iter().any(|scope| scope.name() == ScopeName::UserManage) {
            return Err(ServiceError::invalid("scope", "invalid scope: only login sessions have `user_manage`"));
        }
        let is_test = self.policy.fixed_otp.is_some();
        if new.scopes.iter().any(|scope| scope.name() == ScopeName::All) && !is_test {
            return Err(ServiceError::invalid("scope", "invalid scope: `all` exists in the test environment only"));
        }
        self.check_duration(new.duration)?;
        if self.needs_ip(&new.scopes) && new.ips.rules().is_empty() {
            let problem = "is needed for this token; name the addresses it will be used from";
            return Err(ServiceError::invalid("ipRestrict", problem));
        }
        Ok(())
    }

    /// Whether a token of these scopes has to say where it may be used from.
    pub fn needs_ip(&self, scopes: &Scopes) -> bool {
        match self.policy.require_ip_restriction {
            RequireIp::Off => false,
            RequireIp::Spend => scopes.can_spend(),
            RequireIp::All => true,
        }
    }

    /// Whether a life is as short as it must be.
    pub(crate) fn check_duration(&self, duration: Option<Span>) -> Result<(), ServiceError> {
        let longest = self.policy.longest_duration;
        if duration.is_none_or(|duration| duration <= longest) {
            return Ok(());
        }
        let (seconds, days) = (longest.as_seconds_ceil(), longest.as_seconds_ceil() / 86_400);
        let problem = format!("is longer than the longest allowed, {seconds} seconds ({days} days)");
        Err(ServiceError::invalid("duration", problem))
    }

    /// Writes a new token with its first secret and its limits; `most` is how many of its kind may live.
    pub(crate) async fn store_token(
        &self,
        actor: Actor,
        token: &Token,
        text: &TokenText,
        mut rules: LimitSet,
        making: Making,
    ) -> Result<(), ServiceError> {
        let Making { action, most, key, began_in } = making;
        let (id, user, now) = (token.id, token.user, token.created);
        if let Some(destinations) = &mut rules.destinations {
            // Nothing was paid yet, so counting begins at the beginning.
            destinations.counted_since = (!destinations.each.is_empty()).then_some(now);
        }
        for _ in 0..TRIES {
            let found =
                self.reads.run(move |reader| Ok((reader.user(user)?, reader.count_long_lived(user, now)?))).await?;
            let (Some(owner), long_lived) = found else {
                return Err(ServiceError::NotFound("user"));
            };
            if most.is_some_and(|most| long_lived >= most) {
                let problem =
                    format!("there are {long_lived} living tokens, as many as a user may have; remove one first");
                return Err(ServiceError::Conflict(problem));
            }
            // Whoever signs in while all sessions are ended, or the password is changed, began before that.
            if began_in.is_some_and(|before| before != owner.value.sessions_since) {
                return Err(Unproven::SignIn.into());
            }
            let mut data = vec![
                ("user", user.to_string()),
                ("label", token.label.clone().unwrap_or_default()),
                ("expires", token.expires.to_string()),
                ("scopes", token.grant.scopes.iter().map(|scope| scope.to_string()).collect::<Vec<_>>().join(" ")),
            ];
            data.extend(granted_within(token, &rules));
            let mut write = Write {
                read: vec![(Key::Token(id), 0)],
                put: vec![
                    Record::Token(id, token.clone()),
                    Record::Secrets(id, vec![self.secret_of(token, text)?]),
                    Record::Limits(Subject::Token(id), rules.clone()),
                ],
                trace: Some(Trace::of(action, "token", id, data)),
                ..Write::default()
            };
            if began_in.is_some() || most.is_some() {
                write.read.push((Key::User(user), owner.version));
            }
            if most.is_some() {
                // Counted and made in one: of two that are made at once, the second counts again.
                write.put.push(Record::User(user, owner.value));
            }
            if let Some(key) = key.as_ref().map(|key| created_key(user, key)) {
                if self.reads.look_up(|reader| reader.document(&key))?.is_some() {
                    return Err(ServiceError::Conflict("the account changed in the meantime; try again".to_owned()));
                }
                write.read.push((Key::Document(key.clone()), 0));
                write.put.push(Record::Document(key, Document { title: None, body: id.to_string().into_bytes() }));
            }
            if let Outcome::Written = self.write(actor, write).await? {
                return Ok(());
            }
        }
        Err(ServiceError::Busy)
    }

    /// Refuses a request under a key that made something before: what was secret about it is not kept.
    pub(crate) async fn not_made_before(&self, principal: &Principal, key: Option<&str>) -> Result<(), ServiceError> {
        let Some(key) = key.map(|key| created_key(principal.user(), key)) else { return Ok(()) };
        match self.reads.run(move |reader| reader.document(&key)).await? {
            None => Ok(()),
            Some(made) => {
                Err(ServiceError::AlreadyCreated { id: String::from_utf8_lossy(&made.value.body).into_owned() })
            }
        }
    }

    pub(crate) fn secret_of(&self, token: &Token, text: &TokenText) -> Result<TokenSecret, ServiceError> {
        let hash = text.bearer_hash();
        // Only an extensible session's text is ever needed again: its extension is signed over it (WC §2.9).
        let kept_text = if token.extension_address.is_some() { text.expose() } else { "" };
        let plain = bursar_core::secret::Secret::new([hash.expose(), kept_text.as_bytes()].concat());
        let sealed = self
            .sealer
            .seal(secret_place(&token.id), plain.expose(), self.random.bytes())
            .map_err(|error| ServiceError::Unavailable(error.to_string()))?;
        Ok(TokenSecret { lookup: self.sealer.lookup(hash.expose()), sealed, ends: None, used: None })
    }

    /// A user's living access tokens. A token of software sees only itself.
    ///
    /// # Errors
    /// The store does not answer, or the caller has still to enrol a second factor.
    pub async fn access_tokens(
        &self,
        principal: &Principal,
        page: Page<TokenId>,
    ) -> Result<(Vec<TokenState>, Option<TokenId>), ServiceError> {
        if !principal.is_person() {
            let own = self.state_of(principal.token().clone()).await?;
            return Ok((vec![own], None));
        }
        self.person(principal)?;
        let (user, now) = (principal.user(), self.clock.now());
        let one_more = Page { limit: page.limit.saturating_add(1), ..page };
        let tokens = self.reads.run(move |reader| reader.access_tokens(user, now, one_more)).await?;
        self.states(tokens, page.limit).await
    }

    /// How the tokens of a list stand, of which one more than was asked for was read.
    async fn states(
        &self,
        mut tokens: Vec<Token>,
        limit: usize,
    ) -> Result<(Vec<TokenState>, Option<TokenId>), ServiceError> {
        let next = (tokens.len() > limit).then(|| {
            tokens.truncate(limit);
            tokens.last().map(|token| token.id)
        });
        let mut states = Vec::with_capacity(tokens.len());
        for token in tokens {
            states.push(self.state_of(token).await?);
        }
        Ok((states, next.flatten()))
    }

    /// A person's access tokens that are over and still remembered.
    ///
    /// # Errors
    /// The caller is no person.
    pub async fn ended_tokens(
        &self,
        principal: &Principal,
        page: Page<TokenId>,
    ) -> Result<(Vec<TokenState>, Option<TokenId>), ServiceError> {
        self.person(principal)?;
        let (user, now) = (principal.user(), self.clock.now());
        let one_more = Page { limit: page.limit.saturating_add(1), ..page };
        let tokens = self.reads.run(move |reader| reader.ended_tokens(user, now, one_more)).await?;
        self.states(tokens, page.limit).await
    }

    /// One token of the caller's.
    ///
    /// # Errors
    /// There is none of this id among those the caller may see.
    pub async fn access_token(&self, principal: &Principal, id: TokenId) -> Result<TokenState, ServiceError> {
        let token = self.own_token(principal, id)?;
        self.state_of(token).await
    }

    /// Ends a token for good: one's own as a person, only itself as a token of software.
    ///
    /// # Errors
    /// There is none of this id among those the caller may end.
    pub async fn revoke(&self, principal: &Principal, id: TokenId) -> Result<TokenState, ServiceError> {
        self.own_token(principal, id)?;
        self.change_token(principal, Command::Revoke { token: id }).await
    }

    /// What the presented token is and what is left of its limits. Every token may ask this of itself.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn session(&self, principal: &Principal) -> Result<TokenState, ServiceError> {
        self.state_of(principal.token().clone()).await
    }

    pub(crate) fn own_token(&self, principal: &Principal, id: TokenId) -> Result<Token, ServiceError> {
        if id != principal.token().id {
            self.person(principal)?;
        }
        let token = self.reads.look_up(|reader| reader.token(id))?.map(|found| found.value);
        token.filter(|token| token.user == principal.user()).ok_or(ServiceError::NotFound("token"))
    }

    pub(crate) async fn state_of(&self, token: Token) -> Result<TokenState, ServiceError> {
        let id = token.id;
        let uses = self.uses_of(id)?;
        // The last secret is the newest; a keyed hash of a keyed hash gives nothing away.
        let secrets: Vec<_> = match self.known.token(id) {
            Some(known) => known.secrets.iter().map(|secret| (secret.lookup, secret.ends)).collect(),
            None => {
                let secrets = self.reads.look_up(|reader| reader.secrets(id))?;
                let secrets = secrets.map(|secrets| secrets.value).unwrap_or_default();
                secrets.iter().map(|secret| (secret.lookup, secret.ends)).collect()
            }
        };
        let fingerprint = secrets.last().map(|(lookup, _)| fingerprint_of(lookup));
        let now = self.clock.now();
        let old_secret = secrets
            .iter()
            .rev()
            .skip(1)
            .find_map(|(lookup, ends)| ends.filter(|ends| now < *ends).map(|ends| (fingerprint_of(lookup), ends)));
        let known = self.limits_of(id)?;
        let standing = self.standing_of_token(id, &known).await?;
        let pauses = self.pauses_of(id);
        let (rules, version, budgets) = (known.rules.clone(), known.version, known.budgets.clone());
        Ok(TokenState { uses, token, rules, version, budgets, standing, fingerprint, old_secret, pauses })
    }
}

fn fingerprint_of(lookup: &[u8; 32]) -> String {
    let [a, b, c, d, e, f, ..] = *lookup;
    format!("{:012x}", u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

/// Within what a token may do what its scopes say, as the audit log tells it: limits and destinations, places, wallets.
fn granted_within(token: &Token, rules: &LimitSet) -> Vec<(&'static str, String)> {
    let joined = |list: Vec<String>| list.join(" ");
    let ips = token.grant.ips.rules().iter().map(ToString::to_string).collect();
    let (organisations, wallets) = match &token.grant.narrowing {
        Narrowing::None => (Vec::new(), Vec::new()),
        Narrowing::Organisations(list) => (list.iter().map(ToString::to_string).collect(), Vec::new()),
        Narrowing::Wallets(list) => (Vec::new(), list.iter().map(ToString::to_string).collect()),
    };
    let all = [
        ("limits", rules_in_words(rules)),
        ("ips", joined(ips)),
        ("organisations", joined(organisations)),
        ("wallets", joined(wallets)),
    ];
    all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}

fn created_key(user: UserId, key: &str) -> DocumentKey {
    DocumentKey { user, kind: DocumentKind::Created, name: key.to_owned() }
}

/// A life longer than this, which nobody chose, is warned of: a year.
const LONG: Span = Span::from_seconds(366 * 86_400);

/// What is said of a life that nobody chose, where it is long.
pub(crate) fn long_lived(what: &str, life: Span, expires: Timestamp) -> Option<String> {
    let days = life.as_seconds_ceil().div_ceil(86_400);
    let told = format!(
        "no duration was given, so the {what} lasts {days} days, until {expires}; a shorter life and regular rotation are \
         recommended: give `duration` in seconds, and rotate its secret before it ends"
    );
    (life > LONG).then_some(told)
}

fn warnings(token: &Token, rules: &LimitSet, took_default: bool, decimals: &Decimals) -> Vec<String> {
    let mut warnings = Vec::new();
    if token.grant.scopes.can_spend() && rules.limits.is_empty() {
        warnings.push(
            "the token has no spending limit: every spend will need an unlock with a one-time password; \
             give `spendingLimits` to let it spend by itself"
                .to_owned(),
        );
    }
    if let Some(lacking) = token.grant.scopes.unseen() {
        warnings.push(format!(
            "the token may spend from wallets that it may not see: rails that are spoken to in their own way (`/rail/…`) refuse \
             its spends; give it `{lacking}`, too"
        ));
    }
    if took_default {
        warnings.extend(long_lived("token", token.expires.since(token.created), token.expires));
    }
    let of_rules = bursar_core::limit::warnings::warnings_of_token(rules);
    warnings.extend(of_rules.iter().map(|warning| warning.sentence(decimals)));
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_that_nobody_chose_is_told_with_its_end_and_warned_of_where_it_is_long() {
        let told = |days: u64| {
            let life = Span::from_seconds(days * 86_400);
            long_lived("token", life, Timestamp::from_millis(0).plus(life))
        };
        let warned = told(3650).unwrap();
        assert!(warned.contains("the token lasts 3650 days, until 1979-12-30T00:00:00.000Z"), "{warned}");
        assert_eq!(told(90), None, "who runs the server chose a short one");
    }
}
