//! How often one address and one account may try to prove something (WC §7.4).

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use bursar_core::id::UserId;
use bursar_core::ip::source_network;
use bursar_core::time::Timestamp;
use bursar_identity::rate::{Rate, RateLimiter};

use crate::error::ServiceError;

/// How many addresses and accounts are remembered.
const REMEMBERED: usize = 65_536;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Address(IpAddr),
    Name(String),
    User(UserId),
}

pub(crate) struct Rates {
    is_on: bool,
    login: Mutex<RateLimiter<Who>>,
    second_factor: Mutex<RateLimiter<Who>>,
    challenge: Mutex<RateLimiter<Who>>,
    links: Mutex<RateLimiter<Who>>,
    mails: Mutex<RateLimiter<Who>>,
}

impl Rates {
    pub(crate) fn new(is_on: bool) -> Self {
        let limiter = |rate| Mutex::new(RateLimiter::new(rate, REMEMBERED));
        Self {
            is_on,
            login: limiter(Rate::LOGIN),
            second_factor: limiter(Rate::SECOND_FACTOR),
            challenge: limiter(Rate::LOGIN),
            links: limiter(Rate::LOGIN),
            mails: limiter(Rate::MAIL),
        }
    }

    /// A login under a name; the name need not exist. The name counts together with the address, so that
    /// nobody can be kept from logging in by somebody elsewhere.
    pub(crate) fn login(&self, name: &str, address: IpAddr, now: Timestamp) -> Result<(), ServiceError> {
        let network = source_network(address);
        self.take(&self.login, &[Who::Address(network), Who::Name(format!("{name} {network}"))], now)
    }

    pub(crate) fn second_factor(&self, user: UserId, address: IpAddr, now: Timestamp) -> Result<(), ServiceError> {
        self.take(&self.second_factor, &[Who::Address(source_network(address)), Who::User(user)], now)
    }

    /// A challenge for nobody in particular, or an answer to one.
    pub(crate) fn challenge(&self, address: IpAddr, now: Timestamp) -> Result<(), ServiceError> {
        self.take(&self.challenge, &[Who::Address(source_network(address))], now)
    }

    /// Somebody who presents a link. Links cannot be guessed; this keeps floods away.
    pub(crate) fn link(&self, address: IpAddr, now: Timestamp) -> Result<(), ServiceError> {
        self.take(&self.links, &[Who::Address(source_network(address))], now)
    }

    /// A stranger who asks for a mail to an account of this name, which need not exist.
    pub(crate) fn mail_to(&self, name: &str, address: IpAddr, now: Timestamp) -> Result<(), ServiceError> {
        let network = source_network(address);
        self.take(&self.mails, &[Who::Address(network), Who::Name(format!("{name} {network}"))], now)
    }

    /// A user who has mails sent to somebody.
    pub(crate) fn mail_of(&self, user: UserId, now: Timestamp) -> Result<(), ServiceError> {
        self.take(&self.mails, &[Who::User(user)], now)
    }

    fn take<const N: usize>(
        &self,
        limiter: &Mutex<RateLimiter<Who>>,
        who: &[Who; N],
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        if !self.is_on {
            return Ok(());
        }
        let mut limiter = limiter.lock().unwrap_or_else(PoisonError::into_inner);
        who.iter().try_for_each(|who| {
            limiter.take(who, now).map_err(|wait| ServiceError::RateLimited { retry_after: wait.0 })
        })
    }
}
