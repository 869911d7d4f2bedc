//! The OpenAPI document of this surface.

use axum::http::StatusCode;

use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::openapi;

pub(crate) async fn show(_call: Call) -> Result<Reply, Failure> {
    Reply::json_text(StatusCode::OK, openapi::written())
}
