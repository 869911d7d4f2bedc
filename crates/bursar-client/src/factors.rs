//! One's second factors.

use serde_json::{Value, json};
use ureq::http::Method;

use crate::error::ClientError;
use crate::{Client, escaped, put};

impl Client {
    /// One's second factors, and how many recovery codes are left.
    ///
    /// # Errors
    /// The caller is no person, or no answer.
    pub fn factors(&self) -> Result<Value, ClientError> {
        self.ask(&Method::GET, "/bursar/v1/factors", None)
    }

    /// Begins to enrol an authenticator app; the answer has its secret as `secret` and `uri`, this once.
    ///
    /// # Errors
    /// A second factor that is there has to be shown, or no answer.
    pub fn enrol_totp(&self, label: &str, otp: Option<&str>) -> Result<Value, ClientError> {
        let mut body = json!({"label": label});
        put(&mut body, "otp", otp);
        self.ask(&Method::POST, "/bursar/v1/factors/totp", Some(&body))
    }

    /// Makes the app a second factor by its first code; the answer has recovery codes if there were none.
    ///
    /// # Errors
    /// The code is wrong, it took too long, or no answer.
    pub fn confirm_totp(&self, id: &str, code: &str) -> Result<Value, ClientError> {
        let path = format!("/bursar/v1/factors/totp/{}/confirm", escaped(id));
        self.ask(&Method::POST, &path, Some(&json!({"otp": code})))
    }

    /// Gives a second factor another name.
    ///
    /// # Errors
    /// There is none of this id, or no answer.
    pub fn rename_factor(&self, id: &str, label: &str) -> Result<Value, ClientError> {
        self.ask(&Method::PATCH, &format!("/bursar/v1/factors/{}", escaped(id)), Some(&json!({"label": label})))
    }

    /// Removes a second factor.
    ///
    /// # Errors
    /// There is none of this id, it is the last one, a proof is missing, or no answer.
    pub fn remove_factor(&self, id: &str, otp: Option<&str>) -> Result<Value, ClientError> {
        let mut body = json!({});
        put(&mut body, "otp", otp);
        self.ask(&Method::POST, &format!("/bursar/v1/factors/{}/remove", escaped(id)), Some(&body))
    }

    /// Replaces one's recovery codes; the answer has the new ones, this once.
    ///
    /// # Errors
    /// A proof is missing or wrong, or no answer.
    pub fn regenerate_recovery_codes(&self, otp: Option<&str>) -> Result<Value, ClientError> {
        let mut body = json!({});
        put(&mut body, "otp", otp);
        self.ask(&Method::POST, "/bursar/v1/factors/recovery-codes", Some(&body))
    }
}
