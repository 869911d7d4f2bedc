use crate::failure::Failure;
#[derive(clap::Subcommand)] pub(super) enum Token { List }
impl Token { pub(super) fn run(self, _j: bool) -> Result<(), Failure> { Ok(()) } }
