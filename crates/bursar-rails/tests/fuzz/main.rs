//! Every decoder and classifier, with bytes at random and with sound samples that were broken: none panics, and what one of
//! them understands is what somebody else reads in the same bytes.
//!
//! Each is tried with some thousand inputs at random; `BURSAR_FUZZ_CASES` says with how many. Each is a target of `bolero`
//! too, so that `cargo bolero test NAME` looks for inputs that reach code which none has reached before.

#[macro_use]
mod samples;

mod bitcoin_calls;
mod bitcoin_transactions;
mod bitgo_requests;
mod evm_answers;
mod evm_calls;
mod evm_contracts;
mod evm_transactions;
mod http_requests;
mod json;
mod rlp;
