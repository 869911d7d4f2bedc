//! The surface as a client meets it: the whole router over a real store and the sandbox rail.

mod accounts;
mod authority;
mod browser;
mod canary;
mod conservation;
mod described;
mod enrolled;
mod events;
mod factors;
mod native;
mod operations;
mod organisations;
mod own_tokens;
mod passkeys;
mod retention;
mod rotation;
mod second_factor;
mod sign_in;
mod support;
mod trial;
mod web_doors;
mod web_tokens;
mod web_words;
mod wire;
mod world;
