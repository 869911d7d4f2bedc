//! `bursar sandbox-rail`: the sandbox as a process that outlives the server that asks it.

use std::path::PathBuf;
use std::sync::Arc;

use bursar_gateway::sandbox;
use clap::Args;
use serde_json::json;

use crate::cli::output;
use crate::environment;
use crate::failure::Failure;
use crate::operator;
use crate::server;

#[derive(Args)]
pub(super) struct SandboxRail {
    /// The book; it is begun if there is none.
    #[arg(long, value_name = "FILE")]
    book: PathBuf,
    /// Where to listen.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
}

impl SandboxRail {
    pub(super) fn run(self) -> Result<(), Failure> {
        environment::start_log("warn");
        let rail = sandbox::SandboxRail::open(&self.book).map_err(|error| Failure::at(&self.book, error))?;
        server::runtime()?.block_on(async {
            let listener = operator::socket::bind_at(&self.socket)?;
            output::json(&json!({"book": self.book, "socket": self.socket, "pid": std::process::id()}))?;
            sandbox::socket::serve(listener, Arc::new(rail), server::end_of_input()).await;
            Ok(())
        })
    }
}
