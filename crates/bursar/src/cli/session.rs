use clap::Args; use crate::failure::Failure;
#[derive(Args)] pub(super) struct Login {}
impl Login { pub(super) fn run(self, _j: bool) -> Result<(), Failure> { Ok(()) } }
#[derive(Args)] pub(super) struct Connection {}
pub(super) fn logout(_c: &Connection, _j: bool) -> Result<(), Failure> { Ok(()) }
pub(super) fn whoami(_c: &Connection, _j: bool) -> Result<(), Failure> { Ok(()) }
