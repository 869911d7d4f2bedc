//! The program as people meet it: the real binary, real ports, real files.

mod archiving;
mod audit;
mod copied;
mod desk;
mod dev;
mod factors;
mod issued;
mod ledger;
mod limits;
mod operator_limits;
mod people;
mod rails;
mod rotation;
mod serve;
mod support;
