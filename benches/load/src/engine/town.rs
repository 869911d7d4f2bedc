//! Whose spends the engine decides: one user, tokens with limits, and money in no wallet.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use bursar_core::account::{MemberRole, Membership, Organisation, User};
use bursar_core::ambient::Clock;
use bursar_core::amount::Amount;
use bursar_core::audit::Actor;
use bursar_core::coin::Coin;
use bursar_core::destination::Destination;
use bursar_core::hold::{Payee, SpendKey};
use bursar_core::id::{HoldId, OrganisationId, TokenId, UserId};
use bursar_core::ledger::{Command, HoldRequest, Record, Request, Write};
use bursar_core::limit::text::parse;
use bursar_core::limit::{LimitSet, Subject};
use bursar_core::scope::Scopes;
use bursar_core::time::{Span, Timestamp};
use bursar_core::token::{Grant, Token, TokenKind};

use crate::requests;

const USER: UserId = UserId::from_bytes([1; 16]);
const ORGANISATION: OrganisationId = OrganisationId::from_bytes([2; 16]);
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Everything lasts as long as the bench.
const LONG: Span = Span::from_seconds(86_400);
/// Records in a batch of the founding.
const AT_ONCE: usize = 500;

/// The machine's clocks.
pub(super) struct Clockwork(Instant);

impl Clockwork {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Clockwork {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(requests::now()).unwrap_or_default())
    }

    fn elapsed(&self) -> Option<Span> {
        Some(Span::from_millis(u64::try_from(self.0.elapsed().as_millis()).unwrap_or_default()))
    }
}

/// Tokens, and the holds that are asked of them.
pub(super) struct Town {
    coin: Coin,
    tokens: usize,
    limits: LimitSet,
    scopes: Scopes,
    payee: Payee,
    /// Whether the names of spends count up, as those of many clients do.
    in_order: bool,
    made: usize,
}

/// A number below `bound` that looks drawn by chance, the same for the same `number`.
pub(super) fn scattered(number: usize, bound: usize) -> usize {
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % bound
}

/// A 16-byte id; they come in order.
pub(super) fn id(number: usize) -> [u8; 16] {
    (number as u128).to_be_bytes()
}

impl Town {
    #[expect(clippy::expect_used, reason = "what is written here is sound")]
    pub(super) fn new(tokens: usize, limits: usize, in_order: bool) -> Self {
        // Rolling windows of different lengths, none of which is ever used up.
        let limits = (1..=limits).map(|hours| parse(&format!("tbtc 1000000/{hours} hours")).expect("a limit"));
        let scopes = ["wallet_spend_all"].map(|scope| scope.parse().expect("a scope"));
        let address = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
        let destination = Destination::new("tbtc", address.as_bytes(), None);
        Self {
            coin: Coin::parse("tbtc").expect("a coin"),
            tokens,
            limits: LimitSet { limits: limits.collect(), destinations: None },
            scopes: Scopes::new(scopes),
            payee: Payee { address: address.to_owned(), destination, amount: Amount::new(1) },
            in_order,
            made: 0,
        }
    }

    /// What makes everybody, a few at a time.
    pub(super) fn founding(&self) -> Vec<Request> {
        let now = Clockwork::start().now();
        let user = User {
            id: USER,
            username: "user@example.com".to_owned(),
            full_name: "A User".to_owned(),
            freeze: None,
            seeded: false,
            created: now,
            sessions_since: now,
            email: None,
        };
        let membership = Membership { organisation: ORGANISATION, user: USER, role: MemberRole::Owner };
        let mut records = vec![
            Record::User(USER, user),
            Record::Organisation(
                ORGANISATION,
                Organisation { id: ORGANISATION, name: "bench".to_owned(), freeze: None, requires_second_factor: true },
            ),
            Record::Membership((ORGANISATION, USER), membership),
        ];
        for number in 0..self.tokens {
            let token = self.token(number, now);
            records.push(Record::Limits(Subject::Token(token.id), self.limits.clone()));
            records.push(Record::Token(token.id, token));
        }
        let write = |put: &[Record]| Request {
            actor: Actor::System,
            command: Command::Write(Write { put: put.to_vec(), ..Write::default() }),
        };
        records.chunks(AT_ONCE).map(write).collect()
    }

    fn token(&self, number: usize, now: Timestamp) -> Token {
        Token {
            id: TokenId::from_bytes(id(number)),
            kind: TokenKind::Access,
            user: USER,
            label: Some("bench".to_owned()),
            grant: Grant { scopes: self.scopes.clone(), ..Grant::default() },
            created: now,
            expires: now.plus(LONG),
            created_from: ADDRESS,
            revoked: None,
            locked: None,
            unlock: None,
            limits_dropped: false,
            extension_address: None,
            issued_by_ecdh: false,
            template: None,
        }
    }

    /// The next hold, of a token that looks drawn by chance, under a name that does too or counts up.
    pub(super) fn hold(&mut self) -> Request {
        self.made += 1;
        let now = Clockwork::start().now();
        let token = TokenId::from_bytes(id(scattered(self.made, self.tokens)));
        let random = (self.made as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
        let [chance @ .., _, _, _, _, _, _] = random;
        let name = if self.in_order { self.made as u128 } else { u128::from_be_bytes(random) };
        let name = format!("{name:032x}");
        let request = HoldRequest {
            id: HoldId::time_ordered(now, chance),
            token,
            address: ADDRESS,
            wallet: None,
            organisation: Some(ORGANISATION),
            coin: self.coin.clone(),
            payees: vec![self.payee.clone()],
            fee_coin: self.coin.clone(),
            fee: Amount::ZERO,
            key: Some(SpendKey::Client(token, name)),
            meaning: [0; 32],
            instruction: Vec::new(),
            comment: None,
            stepped_up: false,
            holder: None,
            captures_itself: false,
            patience: LONG,
            fee_ceiling: None,
            read: Vec::new(),
        };
        Request { actor: Actor::Token { user: USER, token }, command: Command::Hold(Box::new(request)) }
    }
}
