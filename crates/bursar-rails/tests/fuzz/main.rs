//! Every decoder and classifier, with bytes at random and with sound samples that were broken: none panics, and what one of
//! them understands is what somebody else reads in the same bytes.
//!
//! Each is tried with some thousand inputs that no run before has seen; `BURSAR_FUZZ_CASES` says with how many.

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
mod samples;
