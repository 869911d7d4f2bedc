//! `bursar`: the server, and the command line for its users and for whoever runs it.
//!
//! The wiring stands here and nothing else: the only place that asks for the time, for chance, for the
//! environment and for files of configuration. No rule about tokens or money may stand here.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

mod archive;
mod authz;
#[cfg(feature = "evm")]
mod calls;
mod cli;
mod configuration;
mod dev;
mod environment;
mod failure;
mod key_file;
mod open_files;
mod operator;
mod post;
mod prove;
mod rails;
mod regular_file;
mod server;

use std::process::ExitCode;

/// Faster than the system's under many small allocations from many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
