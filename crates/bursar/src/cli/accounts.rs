use crate::failure::Failure;
#[derive(clap::Subcommand)] pub(super) enum Wallet { List }
impl Wallet { pub(super) fn run(self, _j: bool) -> Result<(), Failure> { Ok(()) } }
