//! The web pages: made here on the server, without private powers. They call the same use cases as every surface, as the
//! person whose session token the browser's cookie carries.
//!
//! To add a page: a row in [`PAGES`], a handler `async fn(Visit) -> Answering` in a file of its own, and its text through
//! [`layout::Frame`] and [`forms`]. Who may see it stands in the row; that a form was sent by a page of ours is checked
//! before its handler is called.

mod account;
mod admin;
mod answer;
mod assets;
mod audit;
mod bars;
mod cookie;
mod csrf;
mod destinations;
mod door;
mod entry;
mod fields;
mod forms;
mod freezing;
mod handover;
mod home;
mod layout;
mod limits;
mod people;
mod plot;
mod rails;
mod reference;
mod security;
mod sign_in;
mod sign_in_code;
mod sign_in_passkey;
mod sign_out;
mod spend;
mod spends;
mod theme;
mod tokens;
mod trouble;
mod visit;
mod wallets;
mod words;

use std::future::Future;
use std::pin::Pin;

use self::answer::Answer;
use self::visit::Visit;
use crate::failure::Failure;

pub(crate) use audit::export::Files;
pub(crate) use csrf::is_from_here;
pub(crate) use door::{mount, no_such_page, wants_page};

/// Who may see a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Anybody; it has no form and knows no visitor.
    File,
    /// Anybody.
    Everybody,
    /// Who is signed in. Others are led to the sign-in page.
    Person,
}

/// What handlers return.
pub(crate) type Answering = Result<Answer, Failure>;
type Answers = Pin<Box<dyn Future<Output = Answering> + Send>>;

/// One row of the table.
pub(crate) struct Page {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) audience: Audience,
    handler: fn(Visit) -> Answers,
}

/// A page as others see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PageDescription {
    /// The method.
    pub method: &'static str,
    /// The path, parameters in braces.
    pub path: &'static str,
    /// Who may see it.
    pub audience: Audience,
}

/// Every page there is.
pub fn pages() -> Vec<PageDescription> {
    let describe = |page: &Page| PageDescription { method: page.method, path: page.path, audience: page.audience };
    PAGES.iter().map(describe).collect()
}

macro_rules! pages {
    ($($method:ident $path:literal $audience:ident $($module:ident)::+;)*) => {
        pub(crate) static PAGES: &[Page] = &[$(Page {
            method: stringify!($method),
            path: $path,
            audience: Audience::$audience,
            handler: |visit| Box::pin($($module)::+(visit)),
        }),*];
    };
}

pages! {
    GET  "/" Everybody home::show;
    GET  "/assets/{file}" File assets::show;
    POST "/theme" Everybody theme::choose;

    GET  "/sign-in" Everybody sign_in::form;
    POST "/sign-in" Everybody sign_in::submit;
    GET  "/sign-in/code" Everybody sign_in_code::form;
    POST "/sign-in/code" Everybody sign_in_code::submit;
    POST "/sign-in/passkey" Everybody sign_in_passkey::submit;
    POST "/sign-out" Person sign_out::submit;

    GET  "/tokens" Person tokens::list::show;
    POST "/tokens" Person tokens::create::submit;
    GET  "/tokens/new" Person tokens::create::form;
    POST "/tokens/new" Person tokens::create::review;
    GET  "/tokens/{token}" Person tokens::page::show;
    GET  "/tokens/{token}/secret" Person tokens::secret::show;
    GET  "/tokens/{token}/limits" Person tokens::limits::form;
    POST "/tokens/{token}/limits" Person tokens::limits::submit;
    GET  "/tokens/{token}/rotate" Person tokens::rotate::form;
    POST "/tokens/{token}/rotate" Person tokens::rotate::submit;
    POST "/tokens/{token}/end-old-secret" Person tokens::rotate::end_old;
    POST "/tokens/{token}/lock" Person tokens::lock::submit;
    GET  "/tokens/{token}/unlock" Person tokens::unlock::form;
    POST "/tokens/{token}/unlock" Person tokens::unlock::submit;
    GET  "/tokens/{token}/revoke" Person tokens::revoke::form;
    POST "/tokens/{token}/revoke" Person tokens::revoke::submit;
    POST "/limits/check" Person limits::check;

    GET  "/wallets" Person wallets::list::show;
    GET  "/wallets/{wallet}" Person wallets::page::show;
    GET  "/wallets/{wallet}/limits" Person wallets::limits::form;
    POST "/wallets/{wallet}/limits" Person wallets::limits::submit;
    GET  "/wallets/{wallet}/freeze" Person wallets::freeze::form;
    POST "/wallets/{wallet}/freeze" Person wallets::freeze::submit;
    GET  "/wallets/{wallet}/unfreeze" Person wallets::freeze::lift_form;
    POST "/wallets/{wallet}/unfreeze" Person wallets::freeze::lift;
    GET  "/wallets/{wallet}/remove" Person wallets::remove::form;
    POST "/wallets/{wallet}/remove" Person wallets::remove::submit;

    GET  "/audit" Person audit::list::show;
    GET  "/audit/export" Person audit::export::show;
    GET  "/docs/api" Everybody reference::show;

    GET  "/account" Person account::overview::show;
    POST "/account/name" Person account::overview::rename;
    GET  "/account/password" Person account::password::form;
    POST "/account/password" Person account::password::submit;
    GET  "/account/address" Person account::address::form;
    POST "/account/address" Person account::address::submit;
    POST "/account/address/resend" Person account::overview::resend;
    GET  "/account/limits" Person account::limits::form;
    POST "/account/limits" Person account::limits::submit;
    POST "/account/sessions/end-others" Person account::sessions::end_others;
    POST "/account/sessions/{session}/end" Person account::sessions::end;

    GET  "/organisations" Person people::list::show;
    POST "/organisations" Person people::list::submit;
    GET  "/organisations/{organisation}" Person people::page::show;
    GET  "/organisations/{organisation}/settings" Person people::settings::form;
    POST "/organisations/{organisation}/settings" Person people::settings::submit;
    GET  "/organisations/{organisation}/limits" Person people::limits::form;
    POST "/organisations/{organisation}/limits" Person people::limits::submit;
    GET  "/organisations/{organisation}/freeze" Person people::freeze::form;
    POST "/organisations/{organisation}/freeze" Person people::freeze::submit;
    GET  "/organisations/{organisation}/unfreeze" Person people::freeze::lift_form;
    POST "/organisations/{organisation}/unfreeze" Person people::freeze::lift;
    GET  "/organisations/{organisation}/invite" Person people::invitations::form;
    POST "/organisations/{organisation}/invite" Person people::invitations::submit;
    GET  "/organisations/{organisation}/wallet" Person people::wallet_new::form;
    POST "/organisations/{organisation}/wallet" Person people::wallet_new::submit;
    GET  "/organisations/{organisation}/members/{user}" Person people::members::show;
    GET  "/organisations/{organisation}/members/{user}/limits" Person people::limits::member_form;
    POST "/organisations/{organisation}/members/{user}/limits" Person people::limits::member_submit;
    POST "/organisations/{organisation}/members/{user}/role" Person people::members::set_role;
    GET  "/organisations/{organisation}/members/{user}/remove" Person people::stops::remove_form;
    POST "/organisations/{organisation}/members/{user}/remove" Person people::stops::remove;
    GET  "/organisations/{organisation}/members/{user}/freeze" Person people::stops::freeze_form;
    POST "/organisations/{organisation}/members/{user}/freeze" Person people::stops::freeze;
    POST "/organisations/{organisation}/members/{user}/unfreeze" Person people::members::unfreeze;
    POST "/invitations/{invitation}/withdraw" Person people::invitations::withdraw;
    POST "/invitations/{invitation}/resend" Person people::invitations::resend;
    GET  "/wallets/{wallet}/members" Person people::wallet::show;
    POST "/wallets/{wallet}/members" Person people::wallet::submit;

    GET  "/users" Person people::users::show;
    GET  "/rails" Person rails::show;

    GET  "/unresolved" Person admin::show;
    GET  "/spends/{spend}" Person spend::show;
    POST "/spends/{spend}/reconcile" Person spend::ask;
    GET  "/spends/{spend}/resolve" Person admin::form;
    POST "/spends/{spend}/resolve" Person admin::submit;

    GET  "/reset" Everybody entry::reset::form;
    POST "/reset" Everybody entry::reset::submit;
    GET  "/reset/sent" Everybody entry::reset::sent;
    GET  "/reset/{link}" Everybody entry::reset::choose_form;
    POST "/reset/{link}" Everybody entry::reset::choose;
    GET  "/verify/{link}" Everybody entry::verify::form;
    POST "/verify/{link}" Everybody entry::verify::submit;
    GET  "/invitation/{link}" Everybody entry::invitation::form;
    POST "/invitation/{link}" Everybody entry::invitation::submit;

    GET  "/security" Person security::overview::show;
    GET  "/security/totp" Person security::totp::form;
    POST "/security/totp" Person security::totp::submit;
    POST "/security/totp/{factor}" Person security::totp::confirm;
    GET  "/security/passkey" Person security::passkey::form;
    POST "/security/passkey" Person security::passkey::submit;
    POST "/security/passkey/finish" Person security::passkey::finish;
    GET  "/security/recovery-codes" Person security::codes::form;
    POST "/security/recovery-codes" Person security::codes::submit;
    GET  "/security/factors/{factor}" Person security::factor::show;
    POST "/security/factors/{factor}/rename" Person security::factor::rename;
    POST "/security/factors/{factor}/remove" Person security::factor::remove;
    POST "/step-up" Person security::step_up::challenge;
}
