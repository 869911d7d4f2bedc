//! The program as people meet it: the real binary, real ports, real files.

mod audit;
mod dev;
mod limits;
mod serve;
mod support;
