//! The route table: every route, who may use it, and what answers it. There is no route beside it.

use std::future::Future;
use std::pin::Pin;

use axum::http::Method;

use crate::bitgo::{account, otp, session, spends, templates, tokens, upstream, wallets};
use crate::call::{Call, Reply};
use crate::exchange;
use crate::failure::Failure;
use crate::native::{
    coins, document, factors, holding, invitations, limits, organisations, own, rails, sessions, sign_in,
    tokens as native_tokens, trail, users, wallets as native_wallets,
};
use crate::{oauth, rail, socket};

/// Which kinds of credential may use a route. What else it takes is the use case's to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Anybody; a token that is presented must be good all the same.
    Public,
    /// Any living token, about itself; also the session of somebody who has still to enrol a second factor.
    Own,
    /// Any living token.
    Token,
    /// A person's session only, also one of somebody who has still to enrol a second factor.
    Enrolment,
    /// A person's session only, never a token of software.
    Person,
    /// The credential of a service only.
    Service,
}

type Answer = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send>>;

/// One row of the table.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    prefixes: &'static [&'static str],
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) handler: fn(Call) -> Answer,
}

/// A route as others see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// The method.
    pub method: &'static str,
    /// The path, parameters in braces.
    pub path: String,
    /// Who may use it.
    pub access: Access,
}

/// Every route there is.
pub fn table() -> Vec<Description> {
    let describe = |route: &'static Route| {
        route.paths().map(|path| Description { method: route.method, path, access: route.access })
    };
    ROUTES.iter().flat_map(describe).collect()
}

impl Route {
    pub(crate) fn method(&self) -> Method {
        Method::from_bytes(self.method.as_bytes()).unwrap_or(Method::TRACE)
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = String> {
        self.prefixes.iter().map(|prefix| format!("{prefix}{}", self.path))
    }

    /// Whether the route is Bursar's own.
    pub(crate) fn is_native(&self) -> bool {
        self.prefixes == NATIVE
    }

    /// Whether failures of the route itself are told as RFC 9457 has it.
    pub(crate) fn tells_problems(&self) -> bool {
        self.is_native() || self.prefixes == RAIL || self.is_oauth()
    }

    /// Whether failures carry the `error` of OAuth, too.
    pub(crate) fn is_oauth(&self) -> bool {
        self.prefixes == OAUTH
    }

    /// Whether a GET goes to the same path.
    pub(crate) fn shares_its_path_with_a_read(&self) -> bool {
        ROUTES.iter().any(|route| route.method == "GET" && route.path == self.path && route.prefixes == self.prefixes)
    }
}

/// Whether failures below this path are told as RFC 9457 has it, also where no route is found.
pub(crate) fn tells_problems(path: &str) -> bool {
    [OWN, RAIL_PREFIX, OAUTH_PREFIX].iter().any(|prefix| path.starts_with(prefix))
}

/// Where user routes are served: BitGo's SDK uses the first, its documentation the second (WC §1.1).
const USER: &[&str] = &["/api/v1", "/api/v2"];
const AUTH: &[&str] = &["/api/auth/v1"];
const V1: &[&str] = &["/api/v1"];
const V2: &[&str] = &["/api/v2"];
/// Under this everything is Bursar's own.
pub(crate) const OWN: &str = "/bursar/";
/// Where rails are spoken to in their own protocols.
const RAIL: &[&str] = &[""];
/// What their paths begin with.
pub(crate) const RAIL_PREFIX: &str = "/rail/";
/// What OAuth has standards for.
const OAUTH: &[&str] = &[OAUTH_PREFIX];
/// What their paths begin with.
pub(crate) const OAUTH_PREFIX: &str = "/oauth2";
/// What is Bursar's own.
const NATIVE: &[&str] = &[NATIVE_PREFIX];
/// Where it is served.
pub(crate) const NATIVE_PREFIX: &str = "/bursar/v1";

macro_rules! routes {
    ($($method:ident $prefixes:ident $path:literal $access:ident $module:ident :: $handler:ident;)*) => {
        pub(crate) static ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            prefixes: $prefixes,
            path: $path,
            access: Access::$access,
            handler: |call| Box::pin($module::$handler(call)),
        }),*];
    };
}

/// Paths of BitGo's that no route is for: a wallet's rail may have them. The table of such rails says what they need.
pub(crate) static UPSTREAM: Route = Route {
    method: "GET",
    prefixes: V2,
    path: "/{*path}",
    access: Access::Token,
    handler: |call| Box::pin(upstream::call(call)),
};

routes! {
    GET    USER "/ping" Public session::ping;
    GET    USER "/client/constants" Public session::constants;
    POST   AUTH "/session" Public session::log_in;
    POST   USER "/user/login" Public session::log_in_with_clear_password;
    GET    USER "/user/session" Own session::show;
    POST   USER "/user/lock" Own session::lock;
    POST   USER "/user/unlock" Token session::unlock;
    POST   USER "/user/sendotp" Token session::send_otp;
    GET    USER "/user/logout" Own session::log_out;
    POST   USER "/user/extendtoken" Person session::extend;

    POST   AUTH "/accesstoken" Person tokens::create;
    POST   USER "/user/accesstoken" Person tokens::create;
    GET    USER "/user/accesstoken" Token tokens::list;
    DELETE USER "/user/accesstoken/{token}" Token tokens::remove;

    GET    USER "/user/otp/totp" Enrolment otp::enrol_totp;
    PUT    USER "/user/otp" Enrolment otp::add;
    GET    USER "/user/otp/webauthn/register" Enrolment otp::register;
    GET    USER "/user/otp/webauthn/auth" Token otp::challenge;
    DELETE USER "/user/otp/{factor}" Person otp::remove;
    GET    USER "/user/recoverycodes/{factor}" Person otp::recovery_codes;

    GET    V2   "/user/accesstokentemplate" Person templates::list;
    POST   V2   "/user/accesstokentemplate" Person templates::create;
    GET    V2   "/user/accesstokentemplate/{template}" Person templates::show;
    PATCH  V2   "/user/accesstokentemplate/{template}" Person templates::edit;
    DELETE V2   "/user/accesstokentemplate/{template}" Person templates::remove;

    GET    USER "/user/me" Own account::me;
    GET    USER "/user/{user}" Token account::user;
    GET    USER "/user/settings" Person account::settings;
    PUT    USER "/user/settings" Person account::set_settings;
    POST   USER "/user/verifypassword" Person account::verify_password;
    POST   USER "/user/changepassword" Person account::change_password;
    POST   USER "/user/freeze" Person account::freeze;
    POST   V2   "/enterprise/{organisation}/freeze" Person account::freeze_organisation;
    POST   USER "/user/encrypted" Person account::keychains;
    GET    USER "/user/checkBatchingPasswordFlow" Person account::batching;
    POST   V1   "/keychain" Person account::create_keychain;
    POST   V1   "/keychain/{xpub}" Person account::show_keychain;

    GET    V2   "/wallets" Token wallets::list_all;
    GET    V2   "/wallet/balances" Token wallets::balances;
    GET    V2   "/{coin}/wallet" Token wallets::list;
    GET    V2   "/{coin}/wallet/{wallet}" Token wallets::show;
    GET    V2   "/{coin}/key" Token wallets::keys;
    GET    V2   "/{coin}/key/{key}" Token wallets::key;
    GET    V2   "/{coin}/wallet/{wallet}/addresses" Token wallets::addresses;
    POST   V2   "/{coin}/wallet/{wallet}/address" Token wallets::create_address;
    GET    V2   "/{coin}/wallet/{wallet}/transfer" Token wallets::transfers;
    GET    V2   "/{coin}/wallet/{wallet}/transfer/{transfer}" Token wallets::transfer;
    GET    V2   "/{coin}/wallet/{wallet}/transfer/sequenceId/{sequence}" Token wallets::transfer_by_sequence;

    POST   V2   "/{coin}/wallet/{wallet}/freeze" Token wallets::freeze;
    POST   V2   "/{coin}/wallet/{wallet}/tx/build" Token spends::build;
    POST   V2   "/{coin}/wallet/{wallet}/tx/send" Token spends::send;
    POST   V2   "/{coin}/wallet/{wallet}/sendcoins" Token spends::send_coins;
    POST   V2   "/{coin}/wallet/{wallet}/sendmany" Token spends::send_many;

    POST   NATIVE "/sign-in" Public sign_in::begin;
    POST   NATIVE "/sign-in/finish" Public sign_in::finish;
    POST   NATIVE "/sign-in/passkey/challenge" Public sign_in::passkey_challenge;
    POST   NATIVE "/sign-in/passkey" Public sign_in::with_passkey;
    POST   NATIVE "/step-up" Token factors::step_up;

    GET    NATIVE "/factors" Enrolment factors::list;
    POST   NATIVE "/factors/totp" Enrolment factors::enrol_totp;
    POST   NATIVE "/factors/totp/{factor}/confirm" Enrolment factors::confirm_totp;
    POST   NATIVE "/factors/passkeys/challenge" Enrolment factors::begin_passkey;
    POST   NATIVE "/factors/passkeys" Enrolment factors::finish_passkey;
    POST   NATIVE "/factors/recovery-codes" Person factors::regenerate_recovery_codes;
    PATCH  NATIVE "/factors/{factor}" Person factors::rename;
    POST   NATIVE "/factors/{factor}/remove" Person factors::remove;

    GET    NATIVE "/self" Own own::show;
    GET    NATIVE "/tokens" Person native_tokens::list;
    POST   NATIVE "/tokens" Person native_tokens::create;
    GET    NATIVE "/tokens/{token}" Token native_tokens::show;
    DELETE NATIVE "/tokens/{token}" Token native_tokens::revoke;
    POST   NATIVE "/tokens/{token}/lock" Token native_tokens::lock;
    POST   NATIVE "/tokens/{token}/unlock" Person native_tokens::unlock;
    GET    NATIVE "/tokens/{token}/limits" Token limits::of_token;
    PUT    NATIVE "/tokens/{token}/limits" Person limits::set_of_token;
    POST   NATIVE "/tokens/{token}/limits:dry-run" Token limits::dry_run;
    POST   NATIVE "/tokens/{token}/rotate" Person own::rotate;
    POST   NATIVE "/tokens/{token}/end-old-secret" Person own::end_old_secret;
    GET    NATIVE "/tokens/{token}/spends" Token holding::of_token;
    GET    NATIVE "/users/{user}/limits" Person limits::of_user;
    PUT    NATIVE "/users/{user}/limits" Person limits::set_of_user;
    GET    NATIVE "/wallets" Token native_wallets::list;
    POST   NATIVE "/wallets" Person native_wallets::create;
    GET    NATIVE "/wallets/{wallet}" Token native_wallets::show;
    DELETE NATIVE "/wallets/{wallet}" Person native_wallets::remove;
    GET    NATIVE "/wallets/{wallet}/limits" Token limits::of_wallet;
    PUT    NATIVE "/wallets/{wallet}/limits" Person limits::set_of_wallet;
    GET    NATIVE "/organisations/{organisation}/limits" Person limits::of_organisation;
    PUT    NATIVE "/organisations/{organisation}/limits" Person limits::set_of_organisation;
    GET    NATIVE "/users/me" Person users::me;
    PATCH  NATIVE "/users/me" Person users::edit_me;
    POST   NATIVE "/users/me/password" Person users::change_password;
    POST   NATIVE "/users/me/email" Person users::change_address;
    POST   NATIVE "/users/me/email/resend" Person users::resend_confirmation;
    POST   NATIVE "/users/{user}/freeze" Person users::freeze;
    POST   NATIVE "/users/{user}/unfreeze" Person users::unfreeze;
    POST   NATIVE "/email/verify" Public users::verify_address;
    POST   NATIVE "/password-resets" Public users::ask_reset;
    POST   NATIVE "/password-resets/redeem" Public users::redeem_reset;
    GET    NATIVE "/sessions" Person sessions::list;
    DELETE NATIVE "/sessions/{session}" Person sessions::end;
    POST   NATIVE "/sessions/revoke-all" Person sessions::end_all;
    GET    NATIVE "/organisations" Person organisations::list;
    POST   NATIVE "/organisations" Person organisations::create;
    GET    NATIVE "/organisations/{organisation}" Person organisations::show;
    PATCH  NATIVE "/organisations/{organisation}" Person organisations::edit;
    POST   NATIVE "/organisations/{organisation}/freeze" Person organisations::freeze;
    POST   NATIVE "/organisations/{organisation}/unfreeze" Person organisations::unfreeze;
    GET    NATIVE "/organisations/{organisation}/members" Person organisations::members;
    PUT    NATIVE "/organisations/{organisation}/members/{user}" Person organisations::set_member;
    DELETE NATIVE "/organisations/{organisation}/members/{user}" Person organisations::remove_member;
    GET    NATIVE "/organisations/{organisation}/invitations" Person invitations::list;
    POST   NATIVE "/organisations/{organisation}/invitations" Person invitations::create;
    DELETE NATIVE "/invitations/{invitation}" Person invitations::withdraw;
    POST   NATIVE "/invitations/{invitation}/resend" Person invitations::resend;
    POST   NATIVE "/invitations/show" Public invitations::show;
    POST   NATIVE "/invitations/redeem" Public invitations::redeem;
    GET    NATIVE "/wallets/{wallet}/members" Person organisations::wallet_members;
    PUT    NATIVE "/wallets/{wallet}/members/{user}" Person organisations::set_wallet_member;
    DELETE NATIVE "/wallets/{wallet}/members/{user}" Person organisations::remove_wallet_member;
    POST   NATIVE "/wallets/{wallet}/freeze" Token organisations::freeze_wallet;
    POST   NATIVE "/wallets/{wallet}/unfreeze" Person organisations::unfreeze_wallet;
    POST   NATIVE "/services" Person holding::create_service;
    GET    NATIVE "/spends" Token holding::unsettled;
    POST   NATIVE "/spends" Service holding::hold;
    GET    NATIVE "/spends/{spend}" Token holding::show;
    POST   NATIVE "/spends/{spend}/capture" Service holding::capture;
    POST   NATIVE "/spends/{spend}/release" Service holding::release;
    POST   NATIVE "/spends/{spend}/resolve" Person holding::resolve;
    POST   NATIVE "/spends/{spend}/reconcile" Person holding::reconcile;
    GET    NATIVE "/rails" Person rails::list;
    GET    NATIVE "/coins" Token coins::list;
    GET    NATIVE "/audit" Person trail::list;
    GET    NATIVE "/openapi.json" Public document::show;

    POST   RAIL "/rail/{rail}" Token rail::call;
    GET    RAIL "/rail/{rail}" Token socket::open;
    GET    RAIL "/rail/{rail}/{*path}" Token exchange::call;
    POST   RAIL "/rail/{rail}/{*path}" Token exchange::call;
    PUT    RAIL "/rail/{rail}/{*path}" Token exchange::call;
    PATCH  RAIL "/rail/{rail}/{*path}" Token exchange::call;
    DELETE RAIL "/rail/{rail}/{*path}" Token exchange::call;

    POST   OAUTH "/introspect" Service oauth::introspect;
    POST   OAUTH "/revoke" Own oauth::revoke;
}
