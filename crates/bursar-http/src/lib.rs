//! The HTTP surfaces: one route table, one pipeline.
//!
//! Every request takes the same way (ARCHITECTURE.md): address, body, authentication, authority, handler,
//! signature. Which credential may use which route stands in the table and nowhere else, and the router is
//! built from the table, so there is no route beside it. Handlers translate; they decide nothing.

mod abrupt;
mod address;
pub mod authz;
mod basic;
mod bitgo;
mod body;
mod budget;
mod busy;
mod call;
mod closing;
mod connections;
mod exchange;
mod exchange_live;
mod failure;
mod framing;
mod native;
mod oauth;
pub mod openapi;
pub mod operations;
mod pipeline;
mod problem;
mod rail;
mod rail_host;
mod routes;
mod sending;
mod shares;
mod socket;
mod taken;
mod web;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use bursar_service::Bursar;
use ipnet::IpNet;

use crate::operations::Operations;

pub use connections::{MOST_CONNECTIONS, serve, serve_at_most};
pub use native::limits::with_warnings as limits_document;
pub use routes::{Access, Description, table};
pub use web::{Audience, PageDescription, pages};

/// What an operator decides about the surface.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The environment's name, as `ping` tells it.
    pub environment: String,
    /// The longest body that is read, in bytes.
    pub body_limit: usize,
    /// What requests mean that other proxies ask about.
    pub authz: Arc<authz::Rules>,
    /// Hosts of a rail's own, in small letters, each with the rail's name.
    pub rail_hosts: BTreeMap<String, String>,
}

/// The router of all surfaces; what it answers is counted by `operations`.
pub fn router(bursar: Arc<Bursar>, settings: Settings, operations: &Operations) -> Router {
    pipeline::router(bursar, settings, operations.traffic())
}
